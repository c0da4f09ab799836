/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making conversations of many. Everything else that is done with one is done as with all others. */
#include "config.h"

#include "bridge/core/account.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/limit.h"
#include "bridge/core/request.h"

#define OTHERS_MAX 255 /* members besides the owner (contract H28) */

static const struct field create_fields[] = {
    {"name", FIELD_TEXT, FIELD_REQUIRED, 1, 256, NULL},
    {"description", FIELD_TEXT, 0, 0, 4096, NULL},
    {"members", FIELD_USERS, FIELD_REQUIRED, 1, OTHERS_MAX, NULL},
    {0},
};
enum { CREATE_NAME, CREATE_DESCRIPTION, CREATE_MEMBERS };

static void group_created(const struct change_result *result, void *data)
{
    change_reply(data, 201, result);
}

static void group_create(struct request *request)
{
    const struct field_value *given = request->values;
    struct uuid id;
    char text[UUID_TEXT_SIZE];
    if (!request->by_key && !request_take(request, LIMIT_CONVERSATIONS))
        return;
    uuid_generate(&id);
    uuid_format(&id, text);
    json_t *arguments = json_pack("{s:s, s:s, s:s?, s:O}", "id", text, "name", given[CREATE_NAME].text,
                                  "description", given[CREATE_DESCRIPTION].text, "members",
                                  given[CREATE_MEMBERS].list);
    change_submit(request->core, "group_create", &request->account->id, arguments, group_created, request);
}

static const struct operation operations[] = {
    {.method = "POST", .path = "/api/groups", .fields = create_fields, .handle = group_create,
     .flags = OPERATION_MAKES, .reply = "Conversation",
     .errors = OPERATION_ERROR(REFUSED),
     .summary = "Makes a conversation of the caller and others"},
    {0},
};

const struct feature feature_group = {.name = "group", .operations = operations};
