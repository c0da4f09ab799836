/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Presence of hosted users, whose server this is (RFC 6121 sections 3 and 4): subscriptions, kept
 * in SQL, and probes.
 *
 * Who may see a user's presence: whoever the user grants it to, and whoever asks for it after the
 * user has written to them or asked to see theirs: somebody who talks to a person wants to be
 * reachable. Other requests wait for the user's decision as message requests and are not answered;
 * those of somebody blocked are nothing. Peers' own presence is the affair of
 * watch.c, and an error is never answered. To an unknown user and to a stranger's probe of a
 * known one the answer is the same.
 *
 * Stanzas of one pair (peer, user) are carried out in the order in which they came: each pair has a
 * lane, of which the first job is at work. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/lookup.h"
#include "bridge/archive/archive.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/outbox.h"
#include "bridge/presence/announce.h"
#include "bridge/presence/hosted.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0172_nick.h"
#include "xep/name.h"
#include "xep/presence.h"

#define NOTE_MAX 1000  /* bytes kept of what comes with a request */
#define JOBS_MAX 10000 /* presence stanzas at work or waiting; more are dropped */
#define LANE_MAX 100   /* of them of one pair */

struct job {
    struct core *core;
    char *lane; /* "peer user": bare JIDs */
    enum presence_type type;
    char *from;              /* as delivered: where a probe's answer goes */
    char *peer;              /* bare */
    char *user;              /* bare */
    char *note;              /* subscribe: what the peer wrote with it; may be NULL */
    char *nick;              /* likewise: how the peer wants to be called */
    struct account *account; /* reference, once found */
    unsigned related;        /* of it, when the answer to a probe was asked for */
};

static struct {
    GHashTable *lanes; /* char * → GQueue of struct job *, the first of which is at work */
    unsigned jobs;
} work;

static void job_start(struct job *job);

static void job_free(gpointer data)
{
    struct job *job = data;
    account_unref(job->account);
    g_free(job->lane);
    g_free(job->from);
    g_free(job->peer);
    g_free(job->user);
    g_free(job->note);
    g_free(job->nick);
    g_free(job);
}

static void lane_free(gpointer data)
{
    g_queue_free_full(data, job_free);
}

