/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "bridge/call/act.h"
#include "bridge/call/jingle_change.h"
#include "xep/jingle/change.h"
#include "xep/jingle/content.h"
#include "xep/jingle/negotiate.h"
#include "xep/jingle/sdp.h"

static enum call_side own_side(const struct call *call)
{
    return call_other_side(jingle_remote_side(call));
}

/* ---- What waits for the peer ----------------------------------------------------------------- */

static bool is_adding(const struct call *call, const char *mid)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(call->session, "adding"), i, one)
    {
        if (strcmp(json_string_value(one), mid) == 0)
            return true;
    }
    return false;
}

static void adding_begin(struct call *call, const char *mid)
{
    json_t *adding = json_object_get(call->session, "adding");
    if (!adding)
        json_object_set_new(call->session, "adding", adding = json_array());
    json_array_append_new(adding, json_string(mid));
}

static void adding_end(struct call *call, const char *mid)
{
    json_t *adding = json_object_get(call->session, "adding");
    for (size_t i = json_array_size(adding); i-- > 0;) {
        if (strcmp(json_string_value(json_array_get(adding, i)), mid) == 0)
            json_array_remove(adding, i);
    }
}

bool change_waits(const struct call *call)
{
    return json_array_size(json_object_get(call->session, "adding")) > 0;
}

bool change_is_tied(const struct call *call)
{
    return jingle_is_initiator(call) && change_waits(call);
}

static void flag_set(struct call *call, const char *name, bool on)
{
    if (on)
        json_object_set_new(call->session, name, json_true());
    else
        json_object_del(call->session, name);
}

static bool flag_is_set(const struct call *call, const char *name)
{
    return json_object_get(call->session, name) != NULL;
}

/* ---- Telling the app ------------------------------------------------------------------------- */

static void peer_offers(struct call *call, bool restart);

/* What the app could not be offered while another offer waited. */
static void signal_was_done(struct call *call, const struct call_outcome *outcome, void *data)
{
    (void)outcome;
    (void)data;
    if (flag_is_set(call, "stale") && !call_is_final(call->machine.state))
        peer_offers(call, false);
}

/* The peer has described TEXT (taken). */
static void peer_signals(struct call *call, enum call_event event, const char *type, char *text)
{
    g_autofree char *sdp = text;
    const char *peer = jingle_text(call, "full");
    struct call_actor actor = jingle_actor(call, peer ? peer : "");
    bool answers = event == CALL_ANSWER;
    json_t *signal = json_pack("{s:s, s:{s:s, s:s}}", "type", type, "data", "type",
                               answers ? "answer" : "offer", "sdp", sdp);
    struct call_deed deed = {.event = event, .actor = &actor, .signal = signal};
    call_act(call, &deed, answers ? signal_was_done : NULL, NULL);
    json_decref(signal);
}

/* The app is offered all that the peer has by now, or will be when nothing else is offered. */
static void peer_offers(struct call *call, bool restart)
{
    g_autoptr(media_description) remote = jingle_description(call, "remote");
    g_autoptr(media_description) local = jingle_description(call, "local");
    bool now = call->machine.offered == CALL_NOBODY;
    flag_set(call, "stale", !now);
    if (!now)
        call_note(call, &call->machine);
    else if (remote && local && media_offer_again(remote, local))
        peer_signals(call, restart ? CALL_RESTART : CALL_OFFER, restart ? "ice_restart" : "offer",
                     jingle_write(call, remote));
}

/* The app's offer is answered, if nothing of it waits for the peer; else it is noted what does. */
static void peer_answers(struct call *call)
{
    if (change_waits(call) || flag_is_set(call, "restarting")) {
        if (!call->telling)
            call_note(call, &call->machine);
        return;
    }
    g_autoptr(media_description) remote = jingle_description(call, "remote");
    g_autoptr(media_description) offer = jingle_description(call, "local");
    if (!remote || !offer || call->machine.offered != own_side(call))
        return;
    enum media_fault fault = media_answer_again(remote, offer);
    if (fault == MEDIA_OK)
        peer_signals(call, CALL_ANSWER, "answer", jingle_write(call, remote));
    else
        jingle_fail(call, fault);
}

/* ---- The app offers anew --------------------------------------------------------------------- */

