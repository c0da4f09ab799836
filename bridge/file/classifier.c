/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A service of the operator's that sees files before anybody gets them: nudity, secrets of the
 * house. The service is told where the file is for as long as it is being looked at: the
 * links are of no use to anybody once there is a verdict. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/file_link.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/hook.h"
#include "bridge/job/job.h"
#include "bridge/loop/http_client.h"
#include "bridge/media/media.h"

#define ASKED_MAX 16 /* at a time */
#define FAILURES_MAX 5
#define PAUSE (10 * G_USEC_PER_SEC)
#define REASONS_MAX 10
#define REASON_MAX 100 /* bytes */

static struct {
    struct http_client *client; /* NULL: there is no such service, or it is asked no more */
    struct hook hook;
    bool ended; /* this process goes down */
} service;

/* ---- Verdicts -------------------------------------------------------------------------------- */

static const char *verdict_in(const json_t *answer)
{
    static const char *const verdicts[] = {"clean", "infected", "held"};
    const char *said = json_string_value(json_object_get(answer, "verdict"));
    for (size_t i = 0; said && i < G_N_ELEMENTS(verdicts); i++) {
        if (strcmp(said, verdicts[i]) == 0)
            return verdicts[i];
    }
    return NULL;
}

static json_t *reasons_in(const json_t *answer)
{
    json_t *reasons = json_array();
    const json_t *said = json_object_get(answer, "reasons");
    for (size_t i = 0; i < json_array_size(said) && json_array_size(reasons) < REASONS_MAX; i++) {
        const char *reason = json_string_value(json_array_get(said, i));
        if (reason && *reason && strlen(reason) <= REASON_MAX && !strchr(reason, '\n'))
            json_array_append_new(reasons, json_string(reason));
    }
    return reasons;
}

static void verdict_kept(const struct change_result *result, void *data)
{
    job_conclude(data, result->error, false);
}

/* REASONS is taken. */
static void verdict_keep(struct job *job, const char *verdict, json_t *reasons)
{
    struct core *core = job_core(job);
    if (!core->archive) {
        json_decref(reasons);
        job_conclude(job, ERROR_UNAVAILABLE, false);
        return;
    }
    if (strcmp(verdict, "clean") != 0)
        log_warning(AREA_MAIN, "file-kept-back", "verdict=%s by=classifier", verdict);
    json_t *arguments =
        json_pack("{s:s, s:s, s:o}", "id", job_key(job), "scan", verdict, "reasons", reasons);
    change_submit(core, "file_processed", NULL, arguments, verdict_kept, job);
}

static void verdict_without(struct job *job)
{
    const char *failure = job_core(job)->options->media_classifier_failure;
    if (strcmp(failure, "wait") == 0)
        job_end(job, JOB_FAILED, NULL, "the classifier does not answer");
    else if (strcmp(failure, "hold") == 0)
        verdict_keep(job, "held", json_pack("[s]", "classifier_unavailable"));
    else
        verdict_keep(job, "clean", json_array());
}

static void on_answer(const json_t *answer, void *data)
{
    const char *verdict = answer ? verdict_in(answer) : NULL;
    if (service.ended)
        job_conclude(data, ERROR_UNAVAILABLE, false);
    else if (verdict)
        verdict_keep(data, verdict, reasons_in(answer));
    else
        verdict_without(data);
}

/* ---- Questions ------------------------------------------------------------------------------- */

static bool has_part(const json_t *parts, const char *wanted)
{
    size_t i;
    const json_t *part;
    json_array_foreach(parts, i, part)
    {
        const char *name = json_string_value(json_object_get(part, "name"));
        if (name && strcmp(name, wanted) == 0)
            return true;
    }
    return false;
}

static json_t *link_to(const struct rows *rows, const char *part)
{
    struct uuid id;
    if (!rows_uuid(rows, 0, FILE_CLASSIFY_ID, &id))
        return json_null();
    g_autofree char *link = file_link_direct(&id, part, rows_text(rows, 0, FILE_CLASSIFY_NAME));
    return link ? json_string(link) : json_null();
}

