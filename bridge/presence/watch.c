/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contacts' presence in; probes, questions for last activity and for capabilities out, all from one
 * paced queue. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/clock.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/feature.h"
#include "bridge/core/part.h"
#include "bridge/core/stanza_out.h"
#include "bridge/presence/caps.h"
#include "bridge/presence/hosted.h"
#include "bridge/presence/peer.h"
#include "bridge/presence/watch.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0012_last.h"
#include "xep/0203_delay.h"
#include "xep/presence.h"
#include "xep/time.h"

#define TOPIC "contact" /* on the bus */
#define TICK_MILLISECONDS 250
#define PACE_MILLISECONDS 20 /* between two questions */
#define QUESTIONS_MAX 100000 /* that wait; more are dropped, the next presence asks again */
#define PEER_QUESTIONS_MAX PEER_RESOURCES_MAX /* of them about capabilities of one contact */
#define CAPS_NODE_MAX 1023
#define CAPS_VER_MAX 64
#define LAST_TIMEOUT 30 /* seconds */

enum question_kind { ASK_PRESENCE, ASK_LAST, ASK_CAPS };

struct question {
    struct core *core;
    enum question_kind kind;
    struct uuid user;
    char *jid; /* bare; ASK_CAPS: full */
};

struct watch {
    struct core *core;
    struct peers *peers;
    GQueue questions;
    guint tick;
    guint pace; /* 0 while nobody is to be asked */
};

/* ---- Telling the user ------------------------------------------------------------------------------ */

static void tell(const struct peer *peer, void *data)
{
    struct core *core = data;
    struct account *account = account_find(core->accounts, &peer->user);
    if (!account || !account->subscribers)
        return;
    char id[UUID_TEXT_SIZE];
    uuid_format(&peer->id, id);
    g_auto(buffer) payload = BUFFER_INIT(STATUS_JSON_MAX);
    status_write(&payload, id, &peer->shown.told);
    g_autoptr(trestle_event) event = event_new(EVENT_PRESENCE, 0, clock_wall(), &payload);
    event->active = peer->shown.told.kind != STATUS_OFFLINE;
    event->parties = (struct event_parties){.actor = peer->id, .actor_number = peer->number};
    event_deliver(account, event);
}

/* ---- Questions ------------------------------------------------------------------------------------- */

static void question_free(gpointer data)
{
    struct question *question = data;
    g_free(question->jid);
    g_free(question);
}

static void ask_presence(struct core *core, const struct account *account, const char *jid)
{
    struct presence_stanza presence = {.from = account->jid, .to = jid, .type = PRESENCE_PROBE};
    g_autoptr(xmpp_stanza_t) stanza = presence_build(&presence);
    stanza_out(core, stanza);
}

static const struct part part;

static struct watch *watch_of(const struct core *core)
{
    return part_state(core, &part);
}

static void last_answered(xmpp_stanza_t *result, void *data)
{
    struct question *question = data;
    struct watch *watch = watch_of(question->core);
    const char *type = result ? stanza_attr(result, "type") : NULL;
    uint64_t seconds;
    if (watch && g_strcmp0(type, "result") == 0 && last_parse(result, &seconds) &&
        seconds < G_MAXINT32) {
        struct peer *peer = peer_find(watch->peers, &question->user, question->jid);
        gint64 at = clock_wall() - (gint64)seconds * G_USEC_PER_SEC;
        if (peer && peer->last_seen == 0)
            peer_last_seen(watch->peers, peer, at, clock_monotonic());
    }
    question_free(question);
}

/* True if QUESTION is kept for the answer. */
static bool ask_last(const struct account *account, struct question *question)
{
    g_autoptr(xmpp_stanza_t) iq = stanza_new_iq("get", NULL, account->full_jid, question->jid);
    stanza_add(iq, "query", NS_LAST);
    return stanza_ask(question->core, iq, LAST_TIMEOUT, last_answered, question);
}

