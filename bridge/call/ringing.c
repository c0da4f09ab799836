/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jingle Message Initiation (XEP-0353), as deeds of the call: what the peer says, and what other
 * clients of an account of another server do. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/call/act.h"
#include "bridge/call/arrival.h"
#include "bridge/call/jingle.h"
#include "bridge/call/ringing.h"
#include "bridge/call/tell.h"
#include "bridge/core/core.h"
#include "xep/0203_delay.h"
#include "xep/ns.h"

/* ---- The peer -------------------------------------------------------------------------------- */

/* What a peer does, until its call is found. */
struct peer_deed {
    struct core *core;
    char *from;
    enum call_event event;
    enum call_reason reason;
};

static void peer_deed_run(struct call *call, enum error_code error, void *data)
{
    struct peer_deed *deed = data;
    (void)error;
    bool rings_on = call && call->forked && deed->event == CALL_FAIL &&
                    call_is_heard(deed->core, &call->person[CALL_CALLEE].id);
    if (call && !call_is_final(call->machine.state) && !rings_on) {
        struct call_actor actor = jingle_actor(call, deed->from);
        struct call_deed done = {.event = deed->event, .reason = deed->reason, .actor = &actor};
        if (deed->event == CALL_ACCEPT && call->machine.state == CALL_RINGING &&
            jingle_is_initiator(call))
            done.address = deed->from;
        call_act(call, &done, NULL, NULL);
    }
    g_free(deed->from);
    g_free(deed);
}

static void peer_does(const struct stanza_context *context, const char *sid, enum call_event event,
                      enum call_reason reason)
{
    struct peer_deed *deed = g_new0(struct peer_deed, 1);
    *deed = (struct peer_deed){context->data, g_strdup(context->from), event, reason};
    struct call_name name = {.local = context->to_bare, .peer = context->from_bare, .sid = sid};
    call_find(context->data, &name, peer_deed_run, deed);
}

/* ---- Other clients of an account of another server ------------------------------------------- */

/* What one of them has done with a call that rings in the app, too. The peer has heard it. Of a
 * call that an app here makes, who has answered tells the caller. */
static void other_client_does(struct call *call, const struct peer_deed *deed)
{
    struct call_actor actor = {.user = call->person[CALL_CALLEE].id};
    struct call_deed done = {.event = deed->event, .actor = &actor, .elsewhere = true};
    actor.device = jingle_actor(call, deed->from).device;
    if (call->machine.state == CALL_RINGING && !jingle_is_initiator(call) &&
        call->person[CALL_CALLEE].hosted)
        call_act(call, &done, NULL, NULL);
}

static void other_client_run(struct call *call, enum error_code error, void *data)
{
    struct peer_deed *deed = data;
    (void)error;
    if (call)
        other_client_does(call, deed);
    g_free(deed->from);
    g_free(deed);
}

/* A copy of what it has told the peer, or what it tells all clients of the account. */
static void on_other_client(const struct stanza_context *context,
                            const struct jingle_message *message)
{
    static const enum call_event events[JM_KINDS] = {
        [JM_PROCEED] = CALL_TAKE, [JM_ACCEPT] = CALL_TAKE, [JM_REJECT] = CALL_DECLINE};
    struct core *core = context->data;
    const struct account *account = account_find_jid(core->accounts, context->from_bare);
    struct peer_deed deed = {core, NULL, events[message->kind], 0};
    if (deed.event == 0 || !account)
        return;
    if (context->target == TARGET_SENT) {
        struct call_name name = {
            .local = context->from_bare, .peer = context->to_bare, .sid = message->id};
        deed.from = g_strdup(context->from);
        call_find(core, &name, other_client_run, g_memdup2(&deed, sizeof deed));
        return;
    }
    struct call *call = call_of_user(&account->id);
    deed.from = g_strdup(context->from);
    if (call && strcmp(call->sid, message->id) == 0)
        other_client_does(call, &deed);
    g_free(deed.from);
}

/* ---- Every message --------------------------------------------------------------------------- */

bool ringing_message(const struct stanza_context *context)
{
    struct jingle_message message;
    const char *type = stanza_attr(context->stanza, "type");
    if (g_strcmp0(type, "error") == 0 || g_strcmp0(type, "groupchat") == 0)
        return false;
    if (!jingle_message_parse(context->stanza, &message) ||
        stanza_child(context->stanza, "delay", NS_DELAY))
        return true; /* what is late does not ring */
    if (context->target == TARGET_SENT || strcmp(context->from_bare, context->to_bare) == 0) {
        on_other_client(context, &message);
        return true;
    }
    switch (message.kind) {
    case JM_PROPOSE:
        if (message.media & JINGLE_AUDIO)
            arrival_propose(context, &message);
        else
            jingle_refuse(context->data, context->to_bare, context->from, message.id);
        break;
    case JM_RINGING:
        peer_does(context, message.id, CALL_RING, 0);
        break;
    case JM_PROCEED:
    case JM_ACCEPT:
        peer_does(context, message.id, CALL_ACCEPT, 0);
        break;
    case JM_REJECT:
        peer_does(context, message.id, message.reason == REASON_BUSY ? CALL_BUSY : CALL_DECLINE, 0);
        break;
    case JM_RETRACT:
    case JM_FINISH:
        peer_does(context, message.id, CALL_END, 0);
        break;
    case JM_KINDS:
    default:
        break;
    }
    return true;
}

void ringing_error(const struct stanza_context *context)
{
    xmpp_stanza_t *propose = stanza_child(context->stanza, "propose", NS_JINGLE_MESSAGE);
    const char *sid = propose ? stanza_attr(propose, "id") : NULL;
    const char *id = stanza_attr(context->stanza, "id");
    static const char prefix[] = "jm-propose-";
    if (!sid && id && g_str_has_prefix(id, prefix))
        sid = id + sizeof prefix - 1;
    if (sid)
        peer_does(context, sid, CALL_FAIL, CALL_REASON_UNREACHABLE);
}
