/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions: when they are bound, in which pace, and what is done when a host ends one. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/lookup.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/bound/bookmark.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/displayed.h"
#include "bridge/bound/holder.h"
#include "bridge/bound/host.h"
#include "bridge/bound/inject.h"
#include "bridge/bound/mirror.h"
#include "bridge/bound/session.h"
#include "bridge/core/core.h"
#include "bridge/presence/client.h"
#include "bridge/room/guest_enter.h"
#include "xep/error.h"
#include "xep/presence.h"

#define BIND_SECONDS 30
#define RETRY G_USEC_PER_SEC /* after the first failure, then twice as long… */
#define RETRY_DOUBLED_MAX 8  /* …so many times */
#define REFUSED_AGAIN                                                                              \
    (G_GINT64_CONSTANT(3600) * G_USEC_PER_SEC) /* the host does not let this account in */
#define WANTED (60 * G_USEC_PER_SEC)           /* for what a request without a socket asks */
#define CONFLICTS_MAX 8

static void pace_start(struct bound *bound);

/* ---- The table ------------------------------------------------------------------------------- */

void bound_session_free(gpointer data)
{
    struct bound_session *session = data;
    bound_inject_forget(session);
    g_clear_pointer(&session->read, g_hash_table_unref);
    account_unref(session->account);
    g_free(session->jid);
    g_free(session->local);
    g_free(session->resource);
    g_free(session->full_jid);
    g_free(session->base);
    g_free(session);
}

struct bound_session *bound_session_find(const struct bound *bound, const char *jid)
{
    return g_hash_table_lookup(bound->sessions, jid);
}

/* Conflicts are left behind by a number. */
static void session_name(struct bound_session *session)
{
    g_free(session->resource);
    g_free(session->full_jid);
    session->resource = session->attempt == 0
                            ? g_strdup(session->base)
                            : g_strdup_printf("%s-%u", session->base, session->attempt + 1);
    session->full_jid = g_strconcat(session->jid, "/", session->resource, NULL);
    account_set_resource(session->account, session->resource);
}

ARCHIVE_SAME_COLUMN(BOUND_ACCOUNT_NUMBER, SESSION_FIND_NUMBER);
ARCHIVE_SAME_COLUMN(BOUND_ACCOUNT_KIND, SESSION_FIND_KIND);

struct loading {
    struct core *core;
    char *jid;
};

static void session_loaded(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct loading *loading = data;
    g_autofree char *jid = loading->jid;
    struct bound *bound = bound_of(loading->core);
    struct bound_session *session = bound ? bound_session_find(bound, jid) : NULL;
    if (!session || session->state != SESSION_LOADING)
        return;
    session->state = SESSION_AWAY;
    struct account *account = error == ERROR_NONE && rows_count(rows) == 1
                                  ? account_of_bound(bound->core->accounts, rows)
                                  : NULL;
    if (!account) { /* the tick tries again, if it is still there */
        session->not_before = clock_monotonic() + RETRY;
        if (error == ERROR_NONE)
            g_hash_table_remove(bound->sessions, jid);
        return;
    }
    account_unref(session->account);
    session->account = account_ref(account);
    session->online = account->subscribers != NULL;
    g_free(session->base);
    session->base = g_strdup(rows_text(rows, 0, BOUND_ACCOUNT_RESOURCE));
    session->watched = rows_boolean(rows, 0, BOUND_ACCOUNT_WATCHED);
    session->waiting |= rows_boolean(rows, 0, BOUND_ACCOUNT_WAITING);
    session_name(session);
}

static void session_load(struct bound_session *session)
{
    struct core *core = session->bound->core;
    if (!core->archive)
        return;
    struct loading *loading = g_new0(struct loading, 1);
    loading->core = core;
    loading->jid = g_strdup(session->jid);
    session->state = SESSION_LOADING;
    const char *values[] = {session->jid};
    archive_query(core->archive, QUERY_BOUND_ACCOUNT, values, session_loaded, loading);
}

struct bound_session *bound_session_get(struct bound *bound, const char *jid)
{
    struct bound_session *session = bound_session_find(bound, jid);
    if (session)
        return session;
    struct bound_host *host = bound_host_of(bound, jid);
    const char *at = strchr(jid, '@');
    if (!host || !at || at == jid || strchr(jid, '/'))
        return NULL;
    if (g_hash_table_size(bound->sessions) >=
        (guint)MIN(bound->core->options->bound_sessions_max, G_MAXUINT)) {
        log_warning(AREA_LINK, "bound-sessions-full", "host=%s", host->domain);
        return NULL;
    }
    session = g_new0(struct bound_session, 1);
    session->bound = bound;
    session->host = host;
    session->jid = g_strdup(jid);
    session->local = g_strndup(jid, (gsize)(at - jid));
    session->state = SESSION_AWAY;
    session->left = clock_monotonic();
    g_queue_init(&session->soon);
    g_hash_table_replace(bound->sessions, session->jid, session);
    session_load(session);
    return session;
}

