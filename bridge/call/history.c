/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls looked at: those of a user, what happened in them, and how the media was. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/call/quality.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"

#define HISTORY_MAX 50

/* ---- Reading --------------------------------------------------------------------------------- */

static const struct field get_fields[] = {FIELD_ID_IN_PATH("call_id"), {0}};
static const struct field active_fields[] = {FIELD_ID_IN_PATH("conversation_id"), {0}};
static const struct field list_fields[] = {
    FIELD_PAGE_LIMIT(HISTORY_MAX),
    {.name = "before", .type = FIELD_UUID, .flags = FIELD_IN_QUERY},
    {0},
};

/* ---- Statistics ------------------------------------------------------------------------------ */

static const struct field stats_fields[] = {
    FIELD_ID_IN_PATH("call_id"),
    {.name = "samples", .type = FIELD_JSON, .flags = FIELD_REQUIRED},
    {0},
};

static void samples_added(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    const char *added = error == ERROR_NONE && rows_count(rows) == 1
                            ? rows_text(rows, 0, CALL_SAMPLE_ADD_ADDED)
                            : NULL;
    g_auto(buffer) buf = BUFFER_INIT(64);
    if (added) {
        buffer_append_printf(&buf, "{\"added\":%s}", added);
        request_reply(request, 200, &buf);
    } else {
        request_fail(request, error == ERROR_NONE ? ERROR_NOT_FOUND : error, NULL);
    }
}

static void call_stats(struct request *request)
{
    static const struct field_problem bad = {
        ERROR_UNPROCESSABLE, "/samples",
        "must be 1 to 120 of { at, rtt_ms, jitter_ms, loss (to 1), bitrate }"};
    json_t *samples = request_value(request, "samples")->list;
    char id[UUID_TEXT_SIZE];
    if (!call_samples_settle(samples)) {
        request_fail_field(request, &bad);
        return;
    }
    uuid_format(request_uuid(request, "call_id"), id);
    char *text = json_dumps(samples, JSON_COMPACT);
    const char *values[] = {request->account->id_text, id, text};
    archive_query(request->core->archive, QUERY_CALL_SAMPLE_ADD, values, samples_added, request);
    free(text);
}

/* ---- The feature ----------------------------------------------------------------------------- */

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/calls/active/:conversation_id",
     .toggle = TOGGLE_CALLS,
     .fields = active_fields,
     .read = QUERY_CALL_ACTIVE,
     .reply = "CallActive",
     .summary = "The call that rings or goes on in a conversation"},
    {.method = "GET",
     .path = "/api/calls/:call_id",
     .toggle = TOGGLE_CALLS,
     .fields = get_fields,
     .read = QUERY_CALL_GET,
     .reply = "Call",
     .summary = "One call"},
    {.method = "GET",
     .path = "/api/calls",
     .toggle = TOGGLE_CALLS,
     .fields = list_fields,
     .read = QUERY_CALL_LIST,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:calls",
                                    .name = "Mine: calls",
                                    .asked = (const char *const[]){NULL}},
     .flags = OPERATION_LISTS,
     .reply = "CallPage",
     .summary = "The caller's calls, newest first"},
    {.method = "GET",
     .path = "/api/calls/:call_id/events",
     .toggle = TOGGLE_CALLS,
     .fields = get_fields,
     .read = QUERY_CALL_EVENT_LIST,
     .flags = OPERATION_LISTS,
     .reply = "CallEventPage",
     .summary = "What happened in a call"},
    {.method = "GET",
     .path = "/api/admin/calls/:call_id/events",
     .toggle = TOGGLE_CALLS,
     .fields = get_fields,
     .read = QUERY_CALL_EVENT_AUDIT,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "audit",
     .role = "auditor",
     .reply = "CallEventPage",
     .summary = "The same, for auditors"},
    {.method = "POST",
     .path = "/api/calls/:call_id/stats",
     .toggle = TOGGLE_CALLS,
     .fields = stats_fields,
     .handle = call_stats,
     .reply = "CallSamples",
     .summary = "Says how the media was; kept for 30 days"},
    {.method = "GET",
     .path = "/api/calls/:call_id/report",
     .toggle = TOGGLE_CALLS,
     .fields = get_fields,
     .read = QUERY_CALL_REPORT,
     .reply = "CallReport",
     .summary = "How both sides found the media"},
    {0},
};

const struct feature feature_call_history = {.name = "call_history", .operations = operations};
