/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conversations: create-or-get, list, show, keep (pin, archive, mute), hide, read. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/conversation.h"
#include "bridge/core/conversation_json.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/message.h"
#include "xep/jid.h"
#include "xep/time.h"

#define PAGE_MAX (32 * 1024 * 1024) /* bytes; conversation_list() ends a page long before */

/* ---- Create or get --------------------------------------------------------------------------------- */

static const struct field open_fields[] = {
    {"participant_id", FIELD_USER, FIELD_ONE_OF, 1, 255, NULL},
    {"jid", FIELD_TEXT, FIELD_ONE_OF | FIELD_JID, 1, JID_MAX, NULL},
    {0},
};
enum { OPEN_PARTICIPANT, OPEN_JID };

static void open_done(const struct change_result *result, void *data)
{
    change_reply(data, 201, result);
}

static void conversation_open(struct request *request)
{
    const struct field_value *participant = &request->values[OPEN_PARTICIPANT];
    const struct field_value *jid = &request->values[OPEN_JID];
    static const struct field_problem bad_jid = {ERROR_UNPROCESSABLE, "/jid",
                                                 "is not a bare JID (name@domain)"};
    g_autofree char *prepared = jid->present ? jid_prepare(jid->text) : NULL;
    if (jid->present && (!prepared || !jid_is_valid_bare(prepared))) {
        request_fail_field(request, &bad_jid);
        return;
    }
    json_t *arguments =
        json_pack("{s:o*,s:s*,s:s,s:s,s:o*}", "participant", field_user_json(participant), "jid",
                  prepared, "domain", request->core->options->xmpp_domain, "field",
                  jid->present ? "jid" : "participant_id", "once", change_once(request));
    conversation_submit_open(request, arguments, open_done);
}

/* ---- List and show --------------------------------------------------------------------------------- */

static const char *const filters[] = {"all", "unread", "archived", "requests", NULL};

static const struct field list_fields[] = {
    {"limit", FIELD_INTEGER, FIELD_IN_QUERY, 1, 1000, NULL},
    {"before", FIELD_INTEGER, FIELD_IN_QUERY, 0, G_MAXINT64, NULL},
    {"after", FIELD_INTEGER, FIELD_IN_QUERY, 0, G_MAXINT64, NULL},
    {"filter", FIELD_CHOICE, FIELD_IN_QUERY, 0, 0, filters},
    {"q", FIELD_TEXT, FIELD_IN_QUERY, 1, 255, NULL},
    {0},
};
enum { LIST_LIMIT, LIST_BEFORE, LIST_AFTER, LIST_FILTER, LIST_TEXT };

static const char *number(const struct field_value *value, char ret_text[24])
{
    if (!value->present)
        return NULL;
    g_snprintf(ret_text, 24, "%" G_GINT64_FORMAT, value->integer);
    return ret_text;
}

static void list_read(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    if (error != ERROR_NONE) {
        request_fail(request, error, NULL);
        return;
    }
    g_auto(buffer) buf = BUFFER_INIT(PAGE_MAX);
    conversation_page_write(&buf, rows, request->values[LIST_AFTER].present, &request->account->id);
    request_reply(request, 200, &buf);
}

static void conversation_list(struct request *request)
{
    char limit[24], before[24], after[24];
    const char *wanted = number(&request->values[LIST_LIMIT], limit);
    const char *filter = request->values[LIST_FILTER].text;
    const char *values[] = {request->account->id_text,
                            wanted ? wanted : "50",
                            number(&request->values[LIST_BEFORE], before),
                            number(&request->values[LIST_AFTER], after),
                            filter ? filter : "all",
                            request->values[LIST_TEXT].text};
    archive_query_binary(request->core->archive, QUERY_CONVERSATION_LIST, values, list_read,
                         request);
}

static const struct field show_fields[] = {
    {"conversation_id", FIELD_UUID, FIELD_REQUIRED | FIELD_IN_PATH, 0, 0, NULL},
    {0},
};

static void conversation_show(struct request *request)
{
    char conversation[UUID_TEXT_SIZE];
    uuid_format(&request->values[0].uuid, conversation);
    const char *values[] = {request->account->id_text, conversation};
    archive_query(request->core->archive, QUERY_CONVERSATION_GET, values, request_reply_row,
                  request);
}

/* ---- Keep and hide --------------------------------------------------------------------------------- */

static const struct field keep_fields[] = {
    {"conversation_id", FIELD_UUID, FIELD_REQUIRED | FIELD_IN_PATH, 0, 0, NULL},
    {"pinned", FIELD_BOOLEAN, 0, 0, 0, NULL},
    {"archived", FIELD_BOOLEAN, 0, 0, 0, NULL},
    {"muted_until", FIELD_TEXT, FIELD_NULLABLE | FIELD_UNTIL, 1, 40, NULL},
    {0},
};
enum { KEEP_CONVERSATION, KEEP_PINNED, KEEP_ARCHIVED, KEEP_MUTED };