static void content_out(struct call *call, enum jingle_action action,
                        const struct media_content *content, unsigned parts)
{
    struct jingle jingle = {.action = action};
    jingle_content_out(call, &jingle, content, parts, NULL);
}

static void reject_out(struct call *call, const struct media_content *content,
                       enum jingle_reason reason)
{
    struct jingle jingle = {.action = JINGLE_CONTENT_REJECT, .reason = reason};
    jingle_content_out(call, &jingle, content, CONTENT_NAME, NULL);
}

/* Credentials alone, without candidates (XEP-0176 section 5.8). */
static void credentials_out(struct call *call, const struct media_content *content)
{
    g_array_set_size(content->transport.candidates, 0);
    content_out(call, JINGLE_TRANSPORT_INFO, content, CONTENT_TRANSPORT | CONTENT_FINGERPRINT);
}

/* Some clients end the call at a content-remove of what they have accepted, others refuse it; no
 * media is what all of them take. */
static void silence_out(struct call *call, const struct media_content *content)
{
    struct media_content silent = *content;
    silent.direction = MEDIA_INACTIVE;
    content_out(call, JINGLE_CONTENT_MODIFY, &silent, CONTENT_NAME);
}

/* One whose transport is that of the others may leave it unsaid (RFC 8843). */
static void transport_share(struct media_content *content,
                            const struct media_description *description)
{
    for (guint i = 0; !content->transport.ufrag && i < description->contents->len; i++) {
        const struct media_content *other = description->contents->pdata[i];
        if (other->rejected || !other->transport.ufrag ||
            !media_is_bundled(description, other->mid))
            continue;
        GArray *candidates = content->transport.candidates;
        content->transport = other->transport;
        content->transport.candidates = candidates;
    }
}

/* What goes by the transport of others needs a peer that knows of that. */
static void addition_out(struct call *call, struct media_content *content,
                         const struct media_description *local,
                         const struct media_description *remote)
{
    bool bundled = remote->bundle->len > 0 && media_is_bundled(local, content->mid);
    if (bundled)
        transport_share(content, local);
    if ((content->bundle_only && !bundled) || media_content_check(content) != MEDIA_OK)
        return; /* the answer rejects it */
    struct jingle jingle = {.action = JINGLE_CONTENT_ADD};
    adding_begin(call, content->mid);
    jingle_content_out(call, &jingle, content, CONTENT_ALL, bundled ? local : NULL);
}

/* What is the difference in CONTENT, which the app had as BEFORE (NULL: it had not) and the peer as
 * THEIRS (likewise). */
static void difference_out(struct call *call, const struct media_content *content,
                           const struct media_content *before, struct media_content *theirs)
{
    if (is_adding(call, content->mid) && content->rejected) {
        adding_end(call, content->mid);
        content_out(call, JINGLE_CONTENT_REMOVE, content, CONTENT_NAME);
    } else if (theirs && !theirs->rejected && content->rejected) {
        theirs->rejected = true;
        silence_out(call, theirs);
    } else if (theirs && !theirs->rejected && before) {
        unsigned changes = media_changes(before, content);
        if (changes & CHANGE_DIRECTION)
            content_out(call, JINGLE_CONTENT_MODIFY, content, CONTENT_NAME);
        if (changes & CHANGE_CREDENTIALS) {
            credentials_out(call, content);
            flag_set(call, "restarting", true);
        }
    }
}

/* What the app adds goes by its mid, unless another content has that for its name. */
static void additions_name(struct call *call, const struct media_description *offer,
                           const struct media_description *remote)
{
    for (guint i = 0; i < offer->contents->len; i++) {
        const struct media_content *content = offer->contents->pdata[i];
        char made[MEDIA_TEXT_MAX];
        unsigned number = 0;
        if (media_content_by_mid(remote, content->mid) || is_adding(call, content->mid))
            continue;
        g_strlcpy(made, content->mid, sizeof made);
        while (media_content_by_name(remote, made))
            g_snprintf(made, sizeof made, "n%u", number++);
        jingle_name(call, content->mid, made, !jingle_is_initiator(call));
    }
}

/* The peer has not answered the first offer: its answer is to that one, which cannot be changed, so
 * that the app finds rejected what it has added. */
