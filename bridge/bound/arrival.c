/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes for sessions, in wrappers that only their host may send. What is worth keeping goes
 * into the account's archive, where the host's own module puts it, too: whoever is first. The rest
 * passes through the table of handlers, as what comes for users of our own does. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/bound/arrival.h"
#include "bridge/bound/bookmark.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/displayed.h"
#include "bridge/bound/fold.h"
#include "bridge/bound/host.h"
#include "bridge/bound/inject.h"
#include "bridge/bound/mirror.h"
#include "bridge/bound/session.h"
#include "bridge/bound/uid.h"
#include "bridge/core/core.h"
#include "bridge/presence/client.h"
#include "bridge/room/guest.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0030_disco.h"
#include "xep/0060_pubsub.h"
#include "xep/0092_version.h"
#include "xep/0199_ping.h"
#include "xep/0203_delay.h"
#include "xep/0280_carbons.h"
#include "xep/0334_hints.h"
#include "xep/0359_ids.h"
#include "xep/jid.h"
#include "xep/message.h"
#include "xep/stanza_text.h"

static void wrapper_drop(const struct bound_host *host, const char *why)
{
    metric_add(METRIC_BOUND_REFUSED, 1);
    log_debug(AREA_STANZA, "bound-dropped", "host=%s reason=%s", host->domain, why);
}

/* ---- IQs ------------------------------------------------------------------------------------- */

/* As one client of the account. */
static xmpp_stanza_t *request_answer(const struct bound_session *session, xmpp_stanza_t *iq)
{
    static const struct software_version software = {"Trestle", PACKAGE_VERSION, NULL};
    const struct core *core = session->bound->core;
    const char *node;
    if (stanza_child(iq, "query", NS_VERSION))
        return version_build_result(iq, &software);
    if (ping_is_request(iq))
        return stanza_reply_result(iq);
    if (!disco_info_is_request(iq, &node))
        return NULL;
    if (node && *node && strcmp(node, client_node(core, session->account)) != 0)
        return stanza_reply_error(iq, "cancel", "item-not-found", NULL);
    g_autoptr(disco_info) info = client_info(core, session->account);
    info->node = node;
    return disco_info_build_result(iq, info);
}

static void take_iq(const struct stanza_context *context, struct bound_session *session,
                    xmpp_stanza_t *iq)
{
    const char *type = stanza_attr(iq, "type");
    xmpp_stanza_t *payload = stanza_first(iq);
    if (g_strcmp0(type, "result") == 0 || g_strcmp0(type, "error") == 0) {
        bound_inject_answered(session, iq);
        if (g_strcmp0(type, "error") == 0)
            bound_mirror_refused(session, iq);
        return;
    }
    bool legal = (g_strcmp0(type, "get") == 0 || g_strcmp0(type, "set") == 0) &&
                 stanza_attr(iq, "id") && payload && !stanza_next(payload);
    if (legal && (bound_mirror_push(session, iq) || dispatch_account(context, iq)))
        return;
    g_autoptr(xmpp_stanza_t) reply = !legal ? stanza_reply_error(iq, "modify", "bad-request", NULL)
                                     : strcmp(type, "get") == 0 ? request_answer(session, iq)
                                                                : NULL;
    if (!reply)
        reply = stanza_reply_error(iq, "cancel", "service-unavailable", NULL);
    if (reply)
        bound_inject_once(session, reply);
}

/* ---- Messages -------------------------------------------------------------------------------- */

struct heard {
    struct bound_session *session;
    xmpp_stanza_t *message;
    bool outgoing; /* another client of the account has sent it */
};

static bool is_ours(xmpp_stanza_t *child, const void *data)
{
    const char *by = stanza_attr(child, "by");
    return stanza_is(child, "archived", "urn:xmpp:mam:tmp") || stanza_is(child, "uid", NS_BIND) ||
           (stanza_is(child, "stanza-id", NS_SID) && by && strcmp(by, data) == 0);
}

static bool is_state(xmpp_stanza_t *child)
{
    const char *ns = stanza_ns(child);
    return strcmp(ns, NS_CHAT_STATES) == 0 || strcmp(ns, NS_HINTS) == 0 ||
           strcmp(ns, NS_DELAY) == 0 || strcmp(ns, NS_SID) == 0 ||
           strcmp(ns, NS_JINGLE_MESSAGE) == 0 || stanza_is(child, "request", NS_RECEIPTS) ||
           stanza_is(child, "thread", NS_CLIENT);
}

/* Whether there is something in MESSAGE beside chat states and the ringing of calls. */
static bool is_worth_keeping(xmpp_stanza_t *message)
{
    for (xmpp_stanza_t *child = stanza_first(message); child; child = stanza_next(child)) {
        if (!is_state(child))
            return true;
    }
    return false;
}

static bool message_has_body(xmpp_stanza_t *message)
{
    return stanza_child(message, "body", NS_CLIENT) != NULL;
}

/* By what the archive of the host knows the message; else, if there is no archive of ours, what
 * comes to the same whenever it is heard. False: it is not to be kept. */
