/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the peer on XMPP is told of what our side does. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/secret.h"
#include "bridge/base/options.h"
#include "bridge/call/act.h"
#include "bridge/call/ice.h"
#include "bridge/call/jingle.h"
#include "bridge/call/jingle_change.h"
#include "bridge/call/tell.h"
#include "bridge/call/trickle.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/relation.h"
#include "bridge/core/stanza_out.h"
#include "bridge/presence/announce.h"
#include "bridge/presence/watch.h"
#include "xep/0184_receipts.h"
#include "xep/0334_hints.h"
#include "xep/jingle/change.h"
#include "xep/jingle/content.h"
#include "xep/jingle/negotiate.h"
#include "xep/jingle/sdp.h"
#include "xep/ns.h"
#include "xep/presence.h"
#include "xep/jid.h"

/* ---- The session ----------------------------------------------------------------------------- */

enum call_side jingle_remote_side(const struct call *call)
{
    return call->person[CALL_CALLER].hosted ? CALL_CALLEE : CALL_CALLER;
}

bool jingle_is_initiator(const struct call *call)
{
    return jingle_remote_side(call) == CALL_CALLEE;
}

const char *jingle_text(const struct call *call, const char *name)
{
    return json_string_value(json_object_get(call->session, name));
}

void jingle_set_text(struct call *call, const char *name, const char *value)
{
    json_object_set_new(call->session, name, json_string(value));
}

bool jingle_is_direct(const struct call *call)
{
    return jingle_is_initiator(call) && !json_is_true(json_object_get(call->session, "jmi"));
}

struct call_actor jingle_actor(const struct call *call, const char *address)
{
    struct call_actor actor = {.user = call->person[jingle_remote_side(call)].id};
    actor.device.credential = secret_digest(address);
    return actor;
}

bool jingle_is_relayed(const struct call *call)
{
    return ice_policy_of(call->core->options, call->strangers) == ICE_RELAY;
}

struct media_description *jingle_description(const struct call *call, const char *name)
{
    const char *text = jingle_text(call, name);
    const json_t *names = json_object_get(call->session, "names");
    const json_t *responders = json_object_get(call->session, "responders");
    enum media_fault fault;
    struct media_description *description = text ? sdp_read(text, strlen(text), &fault) : NULL;
    for (guint i = 0; description && i < description->contents->len; i++) {
        struct media_content *content = description->contents->pdata[i];
        const char *theirs =
            content->mid ? json_string_value(json_object_get(names, content->mid)) : NULL;
        if (theirs)
            content->name = media_keep_text(description, theirs);
        content->by_responder = content->mid && json_object_get(responders, content->mid);
    }
    return description;
}

/* The object NAME of the session. */
static json_t *session_object(struct call *call, const char *name)
{
    json_t *object = json_object_get(call->session, name);
    if (!object)
        json_object_set_new(call->session, name, object = json_object());
    return object;
}

void jingle_name(struct call *call, const char *mid, const char *name, bool by_responder)
{
    json_object_del(session_object(call, "names"), mid);
    json_object_del(session_object(call, "responders"), mid);
    if (strcmp(mid, name) != 0)
        json_object_set_new(session_object(call, "names"), mid, json_string(name));
    if (by_responder)
        json_object_set_new(session_object(call, "responders"), mid, json_true());
}

static void names_keep(struct call *call, const struct media_description *description)
{
    for (guint i = 0; i < description->contents->len; i++) {
        const struct media_content *content = description->contents->pdata[i];
        if (content->mid && content->name)
            jingle_name(call, content->mid, content->name, content->by_responder);
    }
}

char *jingle_write(struct call *call, const struct media_description *description)
{
    struct sdp_origin origin = {.session = 1, .stream = "trestle"};
    memcpy(&origin.session, call->id.bytes, sizeof origin.session);
    origin.session >>= 2; /* browsers want a signed number */
    origin.version = (guint64)json_integer_value(json_object_get(call->session, "version")) + 1;
    json_object_set_new(call->session, "version", json_integer((json_int_t)origin.version));
    return sdp_write(description, &origin);
}

