/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Message requests: conversations that wait for the user's decision. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/mark.h"
#include "bridge/core/feature.h"

static const struct field fields[] = {FIELD_ID_IN_PATH("conversation_id"), {0}};

/* The latter of an invitation to a room elsewhere. */
static const struct field accept_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    {.name = "nick", .type = FIELD_TEXT, .flags = FIELD_LINE, .minimum = 1, .maximum = 255},
    {.name = "password", .type = FIELD_TEXT, .minimum = 1, .maximum = 1000},
    {0},
};

/* What had come counts as delivered. */
static void request_accepted(struct request *request, const struct change_result *result)
{
    struct uuid newest;
    const char *delivered = json_string_value(json_object_get(result->json, "delivered"));
    if (delivered && uuid_parse(delivered, &newest))
        delivery_note(request->core, request_uuid(request, "conversation_id"),
                      &request->account->id, &newest);
}

static const char *const by_conversation[] = {"conversation_id", NULL};

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/conversations/:conversation_id/accept",
     .fields = accept_fields,
     .change = "request_accept",
     .member = "conversation",
     .changed = request_accepted,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:accept",
                                    .name = "Mine: let somebody talk to me",
                                    .asked = by_conversation},
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Conversation",
     .summary = "Accepts a message request"},
    {.method = "POST",
     .path = "/api/conversations/:conversation_id/decline",
     .fields = fields,
     .change = "request_decline",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:decline",
                                    .name = "Mine: do not let somebody talk to me",
                                    .asked = by_conversation},
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Conversation",
     .summary = "Declines a message request"},
    {0},
};

const struct feature feature_request = {.name = "request", .operations = operations};