/* ---- Presence -------------------------------------------------------------------------------- */

/* While nobody reads, messages are not to be drawn away from the account's other clients. */
static void session_show(struct bound_session *session, bool attentive)
{
    struct presence_stanza presence = {.priority = attentive ? 0 : -1,
                                       .caps =
                                           *client_caps(session->bound->core, session->account)};
    g_autoptr(xmpp_stanza_t) stanza = presence_build(&presence);
    if (!bound_inject_once(session, stanza))
        return;
    session->shown = true;
    session->attentive = attentive;
}

/* ---- Binding --------------------------------------------------------------------------------- */

static bool session_is_online(const struct bound_session *session)
{
    return session->online || session->afar;
}

static bool session_is_wanted(const struct bound_session *session, gint64 now)
{
    gint64 grace = session->bound->core->options->bound_grace * G_USEC_PER_SEC;
    bool lately = session->left > 0 && session->shown && now - session->left < grace;
    return session->watched || session_is_online(session) || session->waiting ||
           session->storing > 0 || now < session->wanted_until || lately;
}

void bound_session_want(struct bound_session *session)
{
    session->wanted_until = clock_monotonic() + WANTED;
}

static void session_set_away(struct bound_session *session)
{
    if (session->state == SESSION_BOUND) {
        session->host->count--;
        metric_add(METRIC_BOUND_SESSIONS, -1);
        guest_user_gone(session->jid);
    }
    if (session->state == SESSION_QUEUED)
        g_queue_remove(&session->bound->queue, session);
    if (session->state != SESSION_LOADING)
        session->state = SESSION_AWAY;
    session->shown = session->attentive = session->stale = false;
    session->bookmarks_digest = 0;
    session->syncs = false;
    bound_inject_forget(session);
    bound_inject_abandon(session);
}

void bound_session_lost(struct bound_session *session)
{
    session_set_away(session);
    session->waiting = true; /* what was under way is looked for */
}

void bound_sessions_lost(struct bound *bound, const struct bound_host *host)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, bound->sessions);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct bound_session *session = value;
        if (!host || session->host == host) {
            if (session->state == SESSION_BOUND)
                session->waiting = true;
            session_set_away(session);
        }
    }
}

static void session_retry(struct bound_session *session)
{
    session->not_before = clock_monotonic() + (RETRY << MIN(session->failures, RETRY_DOUBLED_MAX));
    session->failures++;
}

/* The host has no such account, or does not let it in here (any more). */
static void session_refused(struct bound_session *session, const char *condition)
{
    log_info(AREA_LINK, "bound-refused", "host=%s user=%s condition=%s", session->host->domain,
             session->account ? session->account->id_text : "", condition);
    session->not_before = clock_monotonic() + REFUSED_AGAIN;
    session->waiting = false;
}

static void bind_failed(struct bound_session *session, const char *condition)
{
    if (strcmp(condition, "conflict") == 0 && session->attempt < CONFLICTS_MAX) {
        session->attempt++;
        session_name(session);
    } else if (strcmp(condition, "item-not-found") == 0 || strcmp(condition, "not-allowed") == 0) {
        session_refused(session, condition);
    } else {
        session_retry(session);
    }
}

static void session_bound(struct bound_session *session)
{
    session->state = SESSION_BOUND;
    session->failures = 0;
    session->afar = bound_holder_is_afar(session);
    session->host->count++;
    metric_add(METRIC_BOUND_SESSIONS, 1);
    metric_add(METRIC_BOUND_BINDS, 1);
    bound_mirror_begin(session);
    session_show(session, session_is_online(session));
    bound_inject_soon(session);
    bound_bookmarks_begin(session);
    bound_displayed_begin(session);
    guest_user_here(session->jid);
    session->waiting = true;
    bound_inject_resume(session);
}

static void bind_answered(xmpp_stanza_t *result, void *data)
{
    g_autofree struct loading *asked = data;
    g_autofree char *jid = asked->jid;
    struct bound *bound = bound_of(asked->core);
    struct bound_session *session = bound ? bound_session_find(bound, jid) : NULL;
    if (!session || session->state != SESSION_BINDING)
        return;
    struct stanza_error error;
    session->state = SESSION_AWAY;
    if (result && g_strcmp0(stanza_attr(result, "type"), "result") == 0)
        session_bound(session);
    else
        bind_failed(session, result && stanza_error_parse(result, &error) ? error.condition : "");
}

static bool session_request(struct bound_session *session, const char *name, stanza_answer answer,
                            void *data)
{
    struct core *core = session->bound->core;
    const struct bound_place place = {session->local, session->resource};
    g_autoptr(xmpp_stanza_t) iq =
        bound_request_build(name, core->options->xmpp_domain, session->host->domain, &place);
    return stanza_ask(core, iq, BIND_SECONDS, answer, data);
}

