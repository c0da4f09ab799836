/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transfer to somebody else. An app user is asked first, and calls the one who stays; somebody on
 * XMPP is called by the one who stays at once. What rings then is a call like others. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/options.h"
#include "bridge/call/tell.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"
#include "bridge/core/relation.h"
#include "bridge/call/begin.h"
#include "bridge/call/request.h"
#include "bridge/call/transfer.h"

const struct field call_transfer_fields[] = {
    FIELD_ID_IN_PATH("call_id"),
    {.name = "session_id", .type = FIELD_UUID, .flags = FIELD_ONE_OF},
    {.name = "user_id", .type = FIELD_USER, .flags = FIELD_ONE_OF, .minimum = 1, .maximum = 255},
    {.name = "from_session", .type = FIELD_UUID},
    {0},
};

struct handing {
    struct request *request;
    struct call_actor actor;
    struct call *call; /* reference */
    struct uuid guest;
};

static void handing_free(struct handing *handing)
{
    call_unref(handing->call);
    g_free(handing);
}

static void handing_fail(struct handing *handing, enum error_code error)
{
    request_fail(handing->request, error, NULL);
    handing_free(handing);
}

/* ---- The next call --------------------------------------------------------------------------- */

static json_t *id_json(const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    return json_string(text);
}

static json_t *id_new(void)
{
    struct uuid made;
    uuid_generate(&made);
    return id_json(&made);
}

/* CALLER, by DEVICE, calls CALLEE; one of the two is GUEST. */
static json_t *next_json(const struct core *core, const struct uuid *caller,
                         const struct call_device *device, const struct uuid *callee,
                         const struct uuid *guest)
{
    unsigned seconds =
        call_timer_seconds(CALL_TIMER_RING, (unsigned)core->options->calls_ring_timeout, 0);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:i}", "id", id_new(), "message_id", id_new(),
                     "caller", id_json(caller), "callee", id_json(callee), "guest", id_json(guest),
                     "live", call_live_new(device), "seconds", (int)seconds);
}

/* Who stays when SIDE hands the call on. */
static const struct call_person *person_who_stays(const struct call *call, enum call_side side)
{
    return &call->person[call_other_side(side)];
}

json_t *call_next_of_guest(const struct call *call, const struct call_actor *actor)
{
    const struct call_machine *machine = &call->machine;
    if (!call_is_guest(machine, &actor->user) || machine->moving == CALL_NOBODY)
        return NULL;
    return next_json(call->core, &actor->user, &actor->device,
                     &person_who_stays(call, machine->moving)->id, &actor->user);
}

/* Its row is stored. */
static void next_ring(struct core *core, const json_t *row)
{
    struct call *next = call_began(core, row);
    if (next)
        call_ring(next);
}

void call_reply_next(struct request *request, const struct call_outcome *outcome)
{
    struct uuid id = {0};
    const json_t *live = json_object_get(outcome->next, "live");
    const char *text = json_string_value(json_object_get(outcome->next, "id"));
    struct core *core = request->core;
    if (text)
        uuid_parse(text, &id);
    call_reply_begun(request, 200, outcome->call, &id,
                     json_is_true(json_object_get(live, "strangers")));
    next_ring(core, outcome->next);
}

/* ---- Asking the guest ------------------------------------------------------------------------ */

static void handing_acted(struct call *call, const struct call_outcome *outcome, void *data)
{
    static const struct field_problem takes_part = {ERROR_UNPROCESSABLE, "/user_id",
                                                    "takes part in the call"};
    struct handing *handing = data;
    struct request *request = handing->request;
    struct core *core = request->core;
    if (outcome->reason)
        request_fail_reason(request, ERROR_CONFLICT, outcome->reason);
    else if (outcome->error == ERROR_UNPROCESSABLE)
        request_fail_field(request, &takes_part);
    else if (outcome->error != ERROR_NONE)
        request_fail(request, outcome->error, NULL);
    else if (outcome->verdict == CALL_FORBIDDEN)
        request_fail(request, ERROR_FORBIDDEN, "the call goes on at another device");
    else if (outcome->verdict == CALL_CONFLICT)
        request_fail_reason(request, ERROR_CONFLICT, call_state_name(call->machine.state));
    else if (outcome->verdict == CALL_STRANGER || !outcome->call)
        request_fail(request, ERROR_NOT_FOUND, NULL);
    else
        call_reply_json(request, 200, outcome->call);
    if (outcome->next)
        next_ring(core, outcome->next);
    handing_free(handing);
}

