/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls from XMPP: what a peer's client says, as deeds of the call. Sessions (XEP-0166) of audio
 * and video over ICE-UDP with DTLS, rung by message (ringing.c) or without (a session-initiate out
 * of the blue). Requests are acknowledged before anything is made of them. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/call/act.h"
#include "bridge/call/ice.h"
#include "bridge/call/jingle.h"
#include "bridge/call/jingle_change.h"
#include "bridge/call/ringing.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/stanza_out.h"
#include "bridge/call/arrival.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/jingle/candidate.h"
#include "xep/jingle/change.h"
#include "xep/jingle/content.h"
#include "xep/jingle/negotiate.h"
#include "xep/ns.h"

#define COMING_MAX 1024        /* sessions that are being stored */
#define COMING_ACTIONS_MAX 128 /* that wait for one of them */

/* ---- Sessions -------------------------------------------------------------------------------- */

/* An action, until its call is found. */
struct action {
    struct core *core;
    struct link *link;
    xmpp_stanza_t *iq; /* reference */
    char *from, *from_bare, *to_bare;
    struct jingle jingle;           /* its strings are of the stanza */
    struct media_description *said; /* its contents, if they were looked at; else NULL */
};

static void action_free(struct action *action)
{
    xmpp_stanza_release(action->iq);
    media_description_free(action->said);
    g_free(action->from);
    g_free(action->from_bare);
    g_free(action->to_bare);
    g_free(action);
}

static void action_answer(const struct action *action, xmpp_stanza_t *reply)
{
    g_autoptr(xmpp_stanza_t) owned = reply;
    if (owned)
        stanza_out(action->core, owned);
}

static bool by_initiator(const struct call *call)
{
    return !jingle_is_initiator(call);
}

static void signal_do(struct call *call, const struct action *action, enum call_event event,
                      const char *type, json_t *data)
{
    struct call_actor actor = jingle_actor(call, action->from);
    json_t *signal = json_pack("{s:s, s:o}", "type", type, "data", data);
    struct call_deed deed = {.event = event, .actor = &actor, .signal = signal};
    call_act(call, &deed, NULL, NULL);
    json_decref(signal);
}

static void call_fail(struct call *call, const struct action *action, enum media_fault fault)
{
    struct call_actor actor = jingle_actor(call, action->from);
    enum call_reason reason = fault == MEDIA_NO_SECURITY ? CALL_REASON_SECURITY
                              : fault == MEDIA_BAD_SYNTAX || fault == MEDIA_TOO_MUCH
                                  ? CALL_REASON_APPLICATION
                                  : CALL_REASON_UNSUPPORTED;
    struct jingle terminate = {.action = JINGLE_SESSION_TERMINATE,
                               .sid = call->sid,
                               .reason = jingle_reason_find(media_fault_reason(fault))};
    struct call_deed deed = {.event = CALL_FAIL, .reason = reason, .actor = &actor};
    jingle_set_text(call, "full", action->from);
    jingle_action_out(call, &terminate);
    call_act(call, &deed, NULL, NULL);
}

static json_t *description_json(const char *type, const char *sdp)
{
    return json_pack("{s:s, s:s}", "type", type, "sdp", sdp);
}

static void initiate_take(struct call *call, const struct action *action)
{
    enum media_fault fault = MEDIA_OK;
    g_autoptr(media_description) offer = content_read(jingle_element(action->iq), true, &fault);
    if (offer)
        fault = media_check(offer);
    if (!offer || fault != MEDIA_OK) {
        call_fail(call, action, fault);
        return;
    }
    media_filter_candidates(offer, jingle_is_relayed(call));
    g_autofree char *sdp = jingle_show(call, offer);
    signal_do(call, action, CALL_OFFER, "offer", description_json("offer", sdp));
}

static void coming_begin(const char *local, const char *peer, const char *sid);
static void coming_end(struct core *core, const char *local, const char *peer, const char *sid);

