/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An export is files of several stages. A step reads a page of a stage and keeps what it says as
 * pieces of files; the job remembers behind which step it is. What is done twice, after a process
 * has died, is kept once. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/buffer.h"
#include "bridge/base/log.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/field.h"
#include "bridge/personal/export_job.h"
#include "bridge/job/job.h"
#include "bridge/view/rows.h"
#include "xep/0227_pie.h"

#define ROWS_AT_A_TIME 200
#define BYTES_AT_A_TIME "131072" /* of texts; about what is made in one go */
#define STEPS_OF_A_RUN 30        /* far less than the job's lock */
#define STEPS_MAX 1000000        /* pieces of one file; behind them it has failed */

#define DOCUMENT "xep-0227.xml"
#define VERSIONS "versions.jsonl"

enum source { LINES, CONVERSATIONS, MESSAGES };
enum whose { OF_ACCOUNT = 1, OF_CONVERSATION = 2, OF_BOTH = 3 };

static const struct stage {
    const char *file;
    const char *kind; /* of export_rows() */
    enum source source;
    enum whose whose;
} stages[] = {
    {"profile.json", "profile", LINES, OF_ACCOUNT},
    {"contacts.jsonl", "contacts", LINES, OF_ACCOUNT},
    {"blocked.jsonl", "blocked", LINES, OF_ACCOUNT},
    {"restricted.jsonl", "restricted", LINES, OF_ACCOUNT},
    {"sessions.jsonl", "sessions", LINES, OF_ACCOUNT},
    {"bookmarks.jsonl", "bookmarks", LINES, OF_ACCOUNT},
    {"found.jsonl", "found", LINES, OF_ACCOUNT},
    {"files.jsonl", "files", LINES, OF_BOTH},
    {"calls.jsonl", "calls", LINES, OF_ACCOUNT},
    {"call-quality.jsonl", "call-quality", LINES, OF_ACCOUNT},
    {"starred.jsonl", "starred", LINES, OF_ACCOUNT},
    {"hidden.jsonl", "hidden", LINES, OF_ACCOUNT},
    {"reactions.jsonl", "reactions", LINES, OF_ACCOUNT},
    {"votes.jsonl", "votes", LINES, OF_ACCOUNT},
    {"forwarded.jsonl", "forwarded", LINES, OF_ACCOUNT},
    {"drafts.jsonl", "drafts", LINES, OF_ACCOUNT},
    {"scheduled.jsonl", "scheduled", LINES, OF_ACCOUNT},
    {"reports.jsonl", "reports", LINES, OF_ACCOUNT},
    {"moderation.jsonl", "moderation", LINES, OF_ACCOUNT},
    {"audit.jsonl", "audit", LINES, OF_ACCOUNT},
    {"activity.jsonl", "activity", LINES, OF_ACCOUNT},
    {"exports.jsonl", "exports", LINES, OF_ACCOUNT},
    {"consents.jsonl", "consents", LINES, OF_ACCOUNT},
    {"memberships.jsonl", "memberships", LINES, OF_ACCOUNT},
    {"said-elsewhere.jsonl", "said", LINES, OF_ACCOUNT},
    {"conversations.jsonl", NULL, CONVERSATIONS, OF_BOTH},
    {"members.jsonl", "members", LINES, OF_CONVERSATION},
    {"messages.jsonl", NULL, MESSAGES, OF_BOTH},
};
/* Files beside those, in the order of numbers. */
enum { NUMBER_VERSIONS = G_N_ELEMENTS(stages), NUMBER_DOCUMENT };

struct making {
    struct job *job;
    char *user, *jid, *conversation; /* conversation: NULL: of an account */
    char *after;                     /* key of the last row; NULL: the stage begins */
    gint64 stage, step, seen, total; /* seen: messages, of about total */
    unsigned steps;                  /* of this run */
    unsigned rows;                   /* that a page has; fewer when so many were too much */
    bool page_is_last;
    bool is_old; /* begun by a release with other stages */
    /* What a step has made. */
    GString *document;
    struct buffer lines, versions;
};

static void making_free(struct making *making)
{
    g_free(making->user);
    g_free(making->jid);
    g_free(making->conversation);
    g_free(making->after);
    g_string_free(making->document, TRUE);
    buffer_clear(&making->lines);
    buffer_clear(&making->versions);
    g_free(making);
}

