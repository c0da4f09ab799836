/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forwarding: a message is said again elsewhere, all at once or not at all. On XMPP it is a message
 * like any other; how often it was forwarded is told to apps only. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"

#define TARGETS_MAX 5

static const struct field forward_fields[] = {
    FIELD_ID_IN_PATH("message_id"),
    {.name = "conversation_ids", .type = FIELD_JSON, .flags = FIELD_REQUIRED},
    {.name = "client_id",
     .type = FIELD_TEXT,
     .flags = FIELD_IDEMPOTENCY,
     .minimum = 1,
     .maximum = 128},
    {0},
};

struct forwarding {
    struct request *request;
    unsigned reserved; /* of LIMIT_STRANGERS, until it is known how many count */
};

static const struct field_problem wrong = {ERROR_UNPROCESSABLE, "/conversation_ids",
                                           "must be a list of 1 to 5 ids, each another one"};

/* LIST with each id as we write them, and a new id for each; false: it is no such list. */
static bool read_targets(const json_t *list, json_t *targets, json_t *ids)
{
    struct uuid known[TARGETS_MAX], id;
    char text[UUID_TEXT_SIZE];
    size_t count = json_array_size(list);
    if (count == 0 || count > TARGETS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *said = json_string_value(json_array_get(list, i));
        if (!said || !uuid_parse(said, &known[i]))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (uuid_equal(&known[k], &known[i]))
                return false;
        }
        uuid_format(&known[i], text);
        json_array_append_new(targets, json_string(text));
        uuid_generate(&id);
        uuid_format(&id, text);
        json_array_append_new(ids, json_string(text));
    }
    return true;
}

static void strangers_release(const struct request *request, unsigned count)
{
    while (count-- > 0)
        limit_release(request->core->limiter, request->account, LIMIT_STRANGERS);
}

/* One for each message; none, if there are not enough. */
static unsigned strangers_reserve(const struct request *request, size_t count)
{
    unsigned got = 0;
    while (got < count && limit_reserve(request->core->limiter, request->account, LIMIT_STRANGERS))
        got++;
    if (got == count)
        return got;
    strangers_release(request, got);
    return 0;
}

static void forward_stored(const struct change_result *result, void *data)
{
    g_autofree struct forwarding *forwarding = data;
    struct request *request = forwarding->request;
    json_int_t strangers = json_integer_value(json_object_get(result->json, "strangers"));
    unsigned counted = change_succeeded(result) && strangers > 0 ? (unsigned)strangers : 0;
    strangers_release(request, forwarding->reserved - MIN(counted, forwarding->reserved));
    change_reply(request, 201, result);
}

static void message_forward(struct request *request)
{
    char id[UUID_TEXT_SIZE];
    json_t *targets = json_array();
    json_t *ids = json_array();
    if (!read_targets(request_value(request, "conversation_ids")->list, targets, ids)) {
        json_decref(targets);
        json_decref(ids);
        request_fail_field(request, &wrong);
        return;
    }
    struct forwarding *forwarding = g_new0(struct forwarding, 1);
    forwarding->request = request;
    if (!request->by_key)
        forwarding->reserved = strangers_reserve(request, json_array_size(targets));
    bool limited = !request->by_key && forwarding->reserved == 0;
    uuid_format(request_uuid(request, "message_id"), id);
    json_t *arguments =
        json_pack("{s:s, s:o, s:o, s:s*, s:b}", "message_id", id, "conversation_ids", targets,
                  "ids", ids, "client_id", request_text(request, "client_id"), "limited", limited);
    change_submit(request->core, "message_forward", &request->account->id, arguments,
                  forward_stored, forwarding);
}

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/messages/:message_id/forward",
     .command = "message.forward",
     .toggle = TOGGLE_MESSAGES,
     .limit = LIMIT_MESSAGES,
     .fields = forward_fields,
     .handle = message_forward,
     .flags = OPERATION_CREATES,
     .reply = "ForwardedMessages",
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(REFUSED) | OPERATION_ERROR(CONFLICT) |
               OPERATION_ERROR(SPAM),
     .summary = "Says a message again in up to five conversations"},
    {0},
};

const struct feature feature_forward = {.name = "forward", .operations = operations};
