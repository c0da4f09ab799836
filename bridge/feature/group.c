/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conversations of many: making and ending them, and who is in one. Who may do what is decided in
 * sql/function/group.sql and membership.sql; everything else that is done with a group is done as
 * with all conversations. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/conversation.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/request.h"
#include "xep/jid.h"
#include "xep/name.h"

#define OTHERS_MAX 255 /* members besides the owner */
#define ADDED_MAX 50   /* at once: each is told of to all */
#define REASON_MAX 1024

/* ---- Strangers ------------------------------------------------------------------------------- */

/* How many of those who are brought in are strangers is known in the database, and what is left of
 * the limit here: as many as may be are reserved while the change is under way, which is told. */
struct gathering {
    struct request *request;
    unsigned status, reserved;
};

static void gathering_done(const struct change_result *result, void *data)
{
    g_autofree struct gathering *gathering = data;
    struct request *request = gathering->request;
    json_int_t strangers = change_succeeded(result)
                               ? json_integer_value(json_object_get(result->json, "strangers"))
                               : 0;
    for (; gathering->reserved > strangers; gathering->reserved--)
        limit_release(request->core->limiter, request->account, LIMIT_STRANGERS);
    change_reply_member(request, gathering->status, result, request->operation->member);
}

/* Carries out CHANGE with ARGUMENTS (taken), which brings in at most COUNT users. The answer is the
 * member of its result that the row of the operation names. */
static void gathering_submit(struct request *request, const char *change, json_t *arguments,
                             size_t count)
{
    struct gathering *gathering = g_new0(struct gathering, 1);
    gathering->request = request;
    gathering->status = request->operation->flags & OPERATION_CREATES ? 201 : 200;
    while (!request->by_key && gathering->reserved < count &&
           limit_reserve(request->core->limiter, request->account, LIMIT_STRANGERS))
        gathering->reserved++;
    json_object_set_new(arguments, "domain", json_string(request->core->options->xmpp_domain));
    if (!request->by_key)
        json_object_set_new(arguments, "strangers_max", json_integer(gathering->reserved));
    change_submit(request->core, change, &request->account->id, arguments, gathering_done,
                  gathering);
}

/* The field members, addresses in the form in which they are compared: a new reference. */
static json_t *members_named(const struct request *request)
{
    const json_t *asked = request_value(request, "members")->list;
    json_t *named = json_array();
    size_t i;
    json_t *entry;
    json_array_foreach(asked, i, entry)
    {
        const char *jid = json_string_value(json_object_get(entry, "jid"));
        g_autofree char *prepared = jid ? jid_prepare(jid) : NULL;
        json_array_append_new(named,
                              prepared ? json_pack("{s:s}", "jid", prepared) : json_incref(entry));
    }
    return named;
}

static void uuid_set(json_t *arguments, const struct request *request, const char *name)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(request_uuid(request, name), text);
    json_object_set_new(arguments, name, json_string(text));
}

/* ---- Making and ending ----------------------------------------------------------------------- */

static const struct field create_fields[] = {
    {.name = "name",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_LINE,
     .minimum = 1,
     .maximum = GROUP_NAME_MAX},
    {.name = "description",
     .type = FIELD_TEXT,
     .flags = FIELD_PROSE,
     .minimum = 1,
     .maximum = GROUP_DESCRIPTION_MAX},
    {.name = "members",
     .type = FIELD_USERS,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = OTHERS_MAX},
    {.name = "settings", .type = FIELD_JSON},
    {0},
};

static void group_create(struct request *request)
{
    const char *described = request_text(request, "description");
    json_t *settings = request_value(request, "settings")->list;
    char text[UUID_TEXT_SIZE];
    uuid_generate_text(text);
    g_autofree char *name = name_clean(request_text(request, "name"), GROUP_NAME_MAX, NAME_LINE);
    g_autofree char *description =
        described ? name_clean(described, GROUP_DESCRIPTION_MAX, NAME_PROSE) : NULL;
    if (!name) {
        static const struct field_problem unseen = {ERROR_UNPROCESSABLE, "/name", "shows nothing"};
        request_fail_field(request, &unseen);
        return;
    }
    if (!request_take(request, LIMIT_CONVERSATIONS))
        return;
    json_t *members = members_named(request);
    size_t count = json_array_size(members);
    json_t *arguments = json_pack("{s:s, s:s, s:s?, s:o, s:O*, s:o*}", "id", text, "name", name,
                                  "description", description, "members", members, "settings",
                                  settings, "once", change_once(request));
    gathering_submit(request, "group_create", arguments, count);
}

static const struct field group_fields[] = {FIELD_ID_IN_PATH("conversation_id"), {0}};

/* ---- Members --------------------------------------------------------------------------------- */

static const char *const states[] = {"joined", "invited", "banned", NULL};
static const char *const roles[] = {"owner", "admin", "member", NULL};
static const char *const permissions[] = {"send_messages",   "add_members",     "remove_members",
                                          "change_settings", "delete_messages", NULL};

static const struct field list_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    FIELD_PAGE_LIMIT(100),
    {.name = "after", .type = FIELD_INTEGER, .flags = FIELD_IN_QUERY, .maximum = G_MAXINT64},
    {.name = "state", .type = FIELD_CHOICE, .flags = FIELD_IN_QUERY, .choices = states},
    {.name = "q", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY, .minimum = 1, .maximum = 255},
    {0},
};

static const struct field add_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    {.name = "members",
     .type = FIELD_USERS,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = ADDED_MAX},
    {0},
};