/* An answer that accepts, too: of a peer that was rung by the offer. */
struct accepting {
    struct core *core;
    char *from, *from_bare, *to_bare, *sid;
    json_t *answer; /* signal */
    json_t *early;  /* candidates that came before it; NULL: none */
};

static void accepting_told(struct call *call, const struct call_outcome *outcome, void *data)
{
    struct accepting *accepting = data;
    struct call_actor actor = jingle_actor(call, accepting->from);
    struct call_deed deed = {.event = CALL_ANSWER, .actor = &actor, .signal = accepting->answer};
    size_t i;
    const json_t *signal;
    bool accepted = outcome->verdict == CALL_DONE && outcome->error == ERROR_NONE;
    if (accepted)
        call_act(call, &deed, NULL, NULL);
    deed.event = CALL_CANDIDATE;
    json_array_foreach(accepting->early, i, signal)
    {
        deed.signal = signal;
        if (accepted)
            call_act(call, &deed, NULL, NULL);
    }
    coming_end(accepting->core, accepting->to_bare, accepting->from_bare, accepting->sid);
    json_decref(accepting->answer);
    json_decref(accepting->early);
    g_free(accepting->from);
    g_free(accepting->from_bare);
    g_free(accepting->to_bare);
    g_free(accepting->sid);
    g_free(accepting);
}

/* The app hears that the call was accepted, then the answer, then what has come since. */
static void accept_directly(struct call *call, const struct action *action, const char *sdp)
{
    struct call_actor actor = jingle_actor(call, action->from);
    struct call_deed accept = {.event = CALL_ACCEPT, .actor = &actor, .address = action->from};
    struct accepting *accepting = g_new0(struct accepting, 1);
    *accepting = (struct accepting){.core = action->core,
                                    .from = g_strdup(action->from),
                                    .from_bare = g_strdup(action->from_bare),
                                    .to_bare = g_strdup(action->to_bare),
                                    .sid = g_strdup(call->sid)};
    accepting->answer =
        json_pack("{s:s, s:o}", "type", "answer", "data", description_json("answer", sdp));
    accepting->early = json_incref(json_object_get(call->session, "early"));
    json_object_del(call->session, "early");
    coming_begin(action->to_bare, action->from_bare, call->sid);
    call_act(call, &accept, accepting_told, accepting);
}

static void accept_take(struct call *call, const struct action *action)
{
    enum media_fault fault = MEDIA_OK;
    g_autoptr(media_description) answer = content_read(jingle_element(action->iq), false, &fault);
    g_autoptr(media_description) offer = jingle_description(call, "local");
    if (answer && offer)
        fault = media_fit_answer(answer, offer, true);
    if (!answer || !offer || fault != MEDIA_OK) {
        call_fail(call, action, fault);
        return;
    }
    media_filter_candidates(answer, jingle_is_relayed(call));
    g_autofree char *sdp = jingle_show(call, answer);
    if (call->machine.state == CALL_RINGING)
        accept_directly(call, action, sdp);
    else
        signal_do(call, action, CALL_ANSWER, "answer", description_json("answer", sdp));
}

/* ---- Transports ------------------------------------------------------------------------------ */

/* A candidate; of a peer that has not accepted yet it waits. */
static void candidate_do(struct call *call, const struct action *action, json_t *data)
{
    json_t *early = json_object_get(call->session, "early");
    if (call->machine.state != CALL_RINGING || !jingle_is_direct(call)) {
        signal_do(call, action, CALL_CANDIDATE, "ice_candidate", data);
        return;
    }
    if (!early)
        json_object_set_new(call->session, "early", early = json_array());
    if (json_array_size(early) < CALL_CANDIDATES_MAX)
        json_array_append_new(early,
                              json_pack("{s:s, s:O}", "type", "ice_candidate", "data", data));
    json_decref(data);
}