static void early_offer_take(struct call *call, const struct media_description *before)
{
    g_autoptr(media_description) local = jingle_description(call, "local");
    for (guint i = 0; local && i < local->contents->len; i++) {
        const struct media_content *content = local->contents->pdata[i];
        const struct media_content *old = media_content_by_mid(before, content->mid);
        if (old && !old->rejected && !content->rejected &&
            (media_changes(old, content) & CHANGE_CREDENTIALS))
            credentials_out(call, content);
    }
}

void change_offered(struct call *call, const json_t *signal)
{
    const char *sdp = jingle_signal_sdp(signal);
    enum media_fault fault;
    g_autoptr(media_description) offer = sdp ? sdp_read(sdp, strlen(sdp), &fault) : NULL;
    g_autoptr(media_description) before = jingle_description(call, "local");
    g_autoptr(media_description) remote = jingle_description(call, "remote");
    if (!offer || !before)
        return;
    if (!remote) {
        jingle_set_text(call, "local", sdp);
        early_offer_take(call, before);
        return;
    }
    additions_name(call, offer, remote);
    jingle_set_text(call, "local", sdp);
    g_autoptr(media_description) local = jingle_description(call, "local");
    media_trim_offer(local);
    media_filter_candidates(local, jingle_is_relayed(call));
    for (guint i = 0; i < local->contents->len; i++) {
        struct media_content *content = local->contents->pdata[i];
        struct media_content *theirs = media_content_by_mid(remote, content->mid);
        if ((theirs && !theirs->rejected) || content->rejected || is_adding(call, content->mid))
            difference_out(call, content, media_content_by_mid(before, content->mid), theirs);
        else
            addition_out(call, content, local, remote);
    }
    jingle_remember(call, remote);
    peer_answers(call);
}

void change_not_added(struct call *call, const char *mid)
{
    if (!is_adding(call, mid))
        return;
    adding_end(call, mid);
    peer_answers(call);
}

/* ---- The app answers ------------------------------------------------------------------------- */

static void answer_out(struct call *call, const struct media_content *content,
                       const struct media_content *before, const struct media_content *theirs)
{
    if (!before && content->rejected)
        reject_out(call, theirs, REASON_DECLINE);
    else if (!before)
        content_out(call, JINGLE_CONTENT_ACCEPT, content, CONTENT_ALL);
    else if (content->rejected)
        silence_out(call, theirs);
    else {
        unsigned changes = media_changes(before, content);
        if (changes & CHANGE_CREDENTIALS)
            credentials_out(call, content);
        if ((changes & CHANGE_DIRECTION) && content->direction != media_reverse(theirs->direction))
            content_out(call, JINGLE_CONTENT_MODIFY, content, CONTENT_NAME);
    }
}

/* What the app was offered: what has come since then is not in its answer. */
static struct media_description *offer_of(const struct call *call,
                                          const struct media_description *answer)
{
    struct media_description *offer = jingle_description(call, "remote");
    for (guint i = offer ? offer->contents->len : 0; i-- > 0;) {
        const struct media_content *content = offer->contents->pdata[i];
        if (!media_content_by_mid(answer, content->mid))
            g_ptr_array_remove_index(offer->contents, i);
    }
    return offer;
}

/* What is new in an answer that cannot be used. */
static void new_contents_refuse(struct call *call, struct media_description *remote,
                                const struct media_description *before)
{
    for (guint i = 0; i < remote->contents->len; i++) {
        struct media_content *content = remote->contents->pdata[i];
        if (content->rejected || media_content_by_mid(before, content->mid))
            continue;
        reject_out(call, content, REASON_FAILED_APPLICATION);
        content->rejected = true;
    }
}

static void answer_take(struct call *call, const struct media_description *answer,
                        const struct media_description *before, struct media_description *remote)
{
    for (guint i = 0; i < answer->contents->len; i++) {
        const struct media_content *content = answer->contents->pdata[i];
        const struct media_content *theirs = media_content_by_mid(remote, content->mid);
        if (theirs && !theirs->rejected)
            answer_out(call, content, media_content_by_mid(before, content->mid), theirs);
    }
    media_settle(remote, answer);
}

