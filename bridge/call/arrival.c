/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call that comes from XMPP: who is rung, who is busy, and who calls whom when both do. */
#include "config.h"

#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/call/act.h"
#include "bridge/call/jingle.h"
#include "bridge/call/tell.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/relation.h"
#include "bridge/core/stanza_out.h"
#include "bridge/core/toggle.h"
#include "bridge/call/arrival.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/jingle/candidate.h"
#include "xep/jingle/negotiate.h"
#include "xep/ns.h"

#define RING_SECONDS 60 /* of a call from XMPP: clients there give up earlier, or never */

/* ---- Being called ---------------------------------------------------------------------------- */

static void arrival_free(struct arrival *arrival)
{
    if (arrival->ended)
        arrival->ended(arrival->core, arrival->to_bare, arrival->from_bare, arrival->sid);
    g_free(arrival->from);
    g_free(arrival->from_bare);
    g_free(arrival->to_bare);
    g_free(arrival->sid);
    g_free(arrival->propose);
    json_decref(arrival->offer);
    json_decref(arrival->names);
    g_free(arrival);
}

static void busy_say(struct call *call)
{
    struct jingle_message reject = {.kind = JM_REJECT, .id = call->sid, .reason = REASON_BUSY};
    struct jingle terminate = {
        .action = JINGLE_SESSION_TERMINATE, .sid = call->sid, .reason = REASON_BUSY};
    if (jingle_is_shared(call->core, call->person[CALL_CALLEE].jid))
        return; /* another client rings */
    if (json_is_true(json_object_get(call->session, "jmi")))
        jingle_message_out(call, &reject, false);
    else
        jingle_action_out(call, &terminate);
}

/* What of the offer may be told is known only now. */
static void offer_hold(struct call *call, const struct arrival *arrival)
{
    struct call_actor actor = jingle_actor(call, arrival->from);
    struct call_deed deed = {.event = CALL_OFFER, .actor = &actor, .signal = arrival->offer};
    g_autoptr(media_description) offer =
        arrival->offer && jingle_is_relayed(call) ? jingle_description(call, "remote") : NULL;
    if (offer) {
        media_filter_candidates(offer, true);
        g_autofree char *sdp = jingle_show(call, offer);
        json_object_set_new(json_object_get(arrival->offer, "data"), "sdp", json_string(sdp));
    }
    if (arrival->offer)
        call_act(call, &deed, NULL, NULL);
}

/* The other instances have said who is there. */
static void others_heard(struct core *core, void *data)
{
    g_autoptr(trestle_call) call = data;
    struct call *now = call_peek(&call->id);
    struct call_actor callee = {.user = call->person[CALL_CALLEE].id};
    struct call_deed ring = {.event = CALL_RING, .actor = &callee};
    if (core->archive && now && call_is_heard(core, &callee.user))
        call_act(now, &ring, NULL, NULL);
}

static void glare_learn(struct arrival *arrival, const json_t *row);

/* The row says whether it rings; of one that was over at once nothing is left to go on with. */
static void call_arrived(const struct change_result *result, void *data)
{
    struct arrival *arrival = data;
    json_t *row = json_object_get(result->json, "row");
    if (result->error == ERROR_NONE && result->outcome == OUTCOME_CONFLICT && row) {
        glare_learn(arrival, row);
        return;
    }
    if (result->error != ERROR_NONE || result->outcome != OUTCOME_DONE || !row) {
        arrival_free(arrival);
        return;
    }
    bool busy = g_strcmp0(json_string_value(json_object_get(row, "reason")), "busy") == 0;
    struct call *call = call_began(arrival->core, row);
    if (busy) {
        struct call *over = call_learn(arrival->core, row);
        json_object_set_new(over->session, "jmi", json_boolean(arrival->jmi));
        jingle_set_text(over, "full", arrival->from);
        busy_say(over);
    } else if (call) {
        struct call_actor callee = {.user = call->person[CALL_CALLEE].id};
        struct call_deed ring = {.event = CALL_RING, .actor = &callee};
        offer_hold(call, arrival);
        if (call_is_heard(arrival->core, &callee.user))
            call_act(call, &ring, NULL, NULL);
        else if (elsewhere_is_used(arrival->core))
            elsewhere_catch_up(arrival->core, others_heard, call_ref(call));
    }
    arrival_free(arrival);
}