void jingle_remember(struct call *call, const struct media_description *description)
{
    static const struct sdp_origin origin = {.session = 1, .stream = "trestle"};
    g_autofree char *text = sdp_write(description, &origin);
    jingle_set_text(call, "remote", text);
    names_keep(call, description);
}

char *jingle_show(struct call *call, const struct media_description *description)
{
    jingle_remember(call, description);
    return jingle_write(call, description);
}

/* ---- Sending --------------------------------------------------------------------------------- */

char *jingle_own_address(const struct core *core, const char *jid)
{
    const struct account *account = account_find_jid(core->accounts, jid);
    return account ? g_strdup(account->full_jid) : account_address(jid);
}

bool jingle_is_shared(const struct core *core, const char *jid)
{
    return service_of(core->options, jid) == SERVICE_MAX;
}

static char *own_address(const struct call *call)
{
    enum call_side own = call_other_side(jingle_remote_side(call));
    return jingle_own_address(call->core, call->person[own].jid);
}

static const char *peer_address(const struct call *call, bool bare)
{
    const char *full = jingle_text(call, "full");
    return bare || !full ? call->person[jingle_remote_side(call)].jid : full;
}

bool jingle_message_out(struct call *call, const struct jingle_message *message, bool bare)
{
    g_autofree char *from = own_address(call);
    g_autofree char *id =
        g_strconcat("jm-", message->kind == JM_PROPOSE ? "propose-" : "", message->id, NULL);
    g_autoptr(xmpp_stanza_t) stanza = stanza_new("message", NS_CLIENT);
    stanza_set(stanza, "type", "chat");
    stanza_set(stanza, "from", from);
    stanza_set(stanza, "to", peer_address(call, bare));
    if (message->kind == JM_PROPOSE)
        stanza_set(stanza, "id", id);
    jingle_message_add(stanza, message);
    if (message->kind == JM_PROPOSE)
        receipt_add_request(stanza);
    hints_add(stanza, HINT_STORE);
    return stanza_out(call->core, stanza);
}

void jingle_reply_out(struct core *core, const char *own, const char *peer,
                      const struct jingle_message *message)
{
    g_autofree char *from = jingle_own_address(core, own);
    g_autoptr(xmpp_stanza_t) stanza = stanza_new("message", NS_CLIENT);
    stanza_set(stanza, "type", "chat");
    stanza_set(stanza, "from", from);
    stanza_set(stanza, "to", peer);
    jingle_message_add(stanza, message);
    hints_add(stanza, HINT_STORE);
    stanza_out(core, stanza);
}

struct refusing {
    struct core *core;
    char *own, *peer, *sid;
};

static void refusing_known(struct relation *relation, enum error_code error, void *data)
{
    struct refusing *refusing = data;
    struct jingle_message reject = {
        .kind = JM_REJECT, .id = refusing->sid, .reason = REASON_UNSUPPORTED_APPLICATIONS};
    if (error == ERROR_NONE && relation->live)
        jingle_reply_out(refusing->core, refusing->own, refusing->peer, &reject);
    g_free(refusing->own);
    g_free(refusing->peer);
    g_free(refusing->sid);
    g_free(refusing);
}

void jingle_refuse(struct core *core, const char *own, const char *peer, const char *sid)
{
    if (jingle_is_shared(core, own))
        return; /* another client may know how */
    struct refusing *refusing = g_new0(struct refusing, 1);
    g_autofree char *bare = jid_cut(peer);
    struct relation_key key = {.user = own, .peer = bare};
    *refusing = (struct refusing){core, g_strdup(own), g_strdup(peer), g_strdup(sid)};
    relation_find(core, &key, refusing_known, refusing);
}

static void message_kind_out(struct call *call, enum jingle_message_kind kind,
                             enum jingle_reason reason, bool bare)
{
    struct jingle_message message = {.kind = kind, .id = call->sid, .reason = reason};
    jingle_message_out(call, &message, bare);
}

struct asked {
    struct call *call; /* reference */
    bool begins;       /* it was the session-initiate */
    char *added;       /* mid of what a content-add was about; NULL: it was none */
};