static void candidates_take(struct call *call, const struct action *action,
                            const struct media_content *known, guint index,
                            const struct media_transport *transport)
{
    for (guint i = 0; i < transport->candidates->len; i++) {
        const struct candidate *candidate =
            &g_array_index(transport->candidates, struct candidate, i);
        if (!candidate_may_pass(candidate, jingle_is_relayed(call)))
            continue;
        const char *ufrag = transport->ufrag ? transport->ufrag : known->transport.ufrag;
        g_autoptr(GString) line = g_string_new(NULL);
        candidate_write_line(line, candidate, ufrag);
        candidate_do(call, action,
                     json_pack("{s:s, s:s, s:i, s:s?}", "candidate", line->str, "sdpMid",
                               known->mid, "sdpMLineIndex", (int)index, "usernameFragment", ufrag));
    }
}

static void transports_forget(struct media_description *description)
{
    for (guint i = 0; i < description->contents->len; i++)
        ((struct media_content *)description->contents->pdata[i])->transport.ufrag = NULL;
}

static bool is_renewed(const struct media_transport *said, const struct media_transport *known)
{
    return said->ufrag && said->password && g_strcmp0(said->ufrag, known->ufrag) != 0;
}

static void transport_copy(struct media_description *remote, struct media_content *known,
                           const struct media_transport *said)
{
    known->transport.ufrag = media_keep_text(remote, said->ufrag);
    known->transport.password = media_keep_text(remote, said->password);
    if (said->fingerprint) {
        known->transport.hash = media_keep_text(remote, said->hash);
        known->transport.fingerprint = media_keep_text(remote, said->fingerprint);
        known->transport.setup = said->setup;
    }
}

/* Of all contents that go by the transport with the fragment UFRAG. */
static void transports_renew(struct media_description *remote, const char *ufrag,
                             const struct media_transport *said)
{
    for (guint i = 0; i < remote->contents->len; i++) {
        struct media_content *content = remote->contents->pdata[i];
        if (g_strcmp0(content->transport.ufrag, ufrag) == 0)
            transport_copy(remote, content, said);
    }
}

static guint content_index(const struct media_description *description,
                           const struct media_content *content)
{
    guint index = 0;
    g_ptr_array_find(description->contents, content, &index);
    return index;
}

/* What CONTENT is about in REMOTE, unless it has credentials that the peer has not told. */
static const struct media_content *transport_find(const struct media_description *remote,
                                                  const struct media_content *content)
{
    const struct media_content *known =
        media_content_find(remote, content->name, content->by_responder);
    const char *ufrag = content->transport.ufrag;
    bool foreign =
        known && ufrag && known->transport.ufrag && strcmp(ufrag, known->transport.ufrag) != 0;
    return known && !known->rejected && !foreign ? known : NULL;
}

static void transport_take(struct call *call, const struct action *action)
{
    const struct media_description *said = action->said;
    bool renewed = false, described = jingle_text(call, "remote");
    /* Before its description has come: as we have offered. */
    g_autoptr(media_description) remote = jingle_description(call, described ? "remote" : "local");
    for (guint i = 0; described && remote && i < said->contents->len; i++) {
        const struct media_content *content = said->contents->pdata[i];
        struct media_content *known =
            media_content_find(remote, content->name, content->by_responder);
        if (!known || known->rejected || !is_renewed(&content->transport, &known->transport))
            continue;
        transports_renew(remote, known->transport.ufrag, &content->transport);
        renewed = true;
    }
    if (renewed)
        change_peer_restarts(call, remote);
    if (!described && remote) /* the peer's own credentials are not known yet */
        transports_forget(remote);
    for (guint i = 0; remote && i < said->contents->len; i++) {
        const struct media_content *content = said->contents->pdata[i];
        const struct media_content *known = transport_find(remote, content);
        if (known)
            candidates_take(call, action, known, content_index(remote, known), &content->transport);
    }
}

