/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making conversations of many. Everything else that is done with one is done as with all others.
 */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/request.h"
#include "xep/name.h"

#define OTHERS_MAX 63 /* members besides the owner: each is told of all, while all writes wait */
#define GROUP_NAME_MAX 256
#define DESCRIPTION_MAX 4096

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
     .maximum = DESCRIPTION_MAX},
    {.name = "members",
     .type = FIELD_USERS,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = OTHERS_MAX},
    {0},
};

struct making {
    struct request *request;
    unsigned reserved; /* of LIMIT_STRANGERS, until it is known how many members are strangers */
};

static void group_created(const struct change_result *result, void *data)
{
    g_autofree struct making *making = data;
    struct request *request = making->request;
    json_int_t strangers = change_succeeded(result)
                               ? json_integer_value(json_object_get(result->json, "strangers"))
                               : 0;
    for (; making->reserved > strangers; making->reserved--)
        limit_release(request->core->limiter, request->account, LIMIT_STRANGERS);
    change_reply_member(request, 201, result, "conversation");
}

static void group_create(struct request *request)
{
    const char *described = request_text(request, "description");
    json_t *members = request_value(request, "members")->list;
    struct uuid id;
    char text[UUID_TEXT_SIZE];
    uuid_generate(&id);
    uuid_format(&id, text);
    g_autofree char *name = name_clean(request_text(request, "name"), GROUP_NAME_MAX, NAME_LINE);
    g_autofree char *description =
        described ? name_clean(described, DESCRIPTION_MAX, NAME_PROSE) : NULL;
    if (!name) {
        static const struct field_problem unseen = {ERROR_UNPROCESSABLE, "/name", "shows nothing"};
        request_fail_field(request, &unseen);
        return;
    }
    if (!request_take(request, LIMIT_CONVERSATIONS))
        return;
    struct making *making = g_new0(struct making, 1);
    making->request = request;
    while (!request->by_key && making->reserved < json_array_size(members) &&
           limit_reserve(request->core->limiter, request->account, LIMIT_STRANGERS))
        making->reserved++;
    json_t *arguments =
        json_pack("{s:s, s:s, s:s?, s:O, s:o*}", "id", text, "name", name, "description",
                  description, "members", members, "once", change_once(request));
    if (!request->by_key)
        json_object_set_new(arguments, "strangers_max", json_integer(making->reserved));
    change_submit(request->core, "group_create", &request->account->id, arguments, group_created,
                  making);
}

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/groups",
     .fields = create_fields,
     .handle = group_create,
     .toggle = TOGGLE_GROUPS,
     .flags = OPERATION_CREATES | OPERATION_ONCE,
     .reply = "Conversation",
     .errors = OPERATION_ERROR(REFUSED),
     .summary = "Makes a conversation of the caller and others"},
    {0},
};

const struct feature feature_group = {.name = "group", .operations = operations};
