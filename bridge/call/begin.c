/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call of an app's begins: whoever it is for is looked at, the call is stored, and it rings. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/base/options.h"
#include "bridge/call/act.h"
#include "bridge/call/tell.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/change.h"
#include "bridge/core/conversation.h"
#include "bridge/core/core.h"
#include "bridge/core/relation.h"
#include "bridge/call/begin.h"
#include "bridge/call/request.h"

static const char *const call_types[] = {"audio", "video", "voice", NULL};

const struct field call_initiate_fields[] = {
    {.name = "conversation_id", .type = FIELD_UUID, .flags = FIELD_ONE_OF},
    {.name = "receiver_id",
     .type = FIELD_USER,
     .flags = FIELD_ONE_OF,
     .minimum = 1,
     .maximum = 255},
    {.name = "call_type", .type = FIELD_CHOICE, .flags = FIELD_REQUIRED, .choices = call_types},
    {.name = "session_id", .type = FIELD_UUID},
    {0},
};

struct initiating {
    struct request *request;
    struct uuid conversation;
    struct uuid callee;
};

void call_ring(struct call *call)
{
    const struct call_peer *peer = call_get_peer();
    const struct call_person *callee = &call->person[CALL_CALLEE];
    bool by_peer = !callee->hosted || call->forked;
    bool heard = callee->hosted && (!call->forked || call_is_heard(call->core, &callee->id));
    if (by_peer && (!peer || !peer->ring || !peer->ring(call)) && !heard) {
        static const struct call_deed fail = {.event = CALL_FAIL};
        call_act(call, &fail, NULL, NULL);
        return;
    }
    if (!heard)
        return; /* a client there will say when it rings */
    struct call_actor actor = {.user = callee->id};
    struct call_deed deed = {.event = CALL_RING, .actor = &actor};
    call_act(call, &deed, NULL, NULL); /* also of a silent one: that looks as if it rang */
}

static void call_initiated(const struct change_result *result, void *data)
{
    g_autofree struct initiating *initiating = data;
    struct request *request = initiating->request;
    const char *reason = json_string_value(json_object_get(result->json, "error_reason"));
    if (result->error == ERROR_NONE && result->outcome == OUTCOME_CONFLICT && reason) {
        request_fail_reason(request, ERROR_CONFLICT, reason);
        return;
    }
    if (!change_succeeded(result)) {
        change_reply(request, 201, result);
        return;
    }
    const json_t *row = json_object_get(result->json, "row");
    bool strangers = json_is_true(json_object_get(json_object_get(row, "live"), "strangers"));
    struct uuid id = {0};
    uuid_parse(json_string_value(json_object_get(row, "id")), &id);
    struct call *call = result->outcome == OUTCOME_DONE ? call_began(request->core, row) : NULL;
    call_reply_begun(request, result->outcome == OUTCOME_DONE ? 201 : 200,
                     json_object_get(result->json, "call"), &id, strangers);
    if (call)
        call_ring(call);
}

/* Whether anybody would hear it ring, as far as is known here. */
static bool is_reachable(const struct core *core, const struct relation *relation)
{
    const struct relation_party *other = &relation->party[RELATION_PEER];
    const struct call_peer *peer = call_get_peer();
    if (uuid_is_nil(&other->id))
        return true;
    const char *domain = strchr(other->jid, '@');
    if (call_is_heard(core, &other->id))
        return true;
    if (!domain || strcmp(domain + 1, core->options->xmpp_domain) != 0)
        return peer && (!peer->may_ring || peer->may_ring(core, relation));
    return false;
}

static void initiate_submit(struct initiating *initiating, bool reachable)
{
    struct request *request = initiating->request;
    char id[UUID_TEXT_SIZE], message[UUID_TEXT_SIZE], conversation[UUID_TEXT_SIZE];
    struct call_actor actor = call_request_actor(request, request_uuid(request, "session_id"));
    uuid_generate_text(id);
    uuid_generate_text(message);
    uuid_format(&initiating->conversation, conversation);
    bool video = strcmp(request_text(request, "call_type"), "video") == 0;
    unsigned seconds = call_timer_seconds(CALL_TIMER_RING,
                                          (unsigned)request->core->options->calls_ring_timeout, 0);
    json_t *arguments =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:b, s:o*}", "id", id, "message_id", message,
                  "conversation_id", conversation, "call_type", video ? "video" : "audio", "live",
                  call_live_new(&actor.device), "seconds", (int)seconds, "reachable", reachable,
                  "once", change_once(request));
    change_submit(request->core, "call_initiate", &request->account->id, arguments, call_initiated,
                  initiating);
}

/* The other instances have said who is there. */
static void others_heard(struct core *core, void *data)
{
    struct initiating *initiating = data;
    if (core->archive) {
        initiate_submit(initiating, call_is_heard(core, &initiating->callee));
    } else {
        request_fail(initiating->request, ERROR_UNAVAILABLE, NULL); /* the process ends */
        g_free(initiating);
    }
}

static void relation_came(struct relation *relation, enum error_code error, void *data)
{
    struct initiating *initiating = data;
    struct request *request = initiating->request;
    if (error != ERROR_NONE) {
        request_fail(request, error, NULL);
        g_free(initiating);
        return;
    }
    const struct uuid *peer = &relation->party[RELATION_PEER].id;
    char peer_text[UUID_TEXT_SIZE];
    uuid_format(peer, peer_text);
    g_autofree char *both = g_strconcat(request->account->id_text, " ", peer_text, NULL);
    struct uuid subject = limit_subject_of(both);
    if (!request->by_key &&
        !limiter_take(request->core->limiter, &subject, LIMIT_CALLS_PEER, &request->limit)) {
        request_fail_limited(request, LIMIT_CALLS_PEER);
        g_free(initiating);
        return;
    }
    bool reachable = is_reachable(request->core, relation);
    initiating->callee = *peer;
    if (reachable || !elsewhere_is_used(request->core))
        initiate_submit(initiating, reachable);
    else
        elsewhere_catch_up(request->core, others_heard, initiating);
}

static void initiate_in(struct request *request, const struct uuid *conversation)
{
    char text[UUID_TEXT_SIZE];
    struct initiating *initiating = g_new0(struct initiating, 1);
    initiating->request = request;
    initiating->conversation = *conversation;
    uuid_format(conversation, text);
    struct relation_key key = {.user = request->account->jid, .peer = text};
    relation_find(request->core, &key, relation_came, initiating);
}

static void initiate_opened(const struct change_result *result, void *data)
{
    struct request *request = data;
    struct uuid conversation;
    const char *id = json_string_value(json_object_get(result->json, "id"));
    if (change_succeeded(result) && id && uuid_parse(id, &conversation))
        initiate_in(request, &conversation);
    else
        change_reply(request, 200, result);
}

void call_initiate(struct request *request)
{
    const struct uuid *conversation = request_uuid(request, "conversation_id");
    const struct field_value *receiver = request_value(request, "receiver_id");
    if (conversation) {
        initiate_in(request, conversation);
        return;
    }
    json_t *arguments = json_pack("{s:o,s:s,s:b}", "participant", field_user_json(receiver),
                                  "field", "receiver_id", "id_only", 1);
    conversation_submit_open(request, arguments, initiate_opened);
}