/* Whoever has another key than before has to say so by new credentials. */
static bool transport_is_sound(const struct call *call, const struct action *action)
{
    g_autoptr(media_description) remote = jingle_description(call, "remote");
    for (guint i = 0; remote && i < action->said->contents->len; i++) {
        const struct media_content *content = action->said->contents->pdata[i];
        const struct media_content *known =
            media_content_find(remote, content->name, content->by_responder);
        struct media_transport said = content->transport;
        if (known && !said.ufrag)
            said.ufrag = known->transport.ufrag;
        if (!media_key_is_bound(remote, &said))
            return false;
    }
    return true;
}

/* ---- Other actions --------------------------------------------------------------------------- */

static const struct {
    enum call_event event;
    enum call_reason reason;
} endings[REASONS] = {[REASON_NONE] = {CALL_END, 0},
                      [REASON_ALTERNATIVE_SESSION] = {CALL_END, 0},
                      [REASON_BUSY] = {CALL_END, CALL_REASON_BUSY},
                      [REASON_CANCEL] = {CALL_END, 0},
                      [REASON_CONNECTIVITY_ERROR] = {CALL_FAIL, CALL_REASON_CONNECTIVITY},
                      [REASON_DECLINE] = {CALL_END, CALL_REASON_DECLINED},
                      [REASON_EXPIRED] = {CALL_END, CALL_REASON_EXPIRED},
                      [REASON_FAILED_APPLICATION] = {CALL_FAIL, CALL_REASON_APPLICATION},
                      [REASON_FAILED_TRANSPORT] = {CALL_FAIL, CALL_REASON_CONNECTIVITY},
                      [REASON_GENERAL_ERROR] = {CALL_FAIL, CALL_REASON_APPLICATION},
                      [REASON_GONE] = {CALL_END, CALL_REASON_GONE},
                      [REASON_INCOMPATIBLE_PARAMETERS] = {CALL_FAIL, CALL_REASON_UNSUPPORTED},
                      [REASON_MEDIA_ERROR] = {CALL_FAIL, CALL_REASON_APPLICATION},
                      [REASON_SECURITY_ERROR] = {CALL_FAIL, CALL_REASON_SECURITY},
                      [REASON_SUCCESS] = {CALL_END, 0},
                      [REASON_TIMEOUT] = {CALL_FAIL, CALL_REASON_TIMEOUT},
                      [REASON_UNSUPPORTED_APPLICATIONS] = {CALL_FAIL, CALL_REASON_UNSUPPORTED},
                      [REASON_UNSUPPORTED_TRANSPORTS] = {CALL_FAIL, CALL_REASON_UNSUPPORTED}};

static void terminate_take(struct call *call, const struct action *action)
{
    struct call_actor actor = jingle_actor(call, action->from);
    enum jingle_reason reason = action->jingle.reason;
    bool busy = reason == REASON_BUSY && call->machine.state == CALL_RINGING;
    struct call_deed deed = {.event = busy ? CALL_BUSY : endings[reason].event,
                             .reason = busy ? 0 : endings[reason].reason,
                             .actor = &actor};
    call_act(call, &deed, NULL, NULL);
}

static void info_take(struct call *call, const struct action *action)
{
    struct call_actor actor = jingle_actor(call, action->from);
    struct call_deed deed = {.event = CALL_INFO, .actor = &actor};
    json_t *state = NULL;
    switch (action->jingle.info) {
    case INFO_RINGING:
        deed.event = CALL_RING;
        break;
    case INFO_MUTE:
    case INFO_UNMUTE:
        state = json_pack("{s:b}", "muted", action->jingle.info == INFO_MUTE);
        break;
    case INFO_HOLD:
    case INFO_UNHOLD:
    case INFO_ACTIVE:
        state = json_pack("{s:b}", "on_hold", action->jingle.info == INFO_HOLD);
        break;
    case INFO_NONE:
    case INFOS:
    default:
        return;
    }
    deed.state = state;
    call_act(call, &deed, NULL, NULL);
    json_decref(state);
}

static void addition_take(struct call *call, const struct action *action)
{
    change_peer_adds(call, action->said);
}

static void addition_accepted(struct call *call, const struct action *action)
{
    change_peer_accepts(call, action->said);
}