static void making_end(struct making *making, enum error_code error)
{
    job_conclude(making->job, error, false);
    making_free(making);
}

static void making_pause(struct making *making)
{
    json_t *payload =
        json_pack("{s:I, s:I, s:I, s:I, s:s*}", "stage", (json_int_t)making->stage, "of",
                  (json_int_t)G_N_ELEMENTS(stages), "step", (json_int_t)making->step, "seen",
                  (json_int_t)making->seen, "after", making->after);
    char *text = json_dumps(payload, JSON_COMPACT);
    job_end(making->job, JOB_MORE, text, NULL);
    free(text);
    json_decref(payload);
    making_free(making);
}

/* ---- What a page becomes --------------------------------------------------------------------- */

static void document_begin(struct making *making, const struct stage *stage)
{
    struct pie_frame frame = {0};
    if (stage->source == MESSAGES)
        frame = pie_archive();
    else if (g_strcmp0(stage->kind, "profile") == 0)
        frame = pie_user(making->jid);
    else if (g_strcmp0(stage->kind, "contacts") == 0)
        frame = pie_roster();
    if (frame.head)
        g_string_append(making->document, frame.head);
    pie_frame_clear(&frame);
}

static void document_end(struct making *making, const struct stage *stage)
{
    struct pie_frame frame = {0};
    if (stage->source == MESSAGES) {
        struct pie_frame user = pie_user(making->jid);
        frame = pie_archive();
        g_string_append(making->document, frame.tail);
        g_string_append(making->document, user.tail);
        pie_frame_clear(&user);
    } else if (g_strcmp0(stage->kind, "contacts") == 0) {
        frame = pie_roster();
        g_string_append(making->document, frame.tail);
    }
    pie_frame_clear(&frame);
}

static const char *member_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void document_line(struct making *making, const struct stage *stage, const char *line)
{
    bool profile = strcmp(stage->kind, "profile") == 0;
    if (making->conversation || (!profile && strcmp(stage->kind, "contacts") != 0))
        return;
    json_t *said = json_loads(line, 0, NULL);
    if (profile) {
        const struct vcard card = {.full_name = member_text(said, "name"),
                                   .nickname = member_text(said, "username"),
                                   .description = member_text(said, "bio")};
        pie_add_vcard(making->document, &card);
    } else {
        const char *called = member_text(said, "called");
        g_autofree const char **groups = field_texts(json_object_get(said, "groups"));
        const struct pie_contact contact = {.jid = member_text(said, "jid"),
                                            .name = called ? called : member_text(said, "name"),
                                            .groups = groups,
                                            .subscription = member_text(said, "subscription"),
                                            .ask = json_is_true(json_object_get(said, "ask"))};
        pie_add_contact(making->document, &contact);
    }
    json_decref(said);
}

static void document_message(struct making *making, const struct rows *rows, int row)
{
    const struct pie_message said = {.id = rows_text(rows, row, EXPORT_MESSAGES_ID),
                                     .stamp_us = rows_time(rows, row, EXPORT_MESSAGES_AT),
                                     .from = rows_text(rows, row, EXPORT_MESSAGES_SENDER),
                                     .to = rows_text(rows, row, EXPORT_MESSAGES_RECEIVER),
                                     .origin = rows_text(rows, row, EXPORT_MESSAGES_ORIGIN),
                                     .body = rows_text(rows, row, EXPORT_MESSAGES_BODY)};
    if (!making->conversation && said.from && said.to && said.body)
        pie_add_message(making->document, &said);
}

static void line_end(struct buffer *lines)
{
    buffer_append(lines, "\n", 1);
}

static void view_line(struct making *making, const char *name, const struct rows *rows, int row,
                      int column)
{
    g_auto(view_memory) memory = {0};
    const struct view_schema *schema = view_schema_find(name);
    const void *view = view_from_row(view_schema_type(schema), rows, row, column, &memory);
    if (!view)
        return;
    struct json_writer json;
    json_writer_init(&json, &making->lines);
    view_write(&json, schema, view);
    line_end(&making->lines);
}

static void message_line(struct making *making, const struct rows *rows, int row)
{
    const char *versions = rows_text(rows, row, EXPORT_MESSAGES_VERSIONS);
    view_line(making, "Message", rows, row, EXPORT_MESSAGES_MESSAGE);
    document_message(making, rows, row);
    if (versions) {
        buffer_append_string(&making->versions, versions);
        line_end(&making->versions);
    }
}