/* "forever", null, or a time. False if it is nothing of these. */
static bool add_muted(json_t *arguments, const struct field_value *muted)
{
    int64_t until;
    if (!muted->present)
        return true;
    if (!muted->text || strcmp(muted->text, "forever") == 0) {
        json_object_set_new(arguments, "muted_until",
                            muted->text ? json_string(muted->text) : json_null());
        return true;
    }
    if (!xep_time_parse(muted->text, &until))
        return false;
    char text[CLOCK_TIMESTAMP_SIZE];
    clock_format(until, text);
    json_object_set_new(arguments, "muted_until", json_string(text));
    return true;
}

static json_t *conversation_arguments(const struct request *request)
{
    char conversation[UUID_TEXT_SIZE];
    uuid_format(&request->values[0].uuid, conversation);
    return json_pack("{s:s}", "conversation_id", conversation);
}

static void conversation_keep(struct request *request)
{
    const struct field_value *values = request->values;
    static const struct field_problem bad_time = {ERROR_UNPROCESSABLE, "/muted_until",
                                                  "is not a time (RFC 3339), null or \"forever\""};
    json_t *arguments = conversation_arguments(request);
    if (values[KEEP_PINNED].present)
        json_object_set_new(arguments, "pinned", json_boolean(values[KEEP_PINNED].integer));
    if (values[KEEP_ARCHIVED].present)
        json_object_set_new(arguments, "archived", json_boolean(values[KEEP_ARCHIVED].integer));
    if (!add_muted(arguments, &values[KEEP_MUTED])) {
        json_decref(arguments);
        request_fail_field(request, &bad_time);
        return;
    }
    change_request(request, "conversation_update", arguments);
}

static void conversation_hide(struct request *request)
{
    change_request(request, "conversation_hide", conversation_arguments(request));
}

/* ---- Read ------------------------------------------------------------------------------------------ */

static const struct field read_fields[] = {
    {"conversation_id", FIELD_UUID, FIELD_IN_PATH, 0, 0, NULL}, /* a command may leave it out */
    {"message_id", FIELD_UUID, 0, 0, 0, NULL},
    {0},
};
enum { READ_CONVERSATION, READ_MESSAGE };

static void conversation_read(struct request *request)
{
    const struct field_value *message = &request->values[READ_MESSAGE];
    static const struct field_problem neither = {ERROR_UNPROCESSABLE, "/conversation_id",
                                                 "is required without a message_id"};
    if (!request->values[READ_CONVERSATION].present && !message->present) {
        request_fail_field(request, &neither);
        return;
    }
    message_read(request, &request->values[READ_CONVERSATION].uuid,
                 message->present ? &message->uuid : NULL);
}

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/conversations",
     .fields = open_fields,
     .handle = conversation_open,
     .flags = OPERATION_CREATES | OPERATION_ONCE,
     .reply = "Conversation",
     .errors = OPERATION_ERROR(REFUSED),
     .summary = "Makes or finds the conversation with a user or a JID"},
    {.method = "GET",
     .path = "/api/conversations",
     .fields = list_fields,
     .handle = conversation_list,
     .reply = "ConversationPage",
     .flags = OPERATION_LISTS,
     .summary = "The user's conversations, pinned ones first, then most recent activity"},
    {.method = "GET",
     .path = "/api/conversations/:conversation_id",
     .fields = show_fields,
     .handle = conversation_show,
     .reply = "Conversation",
     .summary = "One conversation"},
    {.method = "PATCH",
     .path = "/api/conversations/:conversation_id",
     .fields = keep_fields,
     .handle = conversation_keep,
     .reply = "Conversation",
     .summary = "Pins, archives or mutes a conversation for the caller"},
    {.method = "DELETE",
     .path = "/api/conversations/:conversation_id",
     .fields = show_fields,
     .handle = conversation_hide,
     .reply = "ConversationRemoved",
     .summary =
         "Takes a conversation and its history away from the caller, until the next message"},
    {.method = "PUT",
     .path = "/api/conversations/:conversation_id/read",
     .command = "read",
     .fields = read_fields,
     .handle = conversation_read,
     .reply = "ReadState",
     .summary = "Marks everything up to a message, or all, as read"},
    /* Another name of the same. */
    {.method = "GET",
     .path = "/api/messages/conversations",
     .fields = list_fields,
     .handle = conversation_list,
     .reply = "ConversationPage",
     .flags = OPERATION_LISTS,
     .summary = "As GET /api/conversations"},
    {.method = "GET",
     .path = "/api/messages/conversations/:conversation_id",
     .fields = show_fields,
     .handle = conversation_show,
     .reply = "Conversation",
     .summary = "As GET /api/conversations/:conversation_id"},
    {.method = "PATCH",
     .path = "/api/messages/conversations/:conversation_id",
     .fields = keep_fields,
     .handle = conversation_keep,
     .reply = "Conversation",
     .summary = "As PATCH /api/conversations/:conversation_id"},
    {.method = "DELETE",
     .path = "/api/messages/conversations/:conversation_id",
     .fields = show_fields,
     .handle = conversation_hide,
     .reply = "ConversationRemoved",
     .summary = "As DELETE /api/conversations/:conversation_id"},
    {0},
};

const struct feature feature_conversation = {.name = "conversation", .operations = operations};