static void addition_rejected(struct call *call, const struct action *action)
{
    change_peer_rejects(call, action->said);
}

static void modification_take(struct call *call, const struct action *action)
{
    change_peer_modifies(call, action->said);
}

static void removal_take(struct call *call, const struct action *action)
{
    struct jingle over = {
        .action = JINGLE_SESSION_TERMINATE, .sid = call->sid, .reason = REASON_SUCCESS};
    struct call_actor actor = jingle_actor(call, action->from);
    struct call_deed end = {.event = CALL_END, .actor = &actor};
    if (change_peer_removes(call, action->said))
        return;
    jingle_action_out(call, &over);
    call_act(call, &end, NULL, NULL);
}

/* When an action may be done. */
enum taking {
    TAKES_ACTIVE,
    TAKES_EARLY,  /* also while it rings */
    TAKES_CHANGES /* when the session goes on: both sides have described it */
};

static const struct {
    void (*take)(struct call *call, const struct action *action); /* NULL: nothing is to be done */
    enum taking when;
    bool known, contents; /* contents: it has to have some */
} takers[JINGLE_ACTIONS] = {
    [JINGLE_SESSION_INITIATE] = {initiate_take, TAKES_ACTIVE, true, false},
    [JINGLE_SESSION_ACCEPT] = {accept_take, TAKES_ACTIVE, true, false},
    [JINGLE_SESSION_TERMINATE] = {terminate_take, TAKES_EARLY, true, false},
    [JINGLE_SESSION_INFO] = {info_take, TAKES_EARLY, true, false},
    [JINGLE_TRANSPORT_INFO] = {transport_take, TAKES_EARLY, true, true},
    [JINGLE_CONTENT_ADD] = {addition_take, TAKES_CHANGES, true, true},
    [JINGLE_CONTENT_ACCEPT] = {addition_accepted, TAKES_CHANGES, true, true},
    [JINGLE_CONTENT_REJECT] = {addition_rejected, TAKES_CHANGES, true, true},
    [JINGLE_CONTENT_MODIFY] = {modification_take, TAKES_CHANGES, true, true},
    [JINGLE_CONTENT_REMOVE] = {removal_take, TAKES_CHANGES, true, true},
    [JINGLE_DESCRIPTION_INFO] = {NULL, TAKES_ACTIVE, true, false},
};

/* Whether this is the time for the action. */
static bool action_is_due(const struct call *call, enum jingle_action kind)
{
    bool twice = (kind == JINGLE_SESSION_INITIATE || kind == JINGLE_SESSION_ACCEPT) &&
                 (jingle_text(call, "remote") ||
                  (kind == JINGLE_SESSION_INITIATE) == jingle_is_initiator(call));
    bool answers = kind == JINGLE_CONTENT_ACCEPT || kind == JINGLE_CONTENT_REJECT;
    if (twice || (answers && !change_waits(call)) ||
        (takers[kind].when == TAKES_CHANGES && !call->machine.negotiated))
        return false;
    bool accepts =
        kind == JINGLE_SESSION_ACCEPT && jingle_is_direct(call) && jingle_text(call, "local");
    return call->machine.state == CALL_ACTIVE ||
           (call->machine.state == CALL_RINGING && (takers[kind].when == TAKES_EARLY || accepts));
}

/* Whether its contents can be read. */
static bool action_reads(const struct call *call, struct action *action)
{
    enum media_fault fault;
    if (takers[action->jingle.action].contents)
        action->said = content_read(jingle_element(action->iq), by_initiator(call), &fault);
    return action->said || !takers[action->jingle.action].contents;
}