void change_answered(struct call *call, const json_t *signal)
{
    const char *sdp = jingle_signal_sdp(signal);
    enum media_fault fault = MEDIA_BAD_SYNTAX;
    g_autoptr(media_description) answer = sdp ? sdp_read(sdp, strlen(sdp), &fault) : NULL;
    g_autoptr(media_description) before = jingle_description(call, "local");
    g_autoptr(media_description) remote = jingle_description(call, "remote");
    g_autoptr(media_description) offer = answer ? offer_of(call, answer) : NULL;
    if (!answer || !before || !remote || !offer)
        return;
    fault = media_arrange(offer, answer) ? media_fit_answer(answer, offer, false) : MEDIA_TOO_MUCH;
    media_filter_candidates(answer, jingle_is_relayed(call));
    if (fault == MEDIA_OK)
        answer_take(call, answer, before, remote);
    else
        new_contents_refuse(call, remote, before);
    jingle_set_text(call, "local", sdp);
    jingle_remember(call, remote);
    if (flag_is_set(call, "stale"))
        peer_offers(call, false);
}

/* ---- The peer adds --------------------------------------------------------------------------- */

/* The mid by which the app shall know what the peer calls NAME. */
static const char *mid_choose(struct media_description *said, const char *mid,
                              const struct media_description *remote,
                              const struct media_description *local)
{
    char made[16];
    unsigned number = remote->contents->len;
    if (!media_content_by_mid(remote, mid) && !media_content_by_mid(local, mid))
        return mid;
    do
        g_snprintf(made, sizeof made, "m%u", number++);
    while (media_content_by_mid(remote, made) || media_content_by_mid(local, made));
    return media_keep_text(said, made);
}

/* Whether it shares the transport of what is bundled. */
static bool is_bundled_with(const struct media_content *content,
                            const struct media_description *remote)
{
    for (guint i = 0; i < remote->contents->len; i++) {
        const struct media_content *other = remote->contents->pdata[i];
        if (!other->rejected && media_is_bundled(remote, other->mid) &&
            g_strcmp0(other->transport.ufrag, content->transport.ufrag) == 0)
            return true;
    }
    return false;
}

/* CONTENT, which belongs to another description that lives as long, becomes one of REMOTE. */
static void content_join(struct media_description *remote, struct media_content *content)
{
    for (guint i = remote->contents->len; i-- > 0;) {
        const struct media_content *old = remote->contents->pdata[i];
        if (old->rejected && g_strcmp0(old->mid, content->mid) == 0)
            g_ptr_array_remove_index(remote->contents, i);
    }
    if (is_bundled_with(content, remote) && !media_is_bundled(remote, content->mid))
        media_bundle_add(remote, content->mid);
    g_ptr_array_add(remote->contents, content);
}

static enum media_fault addition_check(const struct media_content *content,
                                       const struct media_description *remote)
{
    const struct media_content *known =
        media_content_find(remote, content->name, content->by_responder);
    if (known && !known->rejected && known->by_responder == content->by_responder)
        return MEDIA_BAD_SYNTAX;
    if (remote->contents->len >= MEDIA_CONTENTS_MAX)
        return MEDIA_TOO_MUCH;
    if (!media_key_is_bound(remote, &content->transport))
        return MEDIA_NO_SECURITY;
    return media_content_check(content);
}

void change_peer_adds(struct call *call, struct media_description *said)
{
    g_autoptr(media_description) remote = jingle_description(call, "remote");
    g_autoptr(media_description) local = jingle_description(call, "local");
    bool any = false;
    guint i = 0;
    media_filter_candidates(said, jingle_is_relayed(call));
    while (remote && local && i < said->contents->len) {
        struct media_content *content = said->contents->pdata[i];
        transport_share(content, remote);
        content->mux = content->mux || is_bundled_with(content, remote);
        enum media_fault fault = addition_check(content, remote);
        if (fault != MEDIA_OK) {
            reject_out(call, content, jingle_reason_find(media_fault_reason(fault)));
            i++;
            continue;
        }
        content->mid = mid_choose(said, content->mid, remote, local);
        content_join(remote, g_ptr_array_steal_index(said->contents, i));
        any = true;
    }
    if (!any)
        return;
    jingle_remember(call, remote);
    peer_offers(call, false);
}