ARCHIVE_SAME_COLUMN(EXPORT_ROWS_KEY, EXPORT_MESSAGES_KEY);
ARCHIVE_SAME_COLUMN(EXPORT_ROWS_KEY, EXPORT_CONVERSATIONS_KEY);

static void page_write(struct making *making, const struct rows *rows)
{
    const struct stage *stage = &stages[making->stage];
    int count = rows_count(rows);
    if (!making->after && !making->conversation)
        document_begin(making, stage);
    for (int row = 0; row < count; row++) {
        if (stage->source == MESSAGES) {
            message_line(making, rows, row);
        } else if (stage->source == CONVERSATIONS) {
            view_line(making, "Conversation", rows, row, EXPORT_CONVERSATIONS_CONVERSATION);
        } else {
            const char *line = rows_text(rows, row, EXPORT_ROWS_LINE);
            if (!line)
                continue;
            buffer_append_string(&making->lines, line);
            line_end(&making->lines);
            document_line(making, stage, line);
        }
    }
    making->page_is_last = count == 0;
    if (making->page_is_last && !making->conversation)
        document_end(making, stage);
    if (stage->source == MESSAGES)
        making->seen += count;
    if (count > 0) {
        g_free(making->after);
        making->after = g_strdup(rows_text(rows, count - 1, EXPORT_ROWS_KEY));
    }
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void step_begin(struct making *making);

static void export_done(const struct change_result *result, void *data)
{
    making_end(data, change_error(result));
}

static void export_measured(const struct rows *rows, enum error_code error, void *data)
{
    struct making *making = data;
    struct core *core = job_core(making->job);
    (void)rows;
    if (error != ERROR_NONE || !core->archive)
        making_end(making, error != ERROR_NONE ? error : ERROR_UNAVAILABLE);
    else
        change_submit(core, "export_done", NULL,
                      json_pack("{s:s}", "export_id", job_key(making->job)), export_done, making);
}

static bool stage_is_wanted(const struct making *making)
{
    return stages[making->stage].whose & (making->conversation ? OF_CONVERSATION : OF_ACCOUNT);
}

static void step_next(struct making *making)
{
    struct core *core = job_core(making->job);
    making->step++;
    if (making->page_is_last) {
        g_clear_pointer(&making->after, g_free);
        do {
            making->stage++;
        } while (making->stage < (gint64)G_N_ELEMENTS(stages) && !stage_is_wanted(making));
    }
    if (making->stage < (gint64)G_N_ELEMENTS(stages)) {
        if (++making->steps < STEPS_OF_A_RUN && core->archive)
            step_begin(making);
        else
            making_pause(making);
    } else if (core->archive) {
        archive_query(core->archive, QUERY_EXPORT_MEASURE, (const char *[]){job_key(making->job)},
                      export_measured, making);
    } else {
        making_pause(making);
    }
}

/* Nothing makes it fit: whoever asked is told, and the job ends. */
static void export_fail(struct making *making)
{
    struct core *core = job_core(making->job);
    log_warning(AREA_CORE, "export-failed", "stage=%s step=%" G_GINT64_FORMAT,
                stages[making->stage].file, making->step);
    change_submit(core, "export_fail", NULL, json_pack("{s:s}", "export_id", job_key(making->job)),
                  export_done, making);
}

static void step_kept(const struct rows *rows, enum error_code error, void *data)
{
    struct making *making = data;
    if (error != ERROR_NONE || !rows_boolean(rows, 0, EXPORT_KEEP_KEPT))
        making_end(making, error);
    else
        step_next(making);
}

static void part_add(const struct making *making, json_t *parts, gint64 number, const char *file,
                     const char *content, size_t length)
{
    if (length > 0)
        json_array_append_new(parts, json_pack("{s:I, s:s, s:s%}", "n",
                                               (json_int_t)(number * STEPS_MAX + making->step),
                                               "file", file, "content", content, length));
}

static void step_keep(struct making *making)
{
    struct core *core = job_core(making->job);
    json_t *parts = json_array();
    char progress[8];
    gint64 percent = making->total > 0 ? making->seen * 100 / making->total : 0;
    g_snprintf(progress, sizeof progress, "%d", (int)CLAMP(percent, 0, 99));
    part_add(making, parts, making->stage, stages[making->stage].file, making->lines.data,
             making->lines.length);
    part_add(making, parts, NUMBER_VERSIONS, VERSIONS, making->versions.data,
             making->versions.length);
    part_add(making, parts, NUMBER_DOCUMENT, DOCUMENT, making->document->str,
             making->document->len);
    char *text = json_dumps(parts, JSON_COMPACT);
    archive_query(core->archive, QUERY_EXPORT_KEEP,
                  (const char *[]){job_key(making->job), progress, text}, step_kept, making);
    free(text);
    json_decref(parts);
}

static void page_read(const struct rows *rows, enum error_code error, void *data)
{
    struct making *making = data;
    if (error != ERROR_NONE || !job_core(making->job)->archive) {
        making_end(making, error != ERROR_NONE ? error : ERROR_UNAVAILABLE);
        return;
    }
    g_autofree char *before = g_strdup(making->after);
    gint64 seen = making->seen;
    page_write(making, rows);
    if (making->step >= STEPS_MAX) {
        export_fail(making);
    } else if (!making->lines.overflow && !making->versions.overflow) {
        step_keep(making);
    } else if (rows_count(rows) > 1) { /* the same page, with fewer */
        making->rows = (unsigned)rows_count(rows) / 2;
        making->seen = seen;
        g_free(making->after);
        making->after = g_steal_pointer(&before);
        step_begin(making);
    } else {
        export_fail(making);
    }
}

static void step_begin(struct making *making)
{
    struct core *core = job_core(making->job);
    const struct stage *stage = &stages[making->stage];
    char most[16];
    g_snprintf(most, sizeof most, "%u", making->rows);
    g_string_truncate(making->document, 0);
    buffer_reset(&making->lines);
    buffer_reset(&making->versions);
    if (stage->source == MESSAGES)
        archive_query_binary(core->archive, QUERY_EXPORT_MESSAGES,
                             (const char *[]){making->user, making->conversation, making->after,
                                              most, BYTES_AT_A_TIME},
                             page_read, making);
    else if (stage->source == CONVERSATIONS)
        archive_query_binary(
            core->archive, QUERY_EXPORT_CONVERSATIONS,
            (const char *[]){making->user, making->conversation, making->after, most}, page_read,
            making);
    else
        archive_query(
            core->archive, QUERY_EXPORT_ROWS,
            (const char *[]){making->user, stage->kind, making->conversation, making->after, most},
            page_read, making);
}

static void export_found(const struct rows *rows, enum error_code error, void *data)
{
    struct making *making = data;
    if (error != ERROR_NONE || rows_count(rows) == 0 || !job_core(making->job)->archive) {
        making_end(making, error);
        return;
    }
    making->user = g_strdup(rows_text(rows, 0, EXPORT_FIND_USER_ID));
    making->jid = g_strdup(rows_text(rows, 0, EXPORT_FIND_JID));
    making->conversation = g_strdup(rows_text(rows, 0, EXPORT_FIND_CONVERSATION_ID));
    making->total = rows_integer(rows, 0, EXPORT_FIND_TOTAL);
    while (!making->is_old && !stage_is_wanted(making))
        making->stage++;
    if (making->is_old)
        export_fail(making);
    else
        step_begin(making);
}

void export_run(struct job *job)
{
    struct making *making = g_new0(struct making, 1);
    json_t *payload = json_loads(job_payload(job), 0, NULL);
    making->job = job;
    making->rows = ROWS_AT_A_TIME;
    making->document = g_string_new(NULL);
    buffer_init(&making->lines, VIEW_OBJECT_MAX);
    buffer_init(&making->versions, VIEW_OBJECT_MAX);
    making->stage = CLAMP(json_integer_value(json_object_get(payload, "stage")), 0,
                          (gint64)G_N_ELEMENTS(stages) - 1);
    making->step = json_integer_value(json_object_get(payload, "step"));
    making->is_old = making->step > 0 && json_integer_value(json_object_get(payload, "of")) !=
                                             (json_int_t)G_N_ELEMENTS(stages);
    making->seen = json_integer_value(json_object_get(payload, "seen"));
    making->after = g_strdup(member_text(payload, "after"));
    json_decref(payload);
    archive_query(job_core(job)->archive, QUERY_EXPORT_FIND, (const char *[]){job_key(job)},
                  export_found, making);
}