static bool heard_uid(const struct heard *heard, struct uuid *ret_uid)
{
    struct bound_session *session = heard->session;
    const char *own = stanza_id_parse(heard->message, session->jid);
    if (own && uid_parse(own, ret_uid)) {
        session->host->decimal |= !strchr(own, '-');
        return true;
    }
    bool kept = session->host->archives;
    bool hidden = hints_parse(heard->message) & (HINT_NO_STORE | HINT_NO_PERMANENT_STORE);
    const char *id = own ? own : stanza_attr(heard->message, "id");
    if ((kept && message_has_body(heard->message)) || hidden)
        return false; /* the account wants it kept nowhere, or its sender does */
    if (id)
        uid_of_text(session->jid, stanza_attr(heard->message, "from"), id, ret_uid);
    else
        uuid_generate(ret_uid);
    return true;
}

static void live_done(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    if (error == ERROR_NONE)
        fold_wake(data);
    else /* the host's archive has it, or the sender's client */
        log_info(AREA_STANZA, "bound-live-lost", "code=%s", error_info(error)->code);
}

static void message_keep(const struct heard *heard)
{
    struct bound_session *session = heard->session;
    struct core *core = session->bound->core;
    struct uuid uid;
    const char *from = stanza_attr(heard->message, "from");
    const char *to = stanza_attr(heard->message, "to");
    const char *other = heard->outgoing ? to : from;
    fold_wake(core);
    if (!is_worth_keeping(heard->message) || !heard_uid(heard, &uid) || !core->archive)
        return;
    const char *by[] = {session->host->domain, session->jid, NULL};
    gint64 stamp = clock_wall();
    delay_choose(heard->message, by, clock_wall(), &stamp);
    char id[UUID_TEXT_SIZE], time[24];
    uuid_format(&uid, id);
    g_snprintf(time, sizeof time, "%" G_GINT64_FORMAT, stamp);
    g_autofree char *peer = jid_cut(other);
    g_autoptr(xmpp_stanza_t) kept = stanza_copy_without(heard->message, is_ours, session->jid);
    g_autofree char *text = stanza_to_text(kept, NULL);
    const char *origin = origin_id_parse(kept);
    const char *values[] = {session->jid, id,   heard->outgoing ? "out" : "in",
                            peer,         from, origin ? origin : stanza_attr(kept, "id"),
                            text,         time};
    archive_query(core->archive, QUERY_BOUND_LIVE, values, live_done, core);
}

/* Whether MESSAGE is what one person says to another: no bounce, nothing of a room, no notice. */
static bool is_said(xmpp_stanza_t *message)
{
    static const char *const others[] = {"error", "groupchat", "headline", NULL};
    const char *type = stanza_attr(message, "type");
    return !type || !g_strv_contains(others, type);
}

/* A copy of what another client of the account has sent or got. */
static void take_carbon(const struct stanza_context *context, struct bound_session *session,
                        xmpp_stanza_t *message)
{
    bool outgoing = carbon_parse(message) == CARBON_SENT;
    xmpp_stanza_t *inner = carbon_inner(message);
    const char *from = inner ? stanza_attr(inner, "from") : NULL;
    const char *to = inner ? stanza_attr(inner, "to") : NULL;
    const char *own = outgoing ? from : to;
    if (strcmp(stanza_attr(message, "from"), session->jid) != 0 || !from || !to ||
        !jid_is_valid(from) || !jid_is_valid(to) || !jid_same_bare(own, session->jid)) {
        wrapper_drop(session->host, "forged-carbon");
        return;
    }
    struct heard heard = {.session = session, .message = inner, .outgoing = outgoing};
    if (is_said(inner))
        message_keep(&heard);
    if (outgoing)
        dispatch_sent(context, inner);
    else
        dispatch_account(context, inner);
}

/* What a room sends to somebody who has a place there, as it would come for one of our users. */
static bool take_of_room(const struct stanza_context *context, const struct bound_session *session,
                         xmpp_stanza_t *stanza)
{
    g_autofree char *room =
        g_strndup(stanza_attr(stanza, "from"), strcspn(stanza_attr(stanza, "from"), "/"));
    const char *type = stanza_attr(stanza, "type");
    bool message = strcmp(stanza_name(stanza), "message") == 0;
    bool said = g_strcmp0(type, "groupchat") == 0 || g_strcmp0(type, "error") == 0 ||
                stanza_child(stanza, "result", NS_MAM);
    if (!guest_seat_find(session->jid, room) || (message && !said))
        return message && (g_strcmp0(type, "groupchat") == 0 ||
                           stanza_child(stanza, "result", NS_MAM)); /* of no place: nobody's */
    dispatch_guest(context, stanza);
    return true;
}

/* Personal events: the account's own tell what other clients have changed. */
static void take_event(const struct stanza_context *context, struct bound_session *session,
                       xmpp_stanza_t *message)
{
    struct pubsub_item item;
    bool own = strcmp(stanza_attr(message, "from"), session->jid) == 0 && session->account &&
               pubsub_event_parse(message, &item);
    if (own && strcmp(item.node, NS_BOOKMARKS) == 0)
        bound_bookmarks_event(session, message);
    else if (own && strcmp(item.node, NS_DISPLAYED_SYNC) == 0)
        bound_displayed_event(session, message);
    else
        dispatch_account(context, message);
}

