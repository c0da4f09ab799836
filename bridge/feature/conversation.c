/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conversations: create-or-get, list, show, read. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/core/account.h"
#include "bridge/core/core.h"
#include "bridge/core/message.h"
#include "bridge/feature/feature.h"
#include "xep/jid.h"

#define REPLY_MAX (8 * 1024 * 1024) /* bytes; a page of 100 conversations is far below */

/* Answers with the JSON in the first column, or not_found when it is NULL. */
static void json_read(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    const char *json = error == ERROR_NONE && rows_count(rows) == 1 ? rows_text(rows, 0, 0) : NULL;
    if (!json) {
        request_fail(request, error == ERROR_NONE ? ERROR_NOT_FOUND : error, NULL);
        return;
    }
    g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
    buffer_append(&buf, json, rows_length(rows, 0, 0));
    request_reply(request, 200, &buf);
}

/* ---- Create or get --------------------------------------------------------------------------------- */

static const struct field open_fields[] = {
    {"participant_id", FIELD_TEXT, 0, 1, 255, NULL},
    {"jid", FIELD_TEXT, 0, 1, JID_MAX, NULL},
    {0},
};
enum { OPEN_PARTICIPANT, OPEN_JID };

static void open_done(struct write *write, enum error_code error)
{
    struct open_write *open = (struct open_write *)(void *)write;
    struct request *request = write->data;
    static const struct field_problem self = {ERROR_UNPROCESSABLE, "/participant_id",
                                              "is the user who asks"};
    if (error != ERROR_NONE) {
        request_fail(request, error, NULL);
    } else if (open->json) {
        g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
        buffer_append_string(&buf, open->json);
        request_reply(request, write->outcome == OUTCOME_DONE ? 201 : 200, &buf);
    } else if (write->outcome == OUTCOME_CONFLICT) {
        request_fail_field(request, &self);
    } else {
        request_fail(request, ERROR_REFUSED, NULL);
    }
    open_write_free(open);
}

static void conversation_open(struct request *request)
{
    const struct field_value *participant = &request->values[OPEN_PARTICIPANT];
    const struct field_value *jid = &request->values[OPEN_JID];
    static const struct field_problem both = {ERROR_UNPROCESSABLE, "/participant_id",
                                              "give participant_id or jid, one of them"};
    static const struct field_problem bad_jid = {ERROR_UNPROCESSABLE, "/jid",
                                                 "is not a bare JID (name@domain)"};
    if (participant->present == jid->present) {
        request_fail_field(request, &both);
        return;
    }
    g_autofree char *folded = jid->present ? jid_fold(jid->text) : NULL;
    if (jid->present && (!folded || !jid_is_valid_bare(folded) || !strchr(folded, '@'))) {
        request_fail_field(request, &bad_jid);
        return;
    }
    struct open_write *open = g_new0(struct open_write, 1);
    open->write = (struct write){.kind = WRITE_OPEN, .done = open_done, .data = request};
    open->user = request->account->id;
    open->reference = g_strdup(participant->text);
    open->jid = g_steal_pointer(&folded);
    archive_write(request->core->archive, &open->write);
}

/* ---- List and show --------------------------------------------------------------------------------- */

static const struct field list_fields[] = {
    {"limit", FIELD_INTEGER, FIELD_IN_QUERY, 1, 100, NULL},
    {"before", FIELD_INTEGER, FIELD_IN_QUERY, 0, G_MAXINT64, NULL},
    {"after", FIELD_INTEGER, FIELD_IN_QUERY, 0, G_MAXINT64, NULL},
    {0},
};
enum { LIST_LIMIT, LIST_BEFORE, LIST_AFTER };

static const char *number(const struct field_value *value, char ret_text[24])
{
    if (!value->present)
        return NULL;
    g_snprintf(ret_text, 24, "%" G_GINT64_FORMAT, value->integer);
    return ret_text;
}

static void conversation_list(struct request *request)
{
    char limit[24], before[24], after[24];
    const char *wanted = number(&request->values[LIST_LIMIT], limit);
    const char *values[] = {request->account->id_text, wanted ? wanted : "50",
                            number(&request->values[LIST_BEFORE], before),
                            number(&request->values[LIST_AFTER], after)};
    archive_query(request->core->archive, QUERY_CONVERSATION_LIST, values, json_read, request);
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
    archive_query(request->core->archive, QUERY_CONVERSATION_GET, values, json_read, request);
}

/* ---- Read ------------------------------------------------------------------------------------------ */

static const struct field read_fields[] = {
    {"conversation_id", FIELD_UUID, FIELD_REQUIRED | FIELD_IN_PATH, 0, 0, NULL},
    {"message_id", FIELD_UUID, 0, 0, 0, NULL},
    {0},
};
enum { READ_CONVERSATION, READ_MESSAGE };

static void conversation_read(struct request *request)
{
    const struct field_value *message = &request->values[READ_MESSAGE];
    message_read(request, &request->values[READ_CONVERSATION].uuid,
                 message->present ? &message->uuid : NULL);
}

static const struct operation operations[] = {
    {.method = "POST", .path = "/api/conversations", .fields = open_fields,
     .handle = conversation_open, .flags = OPERATION_CREATES, .reply = "Conversation",
     .errors = OPERATION_ERROR(REFUSED),
     .summary = "Makes or finds the conversation with a user or a JID"},
    {.method = "GET", .path = "/api/conversations", .fields = list_fields,
     .handle = conversation_list, .reply = "ConversationPage",
     .summary = "The user's conversations, most recent activity first"},
    {.method = "GET", .path = "/api/conversations/:conversation_id", .fields = show_fields,
     .handle = conversation_show, .reply = "Conversation", .summary = "One conversation"},
    {.method = "PUT", .path = "/api/conversations/:conversation_id/read", .command = "read",
     .fields = read_fields, .handle = conversation_read, .reply = "ReadState",
     .summary = "Marks everything up to a message, or all, as read"},
    {0},
};

const struct feature feature_conversation = {.name = "conversation", .operations = operations};
