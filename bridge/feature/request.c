/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Message requests: conversations that wait for the user's decision. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/delivery.h"
#include "bridge/core/feature.h"
#include "bridge/core/outbox.h"
#include "bridge/core/relation.h"

static const struct field fields[] = {
    {"conversation_id", FIELD_UUID, FIELD_REQUIRED | FIELD_IN_PATH, 0, 0, NULL},
    {0},
};

/* Subscription stanzas and receipts may wait in the outbox now; what had come counts as delivered.
 */
static void accepted(const struct change_result *result, void *data)
{
    struct request *request = data;
    struct uuid newest;
    const char *delivered = json_string_value(json_object_get(result->json, "delivered"));
    if (change_succeeded(result)) {
        relation_forget(request->core, &request->account->id);
        outbox_wake(request->core->outbox, result->position);
        if (delivered && uuid_parse(delivered, &newest))
            delivery_note(request->core, &request->values[0].uuid, &request->account->id, &newest);
    }
    change_reply_member(request, 200, result, "conversation");
}

static void declined(const struct change_result *result, void *data)
{
    struct request *request = data;
    if (change_succeeded(result)) {
        relation_forget(request->core, &request->account->id);
        outbox_wake(request->core->outbox, result->position);
    }
    change_reply(request, 200, result);
}

static json_t *named(struct request *request)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(&request->values[0].uuid, id);
    return json_pack("{s:s}", "conversation_id", id);
}

static void request_accept(struct request *request)
{
    change_submit(request->core, "request_accept", &request->account->id, named(request), accepted,
                  request);
}

static void request_decline(struct request *request)
{
    change_submit(request->core, "request_decline", &request->account->id, named(request), declined,
                  request);
}

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/conversations/:conversation_id/accept",
     .fields = fields,
     .handle = request_accept,
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Conversation",
     .summary = "Accepts a message request"},
    {.method = "POST",
     .path = "/api/conversations/:conversation_id/decline",
     .fields = fields,
     .handle = request_decline,
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Conversation",
     .summary = "Declines a message request"},
    {0},
};

const struct feature feature_request = {.name = "request", .operations = operations};
