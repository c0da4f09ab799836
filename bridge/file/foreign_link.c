/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Previews of links in messages. The sender's app says what the page says, which it has asked
 * POST /api/links/preview or seen for itself; or it says the URL alone, and the rest is added when
 * it has come. On XMPP there is only the link in the text. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/content.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/json_check.h"
#include "bridge/file/foreign_page.h"
#include "bridge/job/job.h"
#include "bridge/media/fetch.h"
#include "bridge/view/view.h"
#include "xep/visible.h"

#define URL_MAX 2048
#define TITLE_MAX 300 /* code points */
#define DESCRIPTION_MAX 1000

static bool fetches; /* what a message does not say is asked for */

static bool url_is_fine(const char *url)
{
    bool web = url && (g_str_has_prefix(url, "https://") || g_str_has_prefix(url, "http://"));
    return web && strlen(url) > 10 && strlen(url) <= URL_MAX && !strpbrk(url, " \t\r\n<>\"");
}

/* ---- Sends ----------------------------------------------------------------------------------- */

/* Takes the text NAME of at most MOST code points over into TAKEN. False: it is none. */
static bool text_take(const json_t *value, const char *name, long most, json_t *taken)
{
    const json_t *member = json_object_get(value, name);
    const char *text = json_string_value(member);
    if (!member || json_is_null(member))
        return true;
    if (!text || g_utf8_strlen(text, -1) > most || (*text && !text_is_visible(text, strlen(text))))
        return false;
    if (*text)
        json_object_set_new(taken, name, json_string(text));
    return true;
}

static bool image_take(const json_t *value, json_t *taken)
{
    const json_t *member = json_object_get(value, "image_file_id");
    const char *text = json_string_value(member);
    char id[UUID_TEXT_SIZE];
    struct uuid file;
    if (!member || json_is_null(member))
        return true;
    if (!text || !uuid_parse(text, &file))
        return false;
    uuid_format(&file, id);
    json_object_set_new(taken, "image_file_id", json_string(id));
    return true;
}

/* What is wrong with the members of VALUE, which go into TAKEN; NULL: nothing. */
static const char *preview_problem(const json_t *value, const char *content, json_t *taken)
{
    const char *url = json_string_value(json_object_get(value, "url"));
    if (!url_is_fine(url))
        return "url must be a link of http or https";
    if (!content || !strstr(content, url))
        return "url must stand in the content";
    json_object_set_new(taken, "url", json_string(url));
    if (!text_take(value, "title", TITLE_MAX, taken))
        return "title must be a text of at most 300 characters";
    if (!text_take(value, "description", DESCRIPTION_MAX, taken))
        return "description must be a text of at most 1000 characters";
    if (!text_take(value, "site_name", TITLE_MAX, taken))
        return "site_name must be a text of at most 300 characters";
    if (!image_take(value, taken))
        return "image_file_id must be the id of a file";
    if (json_object_get(taken, "title"))
        return NULL;
    if (!fetches || json_object_size(taken) > 1)
        return "title is required";
    json_object_set_new(taken, "fetch", json_true());
    return NULL;
}

static json_t *preview_take(const json_t *value, const char *content, struct field_problem *problem)
{
    json_t *taken = json_object();
    problem->detail = preview_problem(value, content, taken);
    if (!problem->detail)
        return taken;
    json_decref(taken);
    return NULL;
}

static const struct content contents[] = {
    {.key = "link_preview", .take = preview_take},
    {0},
};

/* ---- What was not said ----------------------------------------------------------------------- */

static void preview_noted(const struct change_result *result, void *data)
{
    bool done = change_succeeded(result);
    enum error_code error = result->error != ERROR_NONE ? result->error : ERROR_UNAVAILABLE;
    job_conclude(data, done ? ERROR_NONE : error, false);
}

static void preview_got(const struct preview_view *view, void *data)
{
    struct job *job = data;
    struct core *core = job_core(job);
    (void)view; /* it is known now, and so is that there is none; else the change says so */
    if (core->archive)
        change_submit(core, "link_arrived", NULL, json_pack("{s:s}", "message_id", job_key(job)),
                      preview_noted, job);
    else
        job_conclude(job, ERROR_UNAVAILABLE, false);
}

static void link_wanted(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    if (error == ERROR_NONE && rows_count(rows) == 1)
        preview_get(job_core(job), rows_text(rows, 0, LINK_WANTED_URL), job_key(job), preview_got,
                    job);
    else
        job_conclude(job, error, false);
}

static void preview_run(struct job *job)
{
    archive_query(job_core(job)->archive, QUERY_LINK_WANTED, (const char *[]){job_key(job)},
                  link_wanted, job);
}

static void links_reap(struct job *job)
{
    job_reap(job, QUERY_REAP_LINKS, (const char *[]){"2000"});
}

static const struct job_kind jobs[] = {
    {.name = "reap.links", .interval = 3600, .run = links_reap},
    {.name = "link.preview",
     .lock = 120,
     .retry = 5,
     .retry_max = 300,
     .pool = JOB_FAR,
     .run = preview_run},
    {0},
};

/* ---- Asking ---------------------------------------------------------------------------------- */

static const struct field preview_fields[] = {
    {.name = "url", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .minimum = 1, .maximum = URL_MAX},
    {0},
};

/* Why there is none is not said: nobody is to look around in our network by asking. */
static void preview_reply(const struct preview_view *view, void *data)
{
    struct request *request = data;
    struct json_writer json;
    g_auto(buffer) buf = BUFFER_INIT(VIEW_OBJECT_MAX);
    if (!view) {
        request_refuse_field(request, "url", "leads to nothing of which something could be shown");
        return;
    }
    json_writer_init(&json, &buf);
    view_write(&json, view_schema_find("LinkPreview"), view);
    request_reply(request, 200, &buf);
}

static void link_preview(struct request *request)
{
    const char *url = request_text(request, "url");
    if (!fetches)
        request_fail(request, ERROR_NOT_AVAILABLE, "this server does not look at pages");
    else if (!url_is_fine(url))
        request_refuse_field(request, "url", "must be a link of http or https");
    else
        preview_get(request->core, url, request->account->id_text, preview_reply, request);
}

static bool link_is_there(void)
{
    return fetches;
}

static void link_start(struct core *core)
{
    previews_start();
    fetches_start(core->options);
    fetches = strcmp(core->options->fetch_previews, "on") == 0;
}

static void link_drain(struct core *core)
{
    (void)core;
    fetches_stop();
}

static void link_stop(struct core *core)
{
    (void)core;
    previews_stop();
}

static const struct part part = {.name = "foreign_link", .drain = link_drain};

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/links/preview",
     .fields = preview_fields,
     .handle = link_preview,
     .limit = LIMIT_PREVIEWS,
     .reply = "LinkPreview",
     .errors = OPERATION_ERROR(NOT_AVAILABLE),
     .summary = "What the page of a link says of itself: title, description, picture"},
    {0},
};

const struct feature feature_foreign_link = {.name = "foreign_link",
                                             .part = &part,
                                             .operations = operations,
                                             .contents = contents,
                                             .jobs = jobs,
                                             .start = link_start,
                                             .stop = link_stop,
                                             .is_there = link_is_there};