static void asked_free(struct asked *asked)
{
    call_unref(asked->call);
    g_free(asked->added);
    g_free(asked);
}

/* A session that the other side refuses, or does not know, is over. */
static void action_answered(xmpp_stanza_t *result, void *data)
{
    struct asked *asked = data;
    struct call *call = call_peek(&asked->call->id);
    const char *type = result ? stanza_attr(result, "type") : NULL;
    static const struct call_deed fail = {.event = CALL_FAIL, .reason = CALL_REASON_UNREACHABLE};
    bool refused = g_strcmp0(type, "error") == 0;
    bool unknown = refused && stanza_child(result, "error", NS_CLIENT) &&
                   stanza_child(stanza_child(result, "error", NS_CLIENT), "item-not-found",
                                "urn:ietf:params:xml:ns:xmpp-stanzas");
    if (call && refused && (asked->begins || unknown))
        call_act(call, &fail, NULL, NULL);
    else if (call && refused && asked->added)
        change_not_added(call, asked->added);
    asked_free(asked);
}

/* IQ and ADDED are taken. */
static void action_send(struct call *call, xmpp_stanza_t *iq, bool begins, char *added)
{
    g_autoptr(xmpp_stanza_t) owned = iq;
    struct asked *asked = g_new0(struct asked, 1);
    *asked = (struct asked){call_ref(call), begins, added};
    if (stanza_may_ask(call->core) && stanza_ask(call->core, owned, 20, action_answered, asked))
        return;
    asked_free(asked);
    stanza_out(call->core, owned); /* by another instance, which nobody can answer to here */
}

/* Begins an IQ with JINGLE in it; *RET_ELEMENT is for contents. */
static xmpp_stanza_t *action_new(struct call *call, const struct jingle *jingle,
                                 xmpp_stanza_t **ret_element)
{
    g_autofree char *from = own_address(call);
    char id[UUID_TEXT_SIZE];
    uuid_generate_text(id);
    xmpp_stanza_t *iq = stanza_new_iq("set", id, from, peer_address(call, false));
    *ret_element = jingle_add(iq, jingle);
    return iq;
}

void jingle_action_out(struct call *call, const struct jingle *jingle)
{
    xmpp_stanza_t *element;
    action_send(call, action_new(call, jingle, &element), false, NULL);
}

/* ---- Descriptions ---------------------------------------------------------------------------- */

void jingle_fail(struct call *call, enum media_fault fault)
{
    struct call_deed fail = {.event = CALL_FAIL,
                             .reason = fault == MEDIA_NO_SECURITY ? CALL_REASON_SECURITY
                                       : fault == MEDIA_BAD_SYNTAX || fault == MEDIA_TOO_MUCH
                                           ? CALL_REASON_APPLICATION
                                           : CALL_REASON_UNSUPPORTED};
    call_act(call, &fail, NULL, NULL);
}

const char *jingle_signal_sdp(const json_t *signal)
{
    return json_string_value(json_object_get(json_object_get(signal, "data"), "sdp"));
}

static void initiate_out(struct call *call, const json_t *signal)
{
    const char *sdp = jingle_signal_sdp(signal);
    enum media_fault fault = MEDIA_BAD_SYNTAX;
    g_autoptr(media_description) offer = sdp ? sdp_read(sdp, strlen(sdp), &fault) : NULL;
    if (offer) {
        media_trim_offer(offer);
        media_filter_candidates(offer, jingle_is_relayed(call));
        fault = media_check(offer);
    }
    if (!offer || fault != MEDIA_OK) {
        jingle_fail(call, fault);
        return;
    }
    g_autofree char *own = own_address(call);
    struct jingle jingle = {.action = JINGLE_SESSION_INITIATE, .sid = call->sid, .initiator = own};
    xmpp_stanza_t *element;
    xmpp_stanza_t *iq = action_new(call, &jingle, &element);
    content_write(element, offer, true, CONTENT_ALL);
    jingle_set_text(call, "local", sdp);
    action_send(call, iq, true, NULL);
}

