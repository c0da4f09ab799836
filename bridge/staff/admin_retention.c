/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is kept how long and what waits to go, for administrators; and looking now. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/base/buffer.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/request_row.h"

#define OWN "urn:trestle:admin:"
#define DAYS_MAX 2048  /* bytes */
#define COUNTED "5000" /* conversations that are looked at, of each kind */

static void days_write(struct json_writer *json, const struct options *options)
{
    const struct {
        const char *kind;
        gint64 days;
    } kept[] = {
        {"messages", options->retention_messages},
        {"media", options->retention_media},
        {"deleted", options->messages_kept_for_moderation},
        {"calls", options->retention_calls},
        {"analytics", options->retention_analytics},
        {"events", options->retention_events},
        {"groups", options->retention_groups},
        {"audit", options->retention_audit},
        {"reports", options->retention_reports},
        {"spam", options->retention_spam},
        {"server_archives", options->retention_server_archives},
        {"bound_waiting", options->retention_bound_waiting},
        {"remote_users", options->retention_remote_users},
    };
    json_begin_object(json);
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
        json_member_integer(json, kept[i].kind, kept[i].days);
    json_end_object(json);
}

static void retention_show(struct request *request)
{
    g_auto(buffer) buf = BUFFER_INIT(DAYS_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    days_write(&json, request->core->options);
    buffer_append(&buf, "", 1);
    archive_query(request->core->archive, QUERY_RETENTION_STATE,
                  (const char *[]){buf.data, COUNTED}, request_reply_row, request);
}

static const char *const kinds[] = {"messages", "media", "own", NULL};

static const struct field run_fields[] = {
    {.name = "kind",
     .type = FIELD_CHOICE,
     .flags = FIELD_REQUIRED,
     .choices = kinds,
     .label = "What (own: of users who want what they write to go)"},
    {0},
};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/admin/retention",
     .handle = retention_show,
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .adhoc = &(const struct adhoc){.node = OWN "retention", .name = "Service: what is kept"},
     .reply = "RetentionState",
     .summary = "What is kept how long, and how much has been kept for longer"},
    {.method = "POST",
     .path = "/api/admin/retention/run",
     .fields = run_fields,
     .change = "retention_run",
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .audit = "retention.run",
     .adhoc =
         &(const struct adhoc){.node = OWN "retention-run", .name = "Service: remove what is old"},
     .reply = "RetentionRun",
     .summary = "Looks now for what has been kept for long enough"},
    {0},
};

const struct feature feature_admin_retention = {.name = "admin_retention",
                                                .operations = operations};