static json_t *question_of(const struct rows *rows)
{
    static const char *const previews[] = {"600.jpeg", "300.jpeg", "150.jpeg"};
    json_t *parts = json_loads(rows_text(rows, 0, FILE_CLASSIFY_PARTS), 0, NULL);
    json_t *preview = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(previews) && !preview; i++) {
        g_autofree char *part = g_strconcat(FILE_CHECK_PART ".", previews[i], NULL);
        preview = has_part(parts, previews[i]) ? link_to(rows, part) : NULL;
    }
    json_decref(parts);
    json_t *data = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:I, s:s?, s:o, s:o, s:o}", "file_id",
        rows_text(rows, 0, FILE_CLASSIFY_ID), "filename", rows_text(rows, 0, FILE_CLASSIFY_NAME),
        "mime_type", rows_text(rows, 0, FILE_CLASSIFY_TYPE), "type",
        rows_text(rows, 0, FILE_CLASSIFY_KIND), "purpose",
        rows_text(rows, 0, FILE_CLASSIFY_PURPOSE), "size",
        (json_int_t)rows_integer(rows, 0, FILE_CLASSIFY_SIZE), "sha256",
        rows_text(rows, 0, FILE_CLASSIFY_SHA256), "url", link_to(rows, FILE_CHECK_PART),
        "preview_url", preview ? preview : json_null(), "owner",
        json_loads(rows_text(rows, 0, FILE_CLASSIFY_OWNER), 0, NULL));
    return json_pack("{s:s, s:o}", "type", "file.check", "data", data);
}

static void file_found(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    if (error != ERROR_NONE || rows_count(rows) == 0)
        job_conclude(job, error, false);
    else if (service.ended) /* another process asks */
        job_conclude(job, ERROR_UNAVAILABLE, false);
    else if (!service.client) /* there was one: nobody looks any more */
        verdict_keep(job, "clean", json_array());
    else if (!hook_ask(&service.hook, question_of(rows), on_answer, job))
        verdict_without(job);
}

static void classify_run(struct job *job)
{
    const struct core *core = job_core(job);
    if (core->archive && media_is_on())
        archive_query(core->archive, QUERY_FILE_CLASSIFY, (const char *[]){job_key(job)},
                      file_found, job);
    else
        job_conclude(job, core->archive ? ERROR_NOT_AVAILABLE : ERROR_UNAVAILABLE, false);
}

/* ---- The feature ----------------------------------------------------------------------------- */

static const struct job_kind jobs[] = {
    {.name = "media.classify",
     .lock = 120,
     .retry = 2,
     .retry_max = 300,
     .pool = JOB_FAR,
     .run = classify_run},
    {0},
};

static void classifier_start(struct core *core)
{
    const struct options *options = core->options;
    service.ended = false;
    if (!media_has_classifier(options))
        return;
    service.client = http_client_new(ASKED_MAX);
    service.hook = (struct hook){.client = service.client,
                                 .url = options->media_classifier_url,
                                 .secret = options->media_classifier_secret,
                                 .timeout = (unsigned)options->media_classifier_timeout,
                                 .breaker = {.failures_max = FAILURES_MAX,
                                             .pause = PAUSE,
                                             .gauge = METRIC_CLASSIFIER_BREAKER},
                                 .asked = METRIC_CLASSIFIER_ASKED,
                                 .failed = METRIC_CLASSIFIER_FAILED};
}

/* Nobody is waited for any more; files wait for the next start. */
static void classifier_drain(struct core *core)
{
    (void)core;
    service.ended = true;
    g_clear_pointer(&service.client, http_client_free);
}

static void classifier_secrets_read(struct core *core, const struct options *fresh)
{
    hook_renew(&service.hook, fresh->media_classifier_secret,
               core->options->media_classifier_secret);
}

static const struct part part = {
    .name = "classifier", .secrets_read = classifier_secrets_read, .drain = classifier_drain};

const struct feature feature_classifier = {
    .name = "classifier", .part = &part, .jobs = jobs, .start = classifier_start};