/* The other instances have said who is there. */
static void guest_ask(struct core *core, void *data)
{
    struct handing *handing = data;
    struct call_deed deed = {.event = CALL_TRANSFER,
                             .actor = &handing->actor,
                             .guest = &handing->guest,
                             .reachable = call_is_heard(core, &handing->guest)};
    if (core->archive)
        call_act(handing->call, &deed, handing_acted, handing);
    else
        handing_fail(handing, ERROR_UNAVAILABLE); /* the process ends */
}

/* ---- Calling one on XMPP --------------------------------------------------------------------- */

static void guest_call(struct handing *handing, enum call_side side)
{
    const struct call *call = handing->call;
    const struct call_person *stays = person_who_stays(call, side);
    json_t *next =
        next_json(call->core, &stays->id, &call->machine.party[call_other_side(side)].device,
                  &handing->guest, &handing->guest);
    struct call_deed deed = {.event = CALL_PASS, .actor = &handing->actor, .next = next};
    call_act(handing->call, &deed, handing_acted, handing);
    json_decref(next);
}

static bool may_ring(const struct core *core, const struct relation *relation)
{
    const struct call_peer *peer = call_get_peer();
    return peer && peer->ring && (!peer->may_ring || peer->may_ring(core, relation));
}

/* ---- Who it is ------------------------------------------------------------------------------- */

/* A client on XMPP that stays is told where its call goes on if it has rung by message: that is
 * rung for, as everything else would be, by message. Two clients there cannot be brought together.
 */
static bool can_be_done(const struct handing *handing, enum call_side side,
                        const struct relation *relation)
{
    const struct call *call = handing->call;
    bool guest_here = relation->party[RELATION_PEER].hosted;
    bool stays_here = person_who_stays(call, side)->hosted;
    bool by_message = json_is_true(json_object_get(call->session, "jmi"));
    if (guest_here)
        return stays_here || by_message;
    return stays_here && may_ring(call->core, relation);
}

static void guest_came(struct relation *relation, enum error_code error, void *data)
{
    struct handing *handing = data;
    struct core *core = handing->request->core;
    enum call_side side = call_side_of(&handing->call->machine, &handing->actor.user);
    const struct relation_party *guest = relation ? &relation->party[RELATION_PEER] : NULL;
    if (error != ERROR_NONE || uuid_is_nil(&guest->id)) {
        handing_fail(handing, error == ERROR_NONE ? ERROR_REFUSED : error);
        return;
    }
    handing->guest = guest->id;
    if (!can_be_done(handing, side, relation))
        handing_fail(handing, ERROR_NOT_AVAILABLE);
    else if (!guest->hosted)
        guest_call(handing, side);
    else if (call_is_heard(core, &guest->id) || !elsewhere_is_used(core))
        guest_ask(core, handing);
    else
        elsewhere_catch_up(core, guest_ask, handing);
}

static void call_came(struct call *call, enum error_code error, void *data)
{
    struct handing *handing = data;
    const struct request *request = handing->request;
    enum call_side side = call ? call_side_of(&call->machine, &handing->actor.user) : CALL_NOBODY;
    if (side == CALL_NOBODY || (call->silent && side == CALL_CALLEE)) {
        handing_fail(handing, call ? ERROR_NOT_FOUND : error);
        return;
    }
    handing->call = call_ref(call);
    json_t *user = field_user_json(request_value(request, "user_id"));
    char *text = json_dumps(user, JSON_COMPACT | JSON_ENCODE_ANY);
    struct relation_key key = {.user = request->account->jid, .reference = text};
    relation_find(request->core, &key, guest_came, handing);
    free(text);
    json_decref(user);
}

void call_hand_on(struct request *request)
{
    struct handing *handing = g_new0(struct handing, 1);
    struct call_name name = {.id = request_uuid(request, "call_id")};
    handing->request = request;
    handing->actor = call_request_actor(request, request_uuid(request, "from_session"));
    call_find(request->core, &name, call_came, handing);
}