static void job_finish(struct job *job)
{
    GQueue *lane = g_hash_table_lookup(work.lanes, job->lane);
    g_queue_pop_head(lane);
    work.jobs--;
    if (lane->head)
        job_start(lane->head->data);
    else
        g_hash_table_remove(work.lanes, job->lane);
    job_free(job);
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* Subscription stanzas carry bare addresses on both sides (RFC 6121 section 3.1.1). */
static void send_bare(const struct job *job, enum presence_type type)
{
    struct presence_stanza presence = {.from = job->user, .to = job->peer, .type = type};
    g_autoptr(xmpp_stanza_t) stanza = presence_build(&presence);
    stanza_out(job->core, stanza);
}

static void send_answer(const struct job *job, const char *answer, gint64 last_seen)
{
    if (strcmp(answer, "subscribed") == 0) {
        send_bare(job, PRESENCE_SUBSCRIBED);
        announce_to(job->core, job->account, job->peer, last_seen);
    } else if (strcmp(answer, "presence") == 0) {
        announce_to(job->core, job->account, job->from, last_seen);
    } else if (strcmp(answer, "unavailable") == 0) {
        announce_unavailable_to(job->core, job->account, job->peer);
    } else if (strcmp(answer, "unsubscribed") == 0) {
        send_bare(job, PRESENCE_UNSUBSCRIBED);
    }
}

static void stanza_done(const struct change_result *result, void *data)
{
    struct job *job = data;
    const char *answer = json_string_value(json_object_get(result->json, "answer"));
    if (change_succeeded(result) && answer)
        send_answer(job, answer, json_integer_value(json_object_get(result->json, "last_seen")));
    else
        log_info(AREA_STANZA, "presence-lost", "code=%s",
                 result->error == ERROR_NONE ? "none" : error_info(result->error)->code);
    job_finish(job);
}

static void probe_answered(const struct rows *rows, enum error_code error, void *data);

static void probe_ask(struct job *job)
{
    const char *values[] = {job->account->id_text, job->peer};
    job->related = job->account->related;
    archive_query(job->core->archive, QUERY_CONTACT_PROBE, values, probe_answered, job);
}

static void probe_answered(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    if (error == ERROR_NONE && job->related != job->account->related && job->core->archive) {
        probe_ask(job); /* the peer may have been told of a change that this answer does not know */
        return;
    }
    if (error == ERROR_NONE && rows_count(rows) == 1)
        send_answer(job, rows_text(rows, 0, CONTACT_PROBE_ANSWER),
                    rows_integer(rows, 0, CONTACT_PROBE_LAST_SEEN));
    else
        log_info(AREA_STANZA, "presence-lost", "code=%s",
                 error == ERROR_NONE ? "none" : error_info(error)->code);
    job_finish(job);
}

/* ---- Jobs ------------------------------------------------------------------------------------ */

/* NULL: not for us. */
static const char *name_of(enum presence_type type)
{
    switch (type) {
    case PRESENCE_SUBSCRIBE:
        return "subscribe";
    case PRESENCE_SUBSCRIBED:
        return "subscribed";
    case PRESENCE_UNSUBSCRIBE:
        return "unsubscribe";
    case PRESENCE_UNSUBSCRIBED:
        return "unsubscribed";
    case PRESENCE_PROBE:
        return "probe";
    case PRESENCE_AVAILABLE:
    case PRESENCE_UNAVAILABLE:
    case PRESENCE_ERROR:
    case PRESENCE_UNKNOWN:
        break;
    }
    return NULL;
}

static void account_found(struct account *account, enum error_code error, void *data)
{
    struct job *job = data;
    if (!account || !job->core->archive) {
        if (error == ERROR_NONE && job->type == PRESENCE_PROBE)
            send_bare(job, PRESENCE_UNSUBSCRIBED);
        job_finish(job);
        return;
    }
    job->account = account_ref(account);
    if (job->type == PRESENCE_PROBE)
        probe_ask(job);
    else
        change_submit(job->core, "contact_stanza", &account->id,
                      json_pack("{s:s, s:s, s:s*, s:s*}", "type", name_of(job->type), "peer",
                                job->peer, "note", job->note, "nick", job->nick),
                      stanza_done, job);
}

static void job_start(struct job *job)
{
    account_lookup_jid(job->core->accounts, job->user, account_found, job);
}

static void job_add(struct job *job)
{
    GQueue *lane = g_hash_table_lookup(work.lanes, job->lane);
    if (!lane) {
        lane = g_queue_new();
        g_hash_table_insert(work.lanes, g_strdup(job->lane), lane);
    }
    work.jobs++;
    g_queue_push_tail(lane, job);
    if (lane->length == 1)
        job_start(job);
}

static struct job *job_new(struct core *core, const char *peer, const char *user)
{
    struct job *job = g_new0(struct job, 1);
    job->core = core;
    job->lane = g_strdup_printf("%s %s", peer, user);
    job->peer = g_strdup(peer);
    job->user = g_strdup(user);
    return job;
}

static void job_introduce(struct job *job, xmpp_stanza_t *stanza, const char *note)
{
    xmpp_stanza_t *nick = stanza_child(stanza, "nick", NS_NICK);
    if (nick && nick_parse(nick))
        job->nick = name_clean(nick_parse(nick), NAME_BYTES_MAX, NAME_LINE);
    if (note)
        job->note = name_clean(note, NOTE_MAX, NAME_PROSE);
}

static bool on_presence(const struct stanza_context *context)
{
    struct presence_stanza presence;
    if (!presence_parse(context->stanza, &presence) || !name_of(presence.type) ||
        !strchr(context->to_bare, '@'))
        return true;
    if (work.jobs >= JOBS_MAX) {
        metric_add(METRIC_STANZAS_REFUSED, 1);
        return true;
    }
    struct job *job = job_new(context->data, context->from_bare, context->to_bare);
    job->type = presence.type;
    job->from = g_strdup(context->from);
    if (presence.type == PRESENCE_SUBSCRIBE)
        job_introduce(job, context->stanza, presence.status);
    const GQueue *lane = g_hash_table_lookup(work.lanes, job->lane);
    if (lane && lane->length >= LANE_MAX) {
        metric_add(METRIC_STANZAS_REFUSED, 1);
        job_free(job);
    } else {
        job_add(job);
    }
    return true;
}

/* ---- Outgoing -------------------------------------------------------------------------------- */

/* Bare addresses on both sides (RFC 6121 section 3.1.1). */
static xmpp_stanza_t *notice_build(const struct outbox_entry *entry, enum presence_type type)
{
    struct presence_stanza presence = {.from = entry->from, .to = entry->to, .type = type};
    return presence_build(&presence);
}

/* PAYLOAD: the user's name, if there is one. */
static xmpp_stanza_t *build_subscribe(const struct outbox_entry *entry)
{
    xmpp_stanza_t *stanza = notice_build(entry, PRESENCE_SUBSCRIBE);
    if (entry->payload && *entry->payload)
        nick_add(stanza, entry->payload);
    return stanza;
}

static xmpp_stanza_t *build_subscribed(const struct outbox_entry *entry)
{
    return notice_build(entry, PRESENCE_SUBSCRIBED);
}

static xmpp_stanza_t *build_unsubscribe(const struct outbox_entry *entry)
{
    return notice_build(entry, PRESENCE_UNSUBSCRIBE);
}

static xmpp_stanza_t *build_unsubscribed(const struct outbox_entry *entry)
{
    return notice_build(entry, PRESENCE_UNSUBSCRIBED);
}

/* The current presence follows `subscribed`, as if it had been asked for. */
static void subscribed_sent(struct core *core, const struct outbox_entry *entry)
{
    if (work.jobs >= JOBS_MAX || service_of(core->options, entry->from) == SERVICE_MAX)
        return; /* the peer's server will probe, or the user's own tells */
    struct job *job = job_new(core, entry->to, entry->from);
    job->type = PRESENCE_PROBE;
    job->from = g_strdup(entry->to);
    job_add(job);
}

static void on_watched(struct core *core, const struct uuid *user,
                       const struct change_watcher *watcher)
{
    const struct account *account = account_find(core->accounts, user);
    if (account && account->bound)
        return; /* its own server tells */
    if (account && watcher->shown)
        announce_to(core, account, watcher->jid, watcher->last_seen);
    else if (account)
        announce_unavailable_to(core, account, watcher->jid);
}

static const struct outgoing outgoing[] = {
    {.kind = "subscribe", .build = build_subscribe},
    {.kind = "subscribed", .build = build_subscribed, .sent = subscribed_sent},
    {.kind = "unsubscribe", .build = build_unsubscribe},
    {.kind = "unsubscribed", .build = build_unsubscribed},
    {0},
};

static void subscription_start(struct core *core)
{
    work.lanes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, lane_free);
    announce_start(core);
}

static void subscription_stop(struct core *core)
{
    announce_stop(core);
    g_clear_pointer(&work.lanes, g_hash_table_unref);
    work.jobs = 0;
}

static const struct stanza_handler stanzas[] = {
    {.stanza = "presence", .targets = TARGET_ANY, .fallback = on_presence},
    {0},
};

static const struct part part = {.name = "presence", .watched = on_watched};

const struct feature feature_subscription = {.name = "presence",
                                             .part = &part,
                                             .stanzas = stanzas,
                                             .outgoing = outgoing,
                                             .start = subscription_start,
                                             .stop = subscription_stop};