/* Whether the action may be done now; answers it either way. */
static bool action_admit(const struct call *call, struct action *action)
{
    enum jingle_action kind = action->jingle.action;
    struct call_actor actor = jingle_actor(call, action->from);
    enum call_side remote = jingle_remote_side(call);
    xmpp_stanza_t *iq = action->iq, *error = NULL;
    const char *full = jingle_text(call, "full");
    bool own = call_device_matches(&call->machine.party[remote], &actor.device) &&
               (!full || strcmp(full, action->from) == 0);
    if (!own || call_is_final(call->machine.state))
        error = jingle_build_error(iq, JINGLE_UNKNOWN_SESSION);
    else if (!takers[kind].known)
        error = stanza_reply_error(iq, "cancel", "feature-not-implemented", NULL);
    else if (!action_is_due(call, kind))
        error = jingle_build_error(iq, JINGLE_OUT_OF_ORDER);
    else if (kind == JINGLE_SESSION_INFO && !action->jingle.info_is_known)
        error = jingle_build_error(iq, JINGLE_UNSUPPORTED_INFO);
    else if (!action_reads(call, action))
        error = stanza_reply_error(iq, "modify", "bad-request", NULL);
    else if (kind == JINGLE_TRANSPORT_INFO && !transport_is_sound(call, action))
        error = stanza_reply_error(iq, "cancel", "not-acceptable", NULL);
    else if (kind == JINGLE_CONTENT_ADD && change_is_tied(call))
        error = jingle_build_error(iq, JINGLE_TIE_BREAK);
    action_answer(action, error ? error : stanza_reply_result(iq));
    return !error && takers[kind].take;
}

/* Rung without a message: the offer waits until the call is accepted. False: it is refused. */
static bool initiate_arrive(const struct action *action)
{
    enum media_fault fault = MEDIA_OK;
    g_autoptr(media_description) offer = content_read(jingle_element(action->iq), true, &fault);
    struct jingle terminate = {.action = JINGLE_SESSION_TERMINATE, .sid = action->jingle.sid};
    if (offer)
        fault = media_check(offer);
    action_answer(action, stanza_reply_result(action->iq));
    if (!offer || fault != MEDIA_OK) {
        g_autofree char *from = jingle_own_address(action->core, action->to_bare);
        g_autoptr(xmpp_stanza_t) iq = stanza_new_iq("set", action->jingle.sid, from, action->from);
        terminate.reason = jingle_reason_find(media_fault_reason(fault));
        jingle_add(iq, &terminate);
        stanza_out(action->core, iq);
        return false;
    }
    media_filter_candidates(offer, false); /* see offer_hold() */
    struct call shown = {.session = json_object()};
    shown.person[CALL_CALLEE].hosted = true;
    uuid_generate(&shown.id);
    g_autofree char *sdp = jingle_show(&shown, offer);
    struct arrival *arrival = g_new0(struct arrival, 1);
    *arrival = (struct arrival){.core = action->core,
                                .from = g_strdup(action->from),
                                .from_bare = g_strdup(action->from_bare),
                                .to_bare = g_strdup(action->to_bare),
                                .sid = g_strdup(action->jingle.sid),
                                .ended = coming_end};
    arrival->offer =
        json_pack("{s:s, s:o}", "type", "offer", "data", description_json("offer", sdp));
    arrival->names = json_incref(json_object_get(shown.session, "names"));
    json_decref(shown.session);
    for (guint i = 0; i < offer->contents->len; i++)
        arrival->video |=
            g_strcmp0(((struct media_content *)offer->contents->pdata[i])->kind, "video") == 0;
    arrival_submit(arrival);
    return true;
}

static void action_run(struct call *call, enum error_code error, void *data)
{
    struct action *action = data;
    bool begins = action->jingle.action == JINGLE_SESSION_INITIATE;
    bool stored = false; /* when that has happened, what waits for it goes on */
    if (call) {
        if (action_admit(call, action))
            takers[action->jingle.action].take(call, action);
    } else if (error == ERROR_NOT_FOUND && begins) {
        stored = initiate_arrive(action);
    } else if (error == ERROR_NOT_FOUND) {
        action_answer(action, jingle_build_error(action->iq, JINGLE_UNKNOWN_SESSION));
    } else {
        action_answer(action, stanza_reply_error(action->iq, "wait", "resource-constraint", NULL));
    }
    if (begins && !stored)
        coming_end(action->core, action->to_bare, action->from_bare, action->jingle.sid);
    action_free(action);
}