static void accept_out(struct call *call, const json_t *signal)
{
    const char *sdp = jingle_signal_sdp(signal);
    enum media_fault fault = MEDIA_BAD_SYNTAX;
    g_autoptr(media_description) answer = sdp ? sdp_read(sdp, strlen(sdp), &fault) : NULL;
    g_autoptr(media_description) offer = jingle_description(call, "remote");
    if (answer && offer)
        fault = media_fit_answer(answer, offer, false);
    if (!answer || !offer || fault != MEDIA_OK) {
        jingle_fail(call, fault);
        return;
    }
    media_filter_candidates(answer, jingle_is_relayed(call));
    g_autofree char *own = own_address(call);
    struct jingle jingle = {.action = JINGLE_SESSION_ACCEPT, .sid = call->sid, .responder = own};
    xmpp_stanza_t *element;
    xmpp_stanza_t *iq = action_new(call, &jingle, &element);
    content_write(element, answer, false, CONTENT_ALL);
    jingle_set_text(call, "local", sdp);
    media_settle(offer, answer);
    jingle_remember(call, offer);
    action_send(call, iq, false, NULL);
}

void jingle_content_out(struct call *call, const struct jingle *jingle,
                        const struct media_content *content, unsigned parts,
                        const struct media_description *group)
{
    struct jingle said = *jingle;
    xmpp_stanza_t *element;
    said.sid = call->sid;
    xmpp_stanza_t *iq = action_new(call, &said, &element);
    if (group)
        content_write_group(element, group);
    content_write_one(element, content, jingle_is_initiator(call), (enum content_parts)parts);
    action_send(call, iq, false, said.action == JINGLE_CONTENT_ADD ? g_strdup(content->mid) : NULL);
}

/* ---- Ending ---------------------------------------------------------------------------------- */

static const enum jingle_reason reasons[CALL_REASONS] = {
    [CALL_REASON_HANGUP] = REASON_SUCCESS,
    [CALL_REASON_TRANSFERRED] = REASON_SUCCESS,
    [CALL_REASON_CANCELLED] = REASON_CANCEL,
    [CALL_REASON_DECLINED] = REASON_DECLINE,
    [CALL_REASON_BUSY] = REASON_BUSY,
    [CALL_REASON_NO_ANSWER] = REASON_TIMEOUT,
    [CALL_REASON_TIMEOUT] = REASON_TIMEOUT,
    [CALL_REASON_CONNECTIVITY] = REASON_CONNECTIVITY_ERROR,
    [CALL_REASON_GONE] = REASON_GONE,
    [CALL_REASON_EXPIRED] = REASON_EXPIRED,
    [CALL_REASON_UNREACHABLE] = REASON_GENERAL_ERROR,
    [CALL_REASON_UNSUPPORTED] = REASON_UNSUPPORTED_APPLICATIONS,
    [CALL_REASON_SECURITY] = REASON_SECURITY_ERROR,
    [CALL_REASON_APPLICATION] = REASON_FAILED_APPLICATION};

static void terminate_out(struct call *call, enum jingle_reason reason)
{
    struct jingle jingle = {.action = JINGLE_SESSION_TERMINATE, .sid = call->sid, .reason = reason};
    jingle_action_out(call, &jingle);
}

static void end_out(struct call *call, const struct call_machine *before)
{
    enum jingle_reason reason = reasons[call->machine.reason];
    bool jmi = json_is_true(json_object_get(call->session, "jmi"));
    bool begun = jingle_text(call, "local") || jingle_text(call, "remote");
    if (before->state == CALL_RINGING && jmi && jingle_is_initiator(call))
        message_kind_out(call, JM_RETRACT, REASON_CANCEL, true);
    else if (before->state == CALL_RINGING && jmi)
        message_kind_out(call, JM_REJECT, reason, false);
    else if (begun || !jingle_is_direct(call))
        terminate_out(call, reason);
    struct jingle_message finish = {.kind = JM_FINISH,
                                    .id = call->sid,
                                    .reason = reason,
                                    .migrated_to = jingle_text(call, "migrated")};
    if (before->state == CALL_ACTIVE && jmi && begun)
        jingle_message_out(call, &finish, false);
}