static void take_message(const struct stanza_context *context, struct bound_session *session,
                         xmpp_stanza_t *message)
{
    const char *type = stanza_attr(message, "type");
    if (stanza_child(message, "event", NS_PUBSUB_EVENT) && g_strcmp0(type, "error") != 0) {
        take_event(context, session, message);
        return;
    }
    if (take_of_room(context, session, message))
        return;
    if (carbon_parse(message) != CARBON_NONE) {
        take_carbon(context, session, message);
        return;
    }
    struct heard heard = {.session = session, .message = message};
    bool said = is_said(message);
    if (said)
        message_keep(&heard);
    if (said || g_strcmp0(type, "error") == 0)
        dispatch_account(context, message);
}

/* ---- Wrappers -------------------------------------------------------------------------------- */

static void take_stanza(const struct stanza_context *context, struct bound_session *session,
                        xmpp_stanza_t *stanza)
{
    const char *from = stanza_attr(stanza, "from");
    const char *to = stanza_attr(stanza, "to");
    if (!from)
        stanza_set(stanza, "from", session->jid);
    if (!to)
        stanza_set(stanza, "to", session->full_jid);
    from = stanza_attr(stanza, "from");
    to = stanza_attr(stanza, "to");
    if (!jid_is_valid(from) || !jid_same_bare(to, session->jid)) {
        wrapper_drop(session->host, "not-its-own");
        return;
    }
    metric_add(METRIC_BOUND_IN, 1);
    if (strcmp(stanza_name(stanza), "iq") == 0)
        take_iq(context, session, stanza);
    else if (strcmp(stanza_name(stanza), "message") == 0)
        take_message(context, session, stanza);
    else if (!jid_same_bare(from, session->jid) && /* one's own presence is known */
             !take_of_room(context, session, stanza))
        dispatch_account(context, stanza);
}

/* A host whose module has begun only now says so, unasked: it is asked at once. */
static bool take_hello(struct bound_host *host, xmpp_stanza_t *message)
{
    bool said = stanza_child(message, "hello", NS_BIND) != NULL;
    if (said)
        bound_host_doubt(host);
    return said;
}

/* The session that PLACE names; NULL: there is none, and the wrapper was dropped. */
static struct bound_session *session_named(struct bound_host *host, const struct bound_place *place)
{
    g_autofree char *jid = g_strconcat(place->user, "@", host->domain, NULL);
    struct bound_session *session = bound_session_find(host->bound, jid);
    if (session && session->state == SESSION_BOUND &&
        strcmp(session->resource, place->resource) == 0)
        return session;
    wrapper_drop(host, "no-such-session");
    return NULL;
}

static bool take_end(struct bound_host *host, xmpp_stanza_t *message)
{
    struct bound_end end;
    enum bound_fault fault = bound_end_parse(message, &end);
    struct bound_session *session = fault == BOUND_FINE ? session_named(host, &end.place) : NULL;
    if (fault == BOUND_PLACE)
        wrapper_drop(host, "no-place");
    if (session)
        bound_session_ended(session, end.reason);
    return fault != BOUND_NONE;
}

static struct bound_host *host_of(const struct stanza_context *context)
{
    const struct bound *bound = bound_of(context->data);
    return bound && !strpbrk(context->from, "@/") ? bound_host_of(bound, context->from) : NULL;
}

static bool on_wrapper(const struct stanza_context *context)
{
    static const char *const names[] = {"stanza", "unbound", "inject"};
    struct bound_host *host = host_of(context);
    for (size_t i = 0; !host && i < G_N_ELEMENTS(names); i++) {
        if (stanza_child(context->stanza, names[i], NS_BIND)) {
            metric_add(METRIC_BOUND_REFUSED, 1);
            return true;
        }
    }
    if (!host)
        return false;
    struct bound_stanza wrapped;
    enum bound_fault fault = bound_stanza_parse(context->stanza, &wrapped);
    if (fault == BOUND_NONE)
        return take_end(host, context->stanza) || take_hello(host, context->stanza);
    struct bound_session *session =
        fault == BOUND_FINE ? session_named(host, &wrapped.place) : NULL;
    if (session)
        take_stanza(context, session, wrapped.stanza);
    else if (fault != BOUND_FINE)
        wrapper_drop(host, fault == BOUND_PLACE ? "no-place" : "not-one-stanza");
    return true;
}

static bool on_error(const struct stanza_context *context)
{
    struct bound_host *host = host_of(context);
    const char *id = stanza_attr(context->stanza, "id");
    if (host && id)
        bound_inject_failed(host, id, context->stanza);
    return host != NULL;
}

const struct stanza_handler bound_stanzas[] = {
    {"message", "normal", NULL, NULL, TARGET_DOMAIN, .admit = on_wrapper},
    {"message", "error", NULL, NULL, TARGET_DOMAIN, .admit = on_error},
    {0},
};