static void session_bind(struct bound_session *session)
{
    struct loading *asked = g_new0(struct loading, 1);
    asked->core = session->bound->core;
    asked->jid = g_strdup(session->jid);
    session->state = SESSION_BINDING;
    log_info(AREA_LINK, "bound-bind", "host=%s user=%s", session->host->domain,
             session->account->id_text);
    if (session_request(session, "bind", bind_answered, asked))
        return;
    session->state = SESSION_AWAY;
    session_retry(session);
    g_free(asked->jid);
    g_free(asked);
}

static void unbind_answered(xmpp_stanza_t *result, void *data)
{
    (void)result;
    (void)data;
}

static void session_leave(struct bound_session *session)
{
    if (session->state == SESSION_BOUND || session->state == SESSION_BINDING)
        session_request(session, "unbind", unbind_answered, NULL);
    session_set_away(session);
    session->watched = session->waiting = false;
    session->wanted_until = 0;
}

void bound_session_watch(struct bound_session *session, bool watched)
{
    session->watched = watched;
    if (watched)
        session->not_before = 0;
    else
        session->wanted_until = session->left = 0;
}

void bound_session_signed_out(struct bound_session *session, bool everywhere)
{
    if (session->state == SESSION_LOADING || session->storing > 0)
        return;
    if (everywhere || (!session_is_online(session) && !session->watched))
        session_leave(session);
    else
        session->wanted_until = 0;
}

/* ---- Ends that the host makes ---------------------------------------------------------------- */

void bound_session_ended(struct bound_session *session, const char *reason)
{
    static const char *const over[] = {"password-changed", "deleted", "disabled", NULL};
    log_info(AREA_LINK, "bound-ended", "host=%s user=%s reason=\"%s\"", session->host->domain,
             session->account ? session->account->id_text : "", reason);
    bound_session_lost(session);
    if (g_strv_contains(over, reason)) {
        session->watched = session->waiting = false;
        bound_account_ended(session->bound->core, session->account);
        return;
    }
    if (strcmp(reason, "conflict") == 0) {
        session->attempt = (session->attempt + 1) % CONFLICTS_MAX;
        session_name(session);
    } else if (strcmp(reason, "shutdown") == 0) {
        bound_host_doubt(session->host);
    }
    session_retry(session);
}

/* ---- The clock ------------------------------------------------------------------------------- */

static gboolean on_pace(gpointer data)
{
    struct bound *bound = data;
    struct bound_session *session = g_queue_pop_head(&bound->queue);
    if (!session) {
        bound->pace = 0;
        return G_SOURCE_REMOVE;
    }
    session->state = SESSION_AWAY;
    if (session->host->state == HOST_UP)
        session_bind(session);
    return G_SOURCE_CONTINUE;
}

static void pace_start(struct bound *bound)
{
    if (bound->pace == 0)
        bound->pace =
            g_timeout_add((guint)(1000 / bound->core->options->bound_rate), on_pace, bound);
}

static void away_tick(struct bound_session *session, gint64 now)
{
    if (now < session->not_before)
        return;
    if (!session->account) {
        session_load(session);
        return;
    }
    if (session->host->state != HOST_UP || !session_is_wanted(session, now))
        return;
    session->state = SESSION_QUEUED;
    g_queue_push_tail(&session->bound->queue, session);
    pace_start(session->bound);
}

static void bound_tick(struct bound_session *session, gint64 now)
{
    gint64 grace = session->bound->core->options->xmpp_presence_grace * G_USEC_PER_SEC;
    if (!session_is_wanted(session, now)) {
        session_leave(session);
        return;
    }
    bool attentive =
        session_is_online(session) || (session->attentive && now - session->left < grace);
    if (!session->shown || attentive != session->attentive)
        session_show(session, attentive);
    if (session->waiting)
        bound_inject_resume(session);
    if (attentive && now >= session->bookmarks_at)
        bound_bookmarks_begin(session);
    bound_displayed_tick(session);
}

/* Whether there is nothing left to know of it. */
static bool session_is_idle(const struct bound_session *session, gint64 now)
{
    return session->state == SESSION_AWAY && session->account && now >= session->not_before &&
           !session_is_wanted(session, now);
}

static void afar_review(struct bound_session *session, gint64 now)
{
    bool afar = bound_holder_is_afar(session);
    if (session->afar && !afar)
        session->left = now;
    session->afar = afar;
}

void bound_sessions_tick(struct bound *bound, gint64 now)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, bound->sessions);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct bound_session *session = value;
        afar_review(session, now);
        if (session->state == SESSION_BOUND)
            bound_tick(session, now);
        else if (session_is_idle(session, now))
            g_hash_table_iter_remove(&iter);
        else if (session->state == SESSION_AWAY)
            away_tick(session, now);
    }
}