static void members_add(struct request *request)
{
    json_t *members = members_named(request);
    size_t count = json_array_size(members);
    json_t *arguments = json_pack("{s:o}", "members", members);
    uuid_set(arguments, request, "conversation_id");
    gathering_submit(request, "members_add", arguments, count);
}

static const struct field member_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"), FIELD_ID_IN_PATH("user_id"), {0}};

static const struct field set_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    FIELD_ID_IN_PATH("user_id"),
    {.name = "role", .type = FIELD_CHOICE, .choices = roles},
    {.name = "permissions",
     .type = FIELD_CHOICES,
     .maximum = G_N_ELEMENTS(permissions) - 1,
     .choices = permissions},
    {.name = "banned", .type = FIELD_BOOLEAN},
    {.name = "reason",
     .type = FIELD_TEXT,
     .flags = FIELD_PROSE,
     .minimum = 1,
     .maximum = REASON_MAX},
    {0},
};

static void member_set(struct request *request)
{
    const struct field_value *given = request_value(request, "permissions");
    const struct field_value *banned = request_value(request, "banned");
    json_t *arguments = json_pack("{s:s*, s:O*, s:o*, s:s*}", "role", request_text(request, "role"),
                                  "permissions", given->present ? given->list : NULL, "banned",
                                  banned->present ? json_boolean(banned->integer) : NULL, "reason",
                                  request_text(request, "reason"));
    uuid_set(arguments, request, "conversation_id");
    uuid_set(arguments, request, "user_id");
    gathering_submit(request, "member_set", arguments, 1);
}

static const struct field remove_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    FIELD_ID_IN_PATH("user_id"),
    {.name = "reason",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY | FIELD_PROSE,
     .minimum = 1,
     .maximum = REASON_MAX},
    {0},
};

static const struct field leave_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"), {.name = "successor", .type = FIELD_UUID}, {0}};

/* ---- The feature ----------------------------------------------------------------------------- */

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/groups",
     .command = "group.create",
     .fields = create_fields,
     .handle = group_create,
     .member = "conversation",
     .limit = LIMIT_GROUPS,
     .toggle = TOGGLE_GROUPS,
     .flags = OPERATION_CREATES | OPERATION_ONCE,
     .reply = "Conversation",
     .errors = OPERATION_ERROR(REFUSED),
     .summary = "Makes a conversation of the caller and others"},
    {.method = "DELETE",
     .path = "/api/groups/:conversation_id",
     .command = "group.destroy",
     .fields = group_fields,
     .change = "group_destroy",
     .limit = LIMIT_GROUPS,
     .toggle = TOGGLE_GROUPS,
     .reply = "ConversationRemoved",
     .errors = OPERATION_ERROR(FORBIDDEN),
     .summary = "Ends a group for all its members"},
    {.method = "POST",
     .path = "/api/conversations/:conversation_id/join",
     .command = "group.join",
     .fields = group_fields,
     .change = "member_join",
     .member = "conversation",
     .limit = LIMIT_GROUPS,
     .toggle = TOGGLE_GROUPS,
     .reply = "Conversation",
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT),
     .summary = "Becomes a member of a public group, or of one that has asked"},
    {.method = "POST",
     .path = "/api/conversations/:conversation_id/leave",
     .command = "group.leave",
     .fields = leave_fields,
     .change = "member_leave",
     .limit = LIMIT_GROUPS,
     .toggle = TOGGLE_GROUPS,
     .reply = "ConversationRemoved",
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT),
     .summary = "Leaves a group; its last owner names a successor"},
    {.method = "GET",
     .path = "/api/conversations/:conversation_id/members",
     .limit = LIMIT_PAGES,
     .fields = list_fields,
     .read = QUERY_MEMBERSHIP_PAGE,
     .reply = "MemberPage",
     .summary = "The members of a conversation, or those with a text in their names"},
    {.method = "POST",
     .path = "/api/conversations/:conversation_id/members",
     .command = "member.add",
     .fields = add_fields,
     .handle = members_add,
     .member = "conversation",
     .limit = LIMIT_GROUPS,
     .toggle = TOGGLE_GROUPS,
     .reply = "Conversation",
     .errors = OPERATION_ERROR(REFUSED) | OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT),
     .summary = "Adds members to a group, or asks them to come"},
    {.method = "GET",
     .path = "/api/conversations/:conversation_id/members/:user_id",
     .fields = member_fields,
     .read = QUERY_MEMBERSHIP_GET,
     .reply = "Participant",
     .summary = "One member of a conversation"},
    {.method = "PUT",
     .path = "/api/conversations/:conversation_id/members/:user_id",
     .command = "member.set",
     .fields = set_fields,
     .handle = member_set,
     .member = "participant",
     .limit = LIMIT_GROUPS,
     .toggle = TOGGLE_GROUPS,
     .reply = "Participant",
     .errors = OPERATION_ERROR(REFUSED) | OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT),
     .summary =
         "Adds a member to a group, or changes role and permissions; bans, and takes a ban back"},
    {.method = "DELETE",
     .path = "/api/conversations/:conversation_id/members/:user_id",
     .command = "member.remove",
     .fields = remove_fields,
     .change = "member_remove",
     .limit = LIMIT_GROUPS,
     .toggle = TOGGLE_GROUPS,
     .reply = "MemberRemoved",
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT),
     .summary = "Takes a member out of a group, or an invitation or a ban back"},
    {0},
};

const struct feature feature_group = {.name = "group", .operations = operations};
