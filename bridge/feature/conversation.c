/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conversations: create-or-get, list, show, keep (pin, archive, mute), hide, read. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/conversation.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/mark.h"
#include "bridge/core/message.h"
#include "bridge/view/conversation_page.h"
#include "xep/jid.h"

/* ---- Create or get --------------------------------------------------------------------------- */

static const struct field open_fields[] = {
    {.name = "participant_id",
     .type = FIELD_USER,
     .flags = FIELD_ONE_OF,
     .minimum = 1,
     .maximum = 255},
    {.name = "jid",
     .type = FIELD_TEXT,
     .flags = FIELD_ONE_OF | FIELD_JID,
     .minimum = 1,
     .maximum = JID_MAX},
    {0},
};

static void open_done(const struct change_result *result, void *data)
{
    change_reply(data, 201, result);
}

static void conversation_open(struct request *request)
{
    const struct field_value *participant = request_value(request, "participant_id");
    g_autofree char *jid = request_jid(request, "jid");
    json_t *arguments =
        json_pack("{s:o*,s:s*,s:s,s:s,s:o*}", "participant", field_user_json(participant), "jid",
                  jid, "domain", request->core->options->xmpp_domain, "field",
                  jid ? "jid" : "participant_id", "once", change_once(request));
    conversation_submit_open(request, arguments, open_done);
}

/* ---- List and show --------------------------------------------------------------------------- */

static const char *const filters[] = {"all", "unread", "archived", "requests", NULL};

static const char *const list_views[] = {"full", "compact", NULL};

static const struct field list_fields[] = {
    FIELD_PAGE_LIMIT(1000),
    {.name = "before", .type = FIELD_INTEGER, .flags = FIELD_IN_QUERY, .maximum = G_MAXINT64},
    {.name = "after", .type = FIELD_INTEGER, .flags = FIELD_IN_QUERY, .maximum = G_MAXINT64},
    {.name = "filter",
     .type = FIELD_CHOICE,
     .flags = FIELD_IN_QUERY,
     .choices = filters,
     .fallback = "all"},
    {.name = "q", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY, .minimum = 1, .maximum = 255},
    {.name = "view",
     .type = FIELD_CHOICE,
     .flags = FIELD_IN_QUERY | FIELD_NOT_BOUND,
     .choices = list_views,
     .fallback = "full"},
    {0},
};

static void rest_done(const struct change_result *result, void *data)
{
    struct core *core = data;
    const json_t *name;
    size_t i;
    if (!change_succeeded(result) || !core->archive)
        return;
    json_array_foreach(json_object_get(result->json, "conversation_ids"), i, name)
    {
        struct uuid id;
        if (uuid_parse(json_string_value(name), &id))
            archive_grew(core->archive, &id); /* the next message there is more than a row */
    }
}

/* What has been quiet for longest rests from now on, where a list has looked into many. */
static void list_rest(const struct request *request, const struct rows *rows)
{
    struct core *core = request->core;
    const char *quiet = rows_count(rows) > 0 ? rows_json(rows, 0, CONVERSATION_LIST_TO_REST) : NULL;
    json_t *ids = quiet && core->archive ? json_loads(quiet, 0, NULL) : NULL;
    if (ids)
        change_submit(core, "conversation_rest", &request->account->id,
                      json_pack("{s:o}", "conversation_ids", ids), rest_done, core);
}

static bool list_write(struct buffer *json, const struct request *request, const struct rows *rows)
{
    bool compact = g_str_equal(request_text(request, "view"), "compact");
    conversation_page_write(json, rows, request_value(request, "after")->present, compact);
    list_rest(request, rows);
    return true;
}

static const struct field show_fields[] = {FIELD_ID_IN_PATH("conversation_id"), {0}};

/* ---- Keep and hide --------------------------------------------------------------------------- */

static const char *const notices[] = {"all", "mentions", "none", NULL};

static const struct field keep_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    {.name = "pinned", .type = FIELD_BOOLEAN},
    {.name = "archived", .type = FIELD_BOOLEAN},
    {.name = "unread", .type = FIELD_BOOLEAN}, /* marked as such; what was read stays read */
    /* For all: 0, or at least 30. */
    {.name = "disappearing_seconds", .type = FIELD_INTEGER, .maximum = 7776000},
    {.name = "muted_until",
     .type = FIELD_TEXT,
     .flags = FIELD_NULLABLE | FIELD_UNTIL,
     .minimum = 1,
     .maximum = 40},
    {.name = "notify", .type = FIELD_CHOICE, .choices = notices},
    /* What all members of a group share. */
    {.name = "name",
     .type = FIELD_TEXT,
     .flags = FIELD_LINE,
     .minimum = 1,
     .maximum = GROUP_NAME_MAX},
    {.name = "description",
     .type = FIELD_TEXT,
     .flags = FIELD_NULLABLE | FIELD_PROSE,
     .minimum = 1,
     .maximum = GROUP_DESCRIPTION_MAX},
    {.name = "settings", .type = FIELD_JSON},
    {0},
};