/* ---- Everything ------------------------------------------------------------------------------ */

static void info_out(struct call *call, enum jingle_info info)
{
    struct jingle jingle = {
        .action = JINGLE_SESSION_INFO, .sid = call->sid, .info = info, .info_is_known = true};
    jingle_action_out(call, &jingle);
}

static void state_out(struct call *call, const json_t *state)
{
    const json_t *muted = json_object_get(state, "muted");
    const json_t *hold = json_object_get(state, "on_hold");
    if (!jingle_text(call, "local") || !jingle_text(call, "remote"))
        return;
    if (muted)
        info_out(call, json_is_true(muted) ? INFO_MUTE : INFO_UNMUTE);
    if (hold)
        info_out(call, json_is_true(hold) ? INFO_HOLD : INFO_ACTIVE);
}

/* A device of ours rings: both forms, for what different clients wait for. */
static void ringing_out(struct call *call)
{
    const char *id = jingle_text(call, "propose");
    if (!json_is_true(json_object_get(call->session, "jmi"))) {
        info_out(call, INFO_RINGING);
        return;
    }
    message_kind_out(call, JM_RINGING, REASON_NONE, false);
    if (!id)
        return;
    g_autofree char *from = own_address(call);
    g_autoptr(xmpp_stanza_t) stanza = stanza_new("message", NS_CLIENT);
    stanza_set(stanza, "type", "chat");
    stanza_set(stanza, "from", from);
    stanza_set(stanza, "to", peer_address(call, false));
    receipt_add_received(stanza, id);
    hints_add(stanza, HINT_STORE);
    stanza_out(call->core, stanza);
}

/* A peer that is rung by the offer gets it, and what belongs to it, before it accepts. */
static void peer_held(struct call *call, const struct call_deed *deed)
{
    size_t i;
    const json_t *signal;
    bool begun = jingle_text(call, "local");
    if (!jingle_is_direct(call))
        return;
    if (deed->event == CALL_CANDIDATE) {
        if (begun)
            trickle_out(call, deed->signal);
        return;
    }
    trickle_flush(call);
    (begun ? change_offered : initiate_out)(call, deed->signal);
    json_array_foreach(call->held, i, signal)
    {
        if (!begun && i > 0)
            trickle_out(call, signal);
    }
}

/* Whether the peer is told that the call is over; not of what leaves it ringing at others. */
static bool ending_is_told(const struct call *call, const struct call_deed *deed,
                           const struct call_machine *before)
{
    const char *own = call->person[call_other_side(jingle_remote_side(call))].jid;
    bool rings_on = before->state == CALL_RINGING && deed->event == CALL_TIMEOUT &&
                    !jingle_is_initiator(call) && jingle_is_shared(call->core, own);
    return !deed->elsewhere && !rings_on;
}

/* Those that ring, too, stop (XEP-0353 section 3.3 and 3.4). */
static void peer_shared(struct call *call, const struct call_deed *deed)
{
    const char *own = call->person[CALL_CALLEE].jid;
    bool accepts = deed->event == CALL_ACCEPT;
    struct jingle_message message = {.kind = accepts ? JM_ACCEPT : JM_REJECT,
                                     .id = call->sid,
                                     .reason = accepts ? REASON_NONE : REASON_DECLINE};
    if (jingle_is_shared(call->core, own) && json_is_true(json_object_get(call->session, "jmi")))
        jingle_reply_out(call->core, own, own, &message);
}

static void peer_told(struct call *call, const struct call_deed *deed,
                      const struct call_machine *before)
{
    bool jmi = json_is_true(json_object_get(call->session, "jmi"));
    if (deed->event != CALL_CANDIDATE)
        trickle_flush(call);
    if (call_is_final(call->machine.state)) {
        if (ending_is_told(call, deed, before))
            end_out(call, before);
        return;
    }
    if (before->state == CALL_RINGING && jingle_is_direct(call))
        return; /* it has what was held */
    switch ((int)deed->event) {
    case CALL_RING:
        ringing_out(call);
        break;
    case CALL_ACCEPT:
        if (jmi && before->state == CALL_RINGING)
            message_kind_out(call, JM_PROCEED, REASON_NONE, false);
        break;
    case CALL_OFFER:
        (jingle_text(call, "local") ? change_offered : initiate_out)(call, deed->signal);
        break;
    case CALL_ANSWER:
        (before->negotiated ? change_answered : accept_out)(call, deed->signal);
        break;
    case CALL_RESTART:
        change_offered(call, deed->signal);
        break;
    case CALL_CANDIDATE:
        trickle_out(call, deed->signal);
        break;
    case CALL_INFO:
        state_out(call, deed->state);
        break;
    default:
        break;
    }
}