static void ask_caps(struct watch *watch, const struct account *account, const char *full_jid)
{
    g_autofree char *bare = g_strndup(full_jid, strcspn(full_jid, "/"));
    struct peer *peer = peer_find(watch->peers, &account->id, bare);
    if (peer && peer->questions > 0)
        peer->questions--;
    for (guint i = 0; peer && i < peer->resources->len; i++) {
        const struct peer_resource *resource = peer->resources->pdata[i];
        if (strcmp(resource->full_jid, full_jid) == 0 && caps_is_unknown(resource))
            caps_ask(watch->core, account->full_jid, resource);
    }
}

/* Takes QUESTION. */
static void ask(struct watch *watch, struct question *question)
{
    const struct account *account = account_find(watch->core->accounts, &question->user);
    bool kept = false;
    if (account && question->kind == ASK_PRESENCE)
        ask_presence(watch->core, account, question->jid);
    else if (account && question->kind == ASK_LAST)
        kept = ask_last(account, question);
    else if (account)
        ask_caps(watch, account, question->jid);
    if (!kept)
        question_free(question);
}

static gboolean on_pace(gpointer data)
{
    struct watch *watch = data;
    const struct stanza_sink *sink = &watch->core->sinks[SERVICE_USERS];
    if (watch->questions.length > 0 && sink->ready(sink->link)) {
        ask(watch, g_queue_pop_head(&watch->questions));
        return G_SOURCE_CONTINUE;
    }
    watch->pace = 0; /* when the link is up again, all is asked anew */
    return G_SOURCE_REMOVE;
}

static bool enqueue(struct watch *watch, enum question_kind kind, const struct uuid *user,
                    const char *jid)
{
    if (watch->questions.length >= QUESTIONS_MAX)
        return false;
    struct question *question = g_new0(struct question, 1);
    *question = (struct question){watch->core, kind, *user, g_strdup(jid)};
    g_queue_push_tail(&watch->questions, question);
    if (watch->pace == 0)
        watch->pace = g_timeout_add(PACE_MILLISECONDS, on_pace, watch);
    return true;
}

/* Whoever shows other capabilities all the time waits for the next turn; others must not wait for
 * that. */
static void enqueue_caps(struct watch *watch, struct peer *peer,
                         const struct peer_resource *resource)
{
    if (peer->questions < PEER_QUESTIONS_MAX && caps_is_unknown(resource))
        peer->questions += enqueue(watch, ASK_CAPS, &peer->user, resource->full_jid);
}

/* ---- What is watched ------------------------------------------------------------------------------- */

void watch_add(struct core *core, const struct account *account,
               const struct watch_contact *contact)
{
    struct watch *watch = watch_of(core);
    if (peer_find(watch->peers, &account->id, contact->jid))
        return;
    if (peer_watch(watch->peers, &account->id, contact->jid, contact->id, contact->number))
        enqueue(watch, ASK_PRESENCE, &account->id, contact->jid);
}

void watch_remove(struct core *core, const struct uuid *user, const char *jid)
{
    peer_unwatch(watch_of(core)->peers, user, jid, true);
}

void watch_remove_all(struct core *core, const struct uuid *user)
{
    peers_unwatch_all(watch_of(core)->peers, user);
}

bool watch_status(const struct core *core, const struct uuid *user, const char *jid,
                  struct status *ret_status)
{
    const struct peer *peer = peer_find(watch_of(core)->peers, user, jid);
    if (peer)
        *ret_status = peer->shown.now;
    return peer != NULL;
}

struct wanted {
    const char *feature;
    void (*each)(const char *full_jid, void *data);
    void *data;
};

static void tell_resources(struct peer *peer, void *data)
{
    const struct wanted *wanted = data;
    for (guint i = 0; i < peer->resources->len; i++) {
        const struct peer_resource *resource = peer->resources->pdata[i];
        if (!wanted->feature || caps_has(resource, wanted->feature))
            wanted->each(resource->full_jid, wanted->data);
    }
}