/* ---- Read ------------------------------------------------------------------------------------ */

static const struct field read_fields[] = {
    {.name = "conversation_id",
     .type = FIELD_UUID,
     .flags = FIELD_IN_PATH}, /* a command may leave it out */
    {.name = "message_id", .type = FIELD_UUID},
    {0},
};

static void conversation_read(struct request *request)
{
    const struct uuid *conversation = request_uuid(request, "conversation_id");
    const struct uuid *message = request_uuid(request, "message_id");
    static const struct uuid none;
    static const struct field_problem neither = {ERROR_UNPROCESSABLE, "/conversation_id",
                                                 "is required without a message_id"};
    if (conversation || message)
        message_read(request, conversation ? conversation : &none, message);
    else
        request_fail_field(request, &neither);
}

static const char *const requests_given[][2] = {{"filter", "requests"}, {NULL, NULL}};

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/conversations",
     .fields = open_fields,
     .handle = conversation_open,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:conversation",
                                    .name = "Mine: the conversation with somebody",
                                    .asked = (const char *const[]){"jid", NULL}},
     .flags = OPERATION_CREATES | OPERATION_ONCE,
     .reply = "Conversation",
     .errors = OPERATION_ERROR(REFUSED),
     .summary = "Makes or finds the conversation with a user or a JID"},
    {.method = "GET",
     .path = "/api/conversations",
     .limit = LIMIT_PAGES,
     .fields = list_fields,
     .read = QUERY_CONVERSATION_LIST,
     .write = list_write,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:requests",
                                    .name = "Mine: who wants to talk to me",
                                    .asked = (const char *const[]){NULL},
                                    .given = requests_given},
     .reply = "ConversationPage|CompactConversationPage",
     .flags = OPERATION_LISTS,
     .summary = "The user's conversations, pinned ones first, then most recent activity"},
    {.method = "GET",
     .path = "/api/conversations/:conversation_id",
     .fields = show_fields,
     .read = QUERY_CONVERSATION_GET,
     .reply = "Conversation",
     .summary = "One conversation"},
    {.method = "PATCH",
     .path = "/api/conversations/:conversation_id",
     .command = "conversation.update",
     .fields = keep_fields,
     .change = "conversation_update",
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(REFUSED),
     .reply = "Conversation",
     .summary =
         "Pins, archives or mutes a conversation for the caller, or marks it as unread; names, "
         "describes or sets up a group"},
    {.method = "DELETE",
     .path = "/api/conversations/:conversation_id",
     .fields = show_fields,
     .change = "conversation_hide",
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
    {.method = "GET",
     .path = "/api/unread",
     .command = "unread",
     .read = QUERY_UNREAD_COUNT,
     .reply = "Unread",
     .summary = "How much is unread in all conversations, for a badge"},
    /* Another name of the same. */
    {.method = "GET",
     .path = "/api/messages/conversations",
     .limit = LIMIT_PAGES,
     .fields = list_fields,
     .read = QUERY_CONVERSATION_LIST,
     .write = list_write,
     .reply = "ConversationPage|CompactConversationPage",
     .flags = OPERATION_LISTS,
     .summary = "As GET /api/conversations"},
    {.method = "GET",
     .path = "/api/messages/conversations/:conversation_id",
     .fields = show_fields,
     .read = QUERY_CONVERSATION_GET,
     .reply = "Conversation",
     .summary = "As GET /api/conversations/:conversation_id"},
    {.method = "PATCH",
     .path = "/api/messages/conversations/:conversation_id",
     .fields = keep_fields,
     .change = "conversation_update",
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(REFUSED),
     .reply = "Conversation",
     .summary = "As PATCH /api/conversations/:conversation_id"},
    {.method = "DELETE",
     .path = "/api/messages/conversations/:conversation_id",
     .fields = show_fields,
     .change = "conversation_hide",
     .reply = "ConversationRemoved",
     .summary = "As DELETE /api/conversations/:conversation_id"},
    {0},
};

const struct feature feature_conversation = {.name = "conversation", .operations = operations};