/* What the row is to remember of the session. */
static json_t *session_json(const struct arrival *arrival)
{
    json_t *session = json_pack("{s:s, s:b, s:s*}", "full", arrival->from, "jmi", arrival->jmi,
                                "propose", arrival->propose);
    const char *sdp =
        json_string_value(json_object_get(json_object_get(arrival->offer, "data"), "sdp"));
    if (sdp)
        json_object_set_new(session, "remote", json_string(sdp));
    if (arrival->names)
        json_object_set(session, "names", arrival->names);
    return session;
}

static void arrival_store(struct arrival *arrival)
{
    struct core *core = arrival->core;
    char id[UUID_TEXT_SIZE], message[UUID_TEXT_SIZE];
    uuid_generate_text(id);
    uuid_generate_text(message);
    struct call none = {0};
    struct call_device caller = jingle_actor(&none, arrival->from).device;
    json_t *live = call_live_new(&caller);
    json_object_set_new(live, "peer", session_json(arrival));
    json_t *arguments = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:i}", "id", id, "message_id", message, "from",
        arrival->from_bare, "to", arrival->to_bare, "address", arrival->from, "sid", arrival->sid,
        "call_type", arrival->video ? "video" : "audio", "live", live, "seconds", RING_SECONDS);
    json_object_set_new(arguments, "tie", json_boolean(arrival->jmi && !arrival->settled));
    change_submit(core, "call_arrive", NULL, arguments, call_arrived, arrival);
}

/* The addressee is not to have calls: as one whose clients know nothing of them. */
static void arrival_refuse(const struct arrival *arrival)
{
    g_autofree char *from = jingle_own_address(arrival->core, arrival->to_bare);
    struct jingle_message reject = {
        .kind = JM_REJECT, .id = arrival->sid, .reason = REASON_UNSUPPORTED_APPLICATIONS};
    struct jingle terminate = {.action = JINGLE_SESSION_TERMINATE,
                               .sid = arrival->sid,
                               .reason = REASON_UNSUPPORTED_APPLICATIONS};
    g_autoptr(xmpp_stanza_t) stanza = NULL;
    if (arrival->jmi && jingle_is_shared(arrival->core, arrival->to_bare))
        return; /* another client of the account is for calls */
    if (arrival->jmi) {
        jingle_reply_out(arrival->core, arrival->to_bare, arrival->from, &reject);
        return;
    }
    stanza = stanza_new_iq("set", arrival->sid, from, arrival->from);
    jingle_add(stanza, &terminate);
    stanza_out(arrival->core, stanza);
}

/* To whom the user does not exist is not answered. */
static void addressee_came(struct relation *relation, enum error_code error, void *data)
{
    struct arrival *arrival = data;
    const struct uuid *user = relation ? &relation->party[RELATION_USER].id : NULL;
    bool refused = user && !uuid_is_nil(user) && !relation_is_silent(relation) &&
                   !toggle_is_on(arrival->core, TOGGLE_CALLS, user);
    if (refused)
        arrival_refuse(arrival);
    if (refused || error != ERROR_NONE)
        arrival_free(arrival);
    else
        arrival_store(arrival);
}

