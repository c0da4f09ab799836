/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit as a file: a line of JSON for each row, the oldest first, as fast as the client takes
 * them and without an end to how many. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/buffer.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/stream.h"

#define ROWS_AT_A_TIME 200
#define CHUNK_MAX (4 * 1024 * 1024) /* bytes; rows are cut long before */
#define NUMBER_MAX 24

struct export
{
    struct core *core;
    struct stream *stream; /* NULL: the client has left */
    char *since, *until, *actor, *action;
    char *user, *key;       /* who reads; one of them, or none */
    char after[NUMBER_MAX]; /* the id of the last row */
    bool asking;            /* a query is under way */
    bool complete;
};

static void export_free(struct export *export)
{
    g_free(export->since);
    g_free(export->until);
    g_free(export->actor);
    g_free(export->action);
    g_free(export->user);
    g_free(export->key);
    g_free(export);
}

static void export_end(struct export *export, bool cut)
{
    stream_end(export->stream, cut);
    export_free(export);
}

static void export_write(struct export *export, const struct rows *rows)
{
    g_auto(buffer) chunk = BUFFER_INIT(CHUNK_MAX);
    int count = rows_count(rows);
    for (int row = 0; row < count; row++) {
        buffer_append_string(&chunk, rows_text(rows, row, AUDIT_ROWS_LINE));
        buffer_append(&chunk, "\n", 1);
    }
    if (count > 0)
        g_strlcpy(export->after, rows_text(rows, count - 1, AUDIT_ROWS_ID), sizeof export->after);
    export->complete = count < ROWS_AT_A_TIME;
    if (chunk.overflow || !stream_write(export->stream, chunk.data ? chunk.data : "", chunk.length))
        export_end(export, true);
    else if (export->complete)
        export_end(export, false);
}

/* Whoever reads has lost the role, or the key, meanwhile. */
static bool is_refused(const struct rows *rows)
{
    return rows_count(rows) == 1 && !rows_text(rows, 0, AUDIT_ROWS_ID);
}

static void rows_read(const struct rows *rows, enum error_code error, void *data)
{
    struct export *export = data;
    export->asking = false;
    if (!export->stream)
        export_free(export);
    else if (error != ERROR_NONE || is_refused(rows))
        export_end(export, true);
    else
        export_write(export, rows);
}

static void export_ask(struct export *export)
{
    export->asking = true;
    const char *values[] = {
        export->since, export->until, export->actor, export->action, G_STRINGIFY(ROWS_AT_A_TIME),
        export->after, export->user,  export->key};
    archive_query(export->core->archive, QUERY_AUDIT_ROWS, values, rows_read, export);
}

static void on_drained(void *data)
{
    struct export *export = data;
    if (!export->asking)
        export_ask(export);
}

static void on_closed(void *data)
{
    struct export *export = data;
    export->stream = NULL;
    if (!export->asking)
        export_free(export);
}

static void export_reader(struct export *export, const struct request *request)
{
    char text[UUID_TEXT_SIZE];
    if (request->admin)
        return; /* at the shell */
    if (request->by_key)
        uuid_format(&request->grant.credential, text);
    else
        uuid_format(&request->account->id, text);
    *(request->by_key ? &export->key : &export->user) = g_strdup(text);
}

static void audit_export(struct request *request)
{
    struct export *export = g_new0(struct export, 1);
    export->core = request->core;
    export->since = g_strdup(request_text(request, "since"));
    export->until = g_strdup(request_text(request, "until"));
    export->actor = g_strdup(request_text(request, "actor"));
    export->action = g_strdup(request_text(request, "action"));
    g_strlcpy(export->after, "0", sizeof export->after);
    export_reader(export, request);
    const struct stream_owner owner = {on_drained, on_closed, export};
    export->stream = request_stream(request, "application/x-ndjson", &owner);
    if (export->stream)
        export_ask(export);
    else
        export_free(export);
}

static const struct field fields[] = {
    {.name = "since", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY | FIELD_TIME},
    {.name = "until", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY | FIELD_TIME},
    {.name = "actor", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY, .minimum = 1, .maximum = 3071},
    {.name = "action", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY, .minimum = 1, .maximum = 64},
    {0},
};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/audit/export",
     .fields = fields,
     .handle = audit_export,
     .flags = OPERATION_SERVER_KEY,
     .scope = "audit",
     .role = "auditor",
     .audit = "audit.export",
     .reply = "application/x-ndjson",
     .summary = "The audit, a line of JSON for each row, oldest first"},
    {0},
};

const struct feature feature_audit_export = {.name = "audit_export", .operations = operations};