void presence_resources(const struct core *core, const struct uuid *user, const char *peer,
                        const char *feature, void (*each)(const char *full_jid, void *data),
                        void *data)
{
    struct wanted wanted = {feature, each, data};
    struct peer *one = peer ? peer_find(watch_of(core)->peers, user, peer) : NULL;
    if (one)
        tell_resources(one, &wanted);
    else if (!peer)
        peers_foreach(watch_of(core)->peers, user, tell_resources, &wanted);
}

/* ---- Stanzas --------------------------------------------------------------------------------------- */

/* What a contact's server told a hosted user. */
struct sighting {
    const char *user; /* bare JIDs */
    const char *contact;
    struct peer_resource resource; /* full_jid is who it is about; the rest if available */
    bool available;
    gint64 at; /* available: idle since; else when it left, -1: a moment ago if it was there; 0:
                * unknown, and not to be asked for */
};

/* True if the user watches the contact here. */
static bool see(struct core *core, const struct sighting *sighting)
{
    struct watch *watch = watch_of(core);
    const struct account *account = account_find_jid(core->accounts, sighting->user);
    struct peer *peer = account ? peer_find(watch->peers, &account->id, sighting->contact) : NULL;
    gint64 now = clock_monotonic();
    if (!peer)
        return false;
    if (sighting->available) {
        peer_available(watch->peers, peer, &sighting->resource, sighting->at, now);
        enqueue_caps(watch, peer, &sighting->resource);
        return true;
    }
    bool first = !peer->known;
    gint64 left = peer->resources->len > 0 ? clock_wall() : 0;
    peer_unavailable(watch->peers, peer, sighting->resource.full_jid,
                     sighting->at >= 0 ? sighting->at : left, now);
    if (first && peer->last_seen == 0 && sighting->at != 0)
        enqueue(watch, ASK_LAST, &peer->user, peer->jid);
    return true;
}

/* The user may have sockets at another instance. */
static void pass_on(struct core *core, const struct sighting *sighting)
{
    const struct peer_resource *resource = &sighting->resource;
    if (bus_is_heard(core))
        bus_publish(core, TOPIC,
                    json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:s?, s:s?, s:I}", "user",
                              sighting->user, "contact", sighting->contact, "full_jid",
                              resource->full_jid, "available", sighting->available, "away",
                              resource->away, "in_call", resource->in_call, "node",
                              resource->caps_node, "ver", resource->caps_ver, "at",
                              (json_int_t)sighting->at));
}

static char *member(const json_t *message, const char *name)
{
    return (char *)(guintptr)json_string_value(json_object_get(message, name));
}

static void seen_by_another(struct core *core, const json_t *message, void *data)
{
    (void)data;
    struct sighting sighting = {
        .user = member(message, "user"),
        .contact = member(message, "contact"),
        .resource = {.full_jid = member(message, "full_jid"),
                     .away = json_is_true(json_object_get(message, "away")),
                     .in_call = json_is_true(json_object_get(message, "in_call")),
                     .caps_node = member(message, "node"),
                     .caps_ver = member(message, "ver")},
        .available = json_is_true(json_object_get(message, "available")),
        .at = json_integer_value(json_object_get(message, "at"))};
    if (!sighting.resource.caps_node || !sighting.resource.caps_ver)
        sighting.resource.caps_node = sighting.resource.caps_ver = NULL;
    if (watch_of(core) && sighting.user && sighting.contact && sighting.resource.full_jid)
        see(core, &sighting);
}

static bool has_usable_caps(const struct caps *caps)
{
    return caps->ver && strcmp(caps->hash, "sha-1") == 0 && strlen(caps->ver) <= CAPS_VER_MAX &&
           strlen(caps->node) <= CAPS_NODE_MAX;
}

static void sight(const struct stanza_context *context, struct sighting *sighting)
{
    struct core *core = context->data;
    sighting->user = context->to_bare;
    sighting->contact = context->from_bare;
    sighting->resource.full_jid = (char *)(guintptr)context->from;
    if (!see(core, sighting))
        pass_on(core, sighting);
}