/* ---- Being seen ------------------------------------------------------------------------------ */

/* Who does not see the caller's presence is shown it for the time of the call: clients look there
 * for what the caller can do, and some ring for nobody whom they do not see. */
static void presence_lend(struct call *call)
{
    const struct call_person *caller = &call->person[CALL_CALLER];
    const struct account *account = account_find(call->core->accounts, &caller->id);
    char conversation[UUID_TEXT_SIZE];
    uuid_format(&call->conversation, conversation);
    struct relation_key key = {.user = caller->jid, .peer = conversation};
    const struct relation *relation = relation_recall(call->core, &key);
    if (!account || !relation || relation->party[RELATION_USER].allows.shows ||
        !announce_is_online(call->core, account))
        return;
    announce_to(call->core, account, call->person[CALL_CALLEE].jid, 0);
    json_object_set_new(call->session, "seen", json_true());
}

static void presence_withdraw(struct call *call)
{
    g_autofree char *from = own_address(call);
    struct presence_stanza presence = {
        .from = from, .to = peer_address(call, true), .type = PRESENCE_UNAVAILABLE};
    g_autoptr(xmpp_stanza_t) stanza = NULL;
    if (!json_is_true(json_object_get(call->session, "seen")))
        return;
    json_object_del(call->session, "seen");
    stanza = presence_build(&presence);
    stanza_out(call->core, stanza);
}

static const char *const needed[] = {NS_JINGLE, NS_JINGLE_RTP, NS_JINGLE_ICE_UDP, NS_JINGLE_DTLS,
                                     NULL};

/* A client of the peer's that can be called, if none of its clients can be rung by a message. */
static const char *peer_direct(const struct call *call)
{
    static const char *const jmi[] = {NS_JINGLE_MESSAGE, NULL};
    const struct uuid *caller = &call->person[CALL_CALLER].id;
    const char *callee = call->person[CALL_CALLEE].jid;
    return presence_lacks(call->core, caller, callee, jmi)
               ? presence_resource(call->core, caller, callee, needed)
               : NULL;
}

static bool peer_ring(struct call *call)
{
    struct jingle_message propose = {.kind = JM_PROPOSE,
                                     .id = call->sid,
                                     .media = JINGLE_AUDIO | (call->video ? JINGLE_VIDEO : 0u)};
    const char *direct = call->forked ? NULL : peer_direct(call);
    json_object_set_new(call->session, "jmi", json_boolean(!direct));
    presence_lend(call);
    if (!direct)
        return jingle_message_out(call, &propose, true);
    jingle_set_text(call, "full", direct);
    call_note(call, &call->machine);
    call_tell(call, CALL_CALLER, CALL_TO_DEVICE, EVENT_CALL_OFFER_NEEDED, json_object());
    return true;
}

/* Not where all who are there are known to be unable; who is away may be woken. */
static bool peer_may_ring(const struct core *core, const struct relation *relation)
{
    return !presence_lacks(core, &relation->party[RELATION_USER].id,
                           relation->party[RELATION_PEER].jid, needed);
}

void jingle_start(void)
{
    static const struct call_peer peer = {.may_ring = peer_may_ring,
                                          .ring = peer_ring,
                                          .told = peer_told,
                                          .held = peer_held,
                                          .shared = peer_shared,
                                          .over = presence_withdraw};
    trickle_start();
    call_set_peer(&peer);
}

void jingle_stop(void)
{
    call_set_peer(NULL);
    trickle_stop();
}