/* ---- The peer answers ------------------------------------------------------------------------ */

/* What the app adds, and SAID is about. */
static const struct media_content *addition_find(const struct call *call,
                                                 const struct media_description *local,
                                                 const struct media_content *said)
{
    const struct media_content *found = media_content_find(local, said->name, said->by_responder);
    return found && is_adding(call, found->mid) ? found : NULL;
}

static bool addition_fits(struct media_content *content, const struct media_content *offered,
                          const struct media_description *remote)
{
    transport_share(content, remote);
    content->mux = content->mux || is_bundled_with(content, remote);
    return media_content_check(content) == MEDIA_OK &&
           media_fit_content(content, offered) == MEDIA_OK &&
           media_key_is_bound(remote, &content->transport) &&
           remote->contents->len < MEDIA_CONTENTS_MAX;
}

void change_peer_accepts(struct call *call, struct media_description *said)
{
    g_autoptr(media_description) remote = jingle_description(call, "remote");
    g_autoptr(media_description) local = jingle_description(call, "local");
    media_filter_candidates(said, jingle_is_relayed(call));
    for (guint i = said->contents->len; remote && local && i-- > 0;) {
        struct media_content *content = said->contents->pdata[i];
        const struct media_content *offered = addition_find(call, local, content);
        if (!offered)
            continue;
        adding_end(call, offered->mid);
        if (!addition_fits(content, offered, remote)) {
            content_out(call, JINGLE_CONTENT_REMOVE, offered, CONTENT_NAME);
            continue;
        }
        content->mid = media_keep_text(said, offered->mid);
        content->name = media_keep_text(said, offered->name);
        content->by_responder = offered->by_responder;
        content_join(remote, g_ptr_array_steal_index(said->contents, i));
    }
    if (remote)
        jingle_remember(call, remote);
    peer_answers(call);
}

void change_peer_rejects(struct call *call, const struct media_description *said)
{
    g_autoptr(media_description) local = jingle_description(call, "local");
    for (guint i = 0; local && i < said->contents->len; i++) {
        const struct media_content *offered = addition_find(call, local, said->contents->pdata[i]);
        if (offered)
            adding_end(call, offered->mid);
    }
    peer_answers(call);
}

/* ---- The peer changes what is there ---------------------------------------------------------- */

void change_peer_modifies(struct call *call, const struct media_description *said)
{
    g_autoptr(media_description) remote = jingle_description(call, "remote");
    bool changed = false;
    for (guint i = 0; remote && i < said->contents->len; i++) {
        const struct media_content *content = said->contents->pdata[i];
        struct media_content *known =
            media_content_find(remote, content->name, content->by_responder);
        if (!known || known->rejected || known->direction == content->direction)
            continue; /* of what it has yet to accept, it says it again then */
        known->direction = content->direction;
        changed = true;
    }
    if (!changed)
        return;
    jingle_remember(call, remote);
    peer_offers(call, false);
}

bool change_peer_removes(struct call *call, const struct media_description *said)
{
    g_autoptr(media_description) remote = jingle_description(call, "remote");
    bool left = false, changed = false;
    for (guint i = 0; remote && i < said->contents->len; i++) {
        const struct media_content *content = said->contents->pdata[i];
        struct media_content *known =
            media_content_find(remote, content->name, content->by_responder);
        changed = changed || (known && !known->rejected);
        if (known)
            known->rejected = true;
    }
    for (guint i = 0; remote && i < remote->contents->len; i++)
        left = left || !((struct media_content *)remote->contents->pdata[i])->rejected;
    if (left && changed) {
        jingle_remember(call, remote);
        peer_offers(call, false);
    }
    return left;
}

void change_peer_restarts(struct call *call, struct media_description *remote)
{
    bool answers = flag_is_set(call, "restarting");
    for (guint i = 0; i < remote->contents->len; i++) {
        struct media_content *content = remote->contents->pdata[i];
        g_array_set_size(content->transport.candidates, 0);
        if (answers && content->transport.setup == SETUP_ACTPASS)
            content->transport.setup = SETUP_ACTIVE;
    }
    flag_set(call, "restarting", false);
    jingle_remember(call, remote);
    if (answers)
        peer_answers(call);
    else
        peer_offers(call, true);
}