static bool on_available(const struct stanza_context *context)
{
    struct presence_stanza presence;
    if (!presence_parse(context->stanza, &presence))
        return true;
    bool usable = has_usable_caps(&presence.caps);
    struct sighting sighting = {
        .resource = {.away =
                         presence.show == PRESENCE_SHOW_AWAY || presence.show == PRESENCE_SHOW_XA,
                     .in_call = presence.in_call,
                     .caps_node = usable ? (char *)(guintptr)presence.caps.node : NULL,
                     .caps_ver = usable ? (char *)(guintptr)presence.caps.ver : NULL},
        .available = true,
        .at = presence.idle_since_us >= XEP_TIME_EARLIEST && presence.idle_since_us < clock_wall()
                  ? presence.idle_since_us
                  : 0};
    sight(context, &sighting);
    return true;
}

static bool on_unavailable(const struct stanza_context *context)
{
    struct sighting sighting = {.at = -1};
    const char *at = strchr(context->from_bare, '@');
    const char *const by[] = {at ? at + 1 : context->from_bare, context->from_bare, context->from,
                              "", NULL};
    delay_choose(context->stanza, by, clock_wall(), &sighting.at);
    sight(context, &sighting);
    return true;
}

/* The user's presence came back: whom it cannot reach is not there. What they granted each other
 * stays. */
static bool on_error(const struct stanza_context *context)
{
    struct sighting sighting = {.at = 0};
    sight(context, &sighting);
    return true;
}

/* ---- The link, start and stop ---------------------------------------------------------------------- */

static void ask_again(struct peer *peer, void *data)
{
    enqueue(data, ASK_PRESENCE, &peer->user, peer->jid);
}

static void link_up(struct core *core)
{
    peers_foreach(watch_of(core)->peers, NULL, ask_again, watch_of(core));
}

static void forget_questions(struct peer *peer, void *data)
{
    (void)data;
    peer->questions = 0;
}

static void link_down(struct core *core)
{
    g_queue_clear_full(&watch_of(core)->questions, question_free);
    peers_foreach(watch_of(core)->peers, NULL, forget_questions, NULL);
    peers_unknown(watch_of(core)->peers, clock_monotonic());
}

static gboolean on_tick(gpointer data)
{
    struct watch *watch = data;
    peers_advance(watch->peers, clock_monotonic());
    return G_SOURCE_CONTINUE;
}

static void start(struct core *core)
{
    struct watch *watch = g_new0(struct watch, 1);
    watch->core = core;
    watch->peers = peers_new(tell, core, clock_monotonic());
    g_queue_init(&watch->questions);
    watch->tick = g_timeout_add(TICK_MILLISECONDS, on_tick, watch);
    caps_start();
    part_add(core, &part, watch);
    bus_subscribe(core, TOPIC, seen_by_another, NULL);
}

static void stop(struct core *core)
{
    struct watch *watch = part_remove(core, &part);
    g_source_remove(watch->tick);
    if (watch->pace)
        g_source_remove(watch->pace);
    g_queue_clear_full(&watch->questions, question_free);
    peers_free(watch->peers);
    caps_stop();
    g_free(watch);
}

static const struct part part = {.name = "watch", .link_up = link_up, .link_down = link_down};

static const struct stanza_handler stanzas[] = {
    {"presence", "available", NULL, NULL, TARGET_USER | TARGET_RESOURCE, .fallback = on_available},
    {"presence", "unavailable", NULL, NULL, TARGET_USER | TARGET_RESOURCE,
     .fallback = on_unavailable},
    {"presence", "error", NULL, NULL, TARGET_USER | TARGET_RESOURCE, .fallback = on_error},
    {0},
};

const struct feature feature_watch = {
    .name = "watch", .stanzas = stanzas, .part = &part, .start = start, .stop = stop};