void arrival_submit(struct arrival *arrival)
{
    struct core *core = arrival->core;
    struct limit_state state;
    struct uuid subject = limit_subject_of(arrival->from_bare);
    struct relation_key key = {.user = arrival->to_bare, .peer = arrival->from_bare};
    if (!limiter_take(core->limiter, &subject, LIMIT_CALLS_PEER, &state))
        arrival_free(arrival);
    else if (core->toggles.withheld[TOGGLE_CALLS] == 0)
        arrival_store(arrival);
    else
        relation_find(core, &key, addressee_came, arrival);
}

static struct arrival *arrival_new(const struct stanza_context *context, const char *sid)
{
    struct arrival *arrival = g_new0(struct arrival, 1);
    arrival->core = context->data;
    arrival->from = g_strdup(context->from);
    arrival->from_bare = g_strdup(context->from_bare);
    arrival->to_bare = g_strdup(context->to_bare);
    arrival->sid = g_strdup(sid);
    return arrival;
}

/* ---- Both call at once ----------------------------------------------------------------------- */

struct glare {
    const struct arrival *arrival;
    struct call *ours; /* borrowed; NULL: none */
};

static void glare_find(struct call *call, void *data)
{
    struct glare *glare = data;
    if (call->machine.state == CALL_RINGING && jingle_is_initiator(call) &&
        strcmp(call->person[CALL_CALLER].jid, glare->arrival->to_bare) == 0 &&
        strcmp(call->person[CALL_CALLEE].jid, glare->arrival->from_bare) == 0)
        glare->ours = call;
}

static void ours_retracted(struct call *call, const struct call_outcome *outcome, void *data)
{
    (void)call;
    (void)outcome; /* if it was not to be retracted, theirs meets somebody who is busy */
    arrival_submit(data);
}

/* Two who have proposed to each other: the one with the lower id goes on (XEP-0353 section 3.8).
 * Ours is retracted also where the peer does not know of ties. Takes ARRIVAL. */
static void glare_settle(struct call *ours, struct arrival *arrival)
{
    struct jingle_message reject = {
        .kind = JM_REJECT, .id = arrival->sid, .reason = REASON_EXPIRED, .tie_break = true};
    struct call_actor caller = {ours->person[CALL_CALLER].id,
                                ours->machine.party[CALL_CALLER].device};
    struct call_deed retract = {.event = CALL_END, .actor = &caller};
    arrival->settled = true;
    if (!call_tie_is_ours(ours->sid, arrival->sid)) {
        call_act(ours, &retract, ours_retracted, arrival);
        return;
    }
    jingle_reply_out(arrival->core, arrival->to_bare, arrival->from, &reject);
    arrival_free(arrival);
}

/* ROW is that of a call of ours, which another instance has begun and not told yet. */
static void glare_learn(struct arrival *arrival, const json_t *row)
{
    struct call *ours = call_learn(arrival->core, row);
    if (ours)
        glare_settle(ours, arrival);
    else
        arrival_free(arrival);
}

static void arrival_meet(struct arrival *arrival)
{
    struct glare glare = {arrival, NULL};
    call_each(glare_find, &glare);
    if (glare.ours)
        glare_settle(glare.ours, arrival);
    else
        arrival_submit(arrival);
}

/* What an app proposes to an account of another server comes back by the account's session. */
static void own_looked_for(struct call *call, enum error_code error, void *data)
{
    struct arrival *arrival = data;
    if (call || error != ERROR_NOT_FOUND)
        arrival_free(arrival);
    else
        arrival_meet(arrival);
}

void arrival_propose(const struct stanza_context *context, const struct jingle_message *message)
{
    struct arrival *arrival = arrival_new(context, message->id);
    arrival->jmi = true;
    arrival->video = message->media & JINGLE_VIDEO;
    arrival->propose = g_strdup(stanza_attr(context->stanza, "id"));
    struct call_name own = {
        .local = context->from_bare, .peer = context->to_bare, .sid = message->id};
    if (context->target == TARGET_ACCOUNT)
        call_find(arrival->core, &own, own_looked_for, arrival);
    else
        arrival_meet(arrival);
}