static void action_find(struct action *action)
{
    struct call_name name = {
        .local = action->to_bare, .peer = action->from_bare, .sid = action->jingle.sid};
    call_find(action->core, &name, action_run, action);
}

/* ---- Sessions that are being stored ---------------------------------------------------------- */

/* Key → GQueue of struct action *: what has come since the session-initiate, whose call is not to
 * be found yet. */
static GHashTable *coming;

static char *coming_key(const char *local, const char *peer, const char *sid)
{
    return g_strjoin("\n", local, peer, sid, NULL);
}

static void queue_free(gpointer data)
{
    g_queue_free_full(data, (GDestroyNotify)action_free);
}

static void coming_end(struct core *core, const char *local, const char *peer, const char *sid)
{
    g_autofree char *key = coming_key(local, peer, sid);
    gpointer own = NULL, queue = NULL;
    if (!coming || !g_hash_table_steal_extended(coming, key, &own, &queue))
        return;
    g_free(own);
    for (struct action *action; (action = g_queue_pop_head(queue));) {
        if (core->archive && archive_is_up(core->archive))
            action_find(action);
        else
            action_free(action); /* nobody is answered any more */
    }
    g_queue_free(queue);
}

/* What comes from now on waits until coming_end(); not if too many wait already. */
static void coming_begin(const char *local, const char *peer, const char *sid)
{
    g_autofree char *key = coming_key(local, peer, sid);
    if (!g_hash_table_contains(coming, key) && g_hash_table_size(coming) < COMING_MAX)
        g_hash_table_insert(coming, g_steal_pointer(&key), g_queue_new());
}

/* Whether ACTION waits; a session-initiate begins that for those that follow. */
static bool action_waits(struct action *action)
{
    g_autofree char *key = coming_key(action->to_bare, action->from_bare, action->jingle.sid);
    GQueue *queue = g_hash_table_lookup(coming, key);
    if (queue && queue->length < COMING_ACTIONS_MAX) {
        g_queue_push_tail(queue, action);
        return true;
    }
    if (!queue && action->jingle.action == JINGLE_SESSION_INITIATE)
        coming_begin(action->to_bare, action->from_bare, action->jingle.sid);
    return false;
}

static bool on_action(const struct stanza_context *context)
{
    struct action *action = g_new0(struct action, 1);
    action->core = context->data;
    action->link = context->link;
    action->iq = xmpp_stanza_clone(context->stanza);
    action->from = g_strdup(context->from);
    action->from_bare = g_strdup(context->from_bare);
    action->to_bare = g_strdup(context->to_bare);
    if (!jingle_parse(jingle_element(action->iq), &action->jingle)) {
        action_answer(action, stanza_reply_error(action->iq, "modify", "bad-request", NULL));
        action_free(action);
        return true;
    }
    if (!action_waits(action))
        action_find(action);
    return true;
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void calls_speak(struct core *core)
{
    (void)core;
    coming = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, queue_free);
    jingle_start();
}

static void calls_hush(struct core *core)
{
    (void)core;
    g_clear_pointer(&coming, g_hash_table_unref);
    jingle_stop();
}

static const struct stanza_handler stanzas[] = {
    {"message", "chat|normal|headline", NULL, NS_JINGLE_MESSAGE,
     TARGET_USER | TARGET_RESOURCE | TARGET_ACCOUNT | TARGET_SENT, .claim = ringing_message},
    {"message", "error", NULL, NULL, TARGET_USER | TARGET_RESOURCE | TARGET_ACCOUNT,
     .observe = ringing_error},
    {"iq", "set", "jingle", NS_JINGLE, TARGET_RESOURCE | TARGET_ACCOUNT, .claim = on_action},
    {0},
};

const struct feature feature_jingle = {
    .name = "jingle", .stanzas = stanzas, .start = calls_speak, .stop = calls_hush};
