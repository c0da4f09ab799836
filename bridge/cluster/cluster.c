/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who has the lease sends the outbox. With links=one it alone has the links, too; the others hand
 * it what else they have to say, over the bus. The link of the rooms is the holder's in any case.
 */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/cluster/ask.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/cluster.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/cluster/fanout.h"
#include "bridge/cluster/lease.h"
#include "bridge/cluster/notice.h"
#include "bridge/core/core.h"
#include "bridge/core/outbox.h"
#include "bridge/core/part.h"
#include "bridge/loop/redis.h"
#include "bridge/xmpp/link.h"
#include "bridge/xmpp/link_ping.h"
#include "xep/stanza.h"
#include "xep/stanza_text.h"
#include "xep/stream_reader.h"

#define LEASE "link"
#define TOPIC_STANZA "stanza" /* to be sent by the holder */
#define TOPIC_ANSWER "answer" /* an IQ answer that came to the wrong link */
#define TOPIC_LINK "link"     /* whether the sender's link may be used */
#define TICK_MILLISECONDS 500
#define USELESS (8 * G_USEC_PER_SEC)      /* a holder without a link lets others try after that */
#define USELESS_PAUSE 10                  /* seconds */
#define WAIT_TO_JOIN (2 * G_USEC_PER_SEC) /* for others to make room for this instance's link */
#define ROOM_FOR (10 * G_USEC_PER_SEC)    /* that long is a place kept for one that has just come */
#define SPARES_MAX 16
#define LEFTOVER                                                                                   \
    (3 * G_USEC_PER_SEC) /* what the server sent before it took another link is read               \
                          */

/* The way out of one service. */
struct way {
    struct cluster *cluster;
    enum service service;
    struct link *link;  /* NULL: this installation does not have the service */
    bool durable;       /* as was last told */
    GHashTable *usable; /* char *: other instances whose link stanzas may be handed to */
};

struct cluster {
    struct core *core;
    struct way ways[SERVICE_MAX];
    struct redis *redis;
    struct lease *lease;
    GHashTable *linked; /* char * → gint64 *: others that have a link (0), or came then */
    struct link_callbacks callbacks;
    void *callbacks_data;
    void (*reached)(struct core *core);
    struct link *spares[SPARES_MAX]; /* in the places of instances that are away */
    unsigned spare_count;
    gint64 started;
    bool each;
    gint64 since; /* when lease or link last changed */
    bool leaving;
    guint timer;
};

/* ---- Redis and the bus ----------------------------------------------------------------------- */

static bool transport_publish(void *data, const char *bytes, size_t length)
{
    struct cluster *cluster = data;
    return redis_publish(cluster->redis, bytes, length);
}

static void transport_reset(void *data)
{
    struct cluster *cluster = data;
    redis_reset(cluster->redis);
}

static void redis_up(void *data)
{
    struct cluster *cluster = data;
    bus_up(cluster->core);
}

static void redis_down(void *data)
{
    struct cluster *cluster = data;
    bus_down(cluster->core);
}

static void redis_message(const char *bytes, size_t length, void *data)
{
    struct cluster *cluster = data;
    bus_received(cluster->core, bytes, length);
}

bool cluster_is_connected(const struct cluster *cluster)
{
    return !cluster || redis_is_up(cluster->redis);
}

/* ---- Which way out --------------------------------------------------------------------------- */

static bool way_is_up(const struct way *way)
{
    return way->link && link_is_up(way->link);
}

static bool may_use_link(const struct way *way)
{
    const struct cluster *cluster = way->cluster;
    bool own = cluster->each && way->service == SERVICE_USERS;
    return way_is_up(way) && (own || lease_is_held(cluster->lease));
}

static bool may_hand_over(const struct way *way)
{
    return bus_is_up(way->cluster->core) && g_hash_table_size(way->usable) > 0;
}

bool cluster_reaches_server(const struct cluster *cluster, enum service service)
{
    const struct way *way = &cluster->ways[service];
    return may_use_link(way) || may_hand_over(way);
}

/* Without the bus nothing can be handed over, but what is in the outbox is sent by the holder. */
bool cluster_has_link(const struct cluster *cluster)
{
    return cluster_reaches_server(cluster, SERVICE_USERS) ||
           (!bus_is_up(cluster->core) && lease_is_useful(cluster->lease));
}

static bool sink_ready(void *data)
{
    const struct way *way = data;
    return may_use_link(way) || may_hand_over(way);
}

static bool sink_durable(void *data)
{
    const struct way *way = data;
    return way_is_up(way) && lease_is_held(way->cluster->lease) && !way->cluster->leaving;
}

/* Hands over what the own link does not take. */
static enum sink_result sink_otherwise(struct way *way, xmpp_stanza_t *stanza)
{
    if (!link_may_send(way->link, stanza))
        return SINK_NEVER;
    if (may_use_link(way) || !may_hand_over(way))
        return SINK_LATER;
    size_t length = 0;
    g_autofree char *xml = stanza_to_link_text(stanza, &length);
    bool sent =
        bus_publish(way->cluster->core, TOPIC_STANZA,
                    json_pack("{s:s%, s:i}", "xml", xml, length, "service", (int)way->service));
    metric_add(METRIC_BUS_STANZAS, sent);
    return sent ? SINK_SENT : SINK_LATER;
}

static enum sink_result sink_send(void *data, xmpp_stanza_t *stanza)
{
    struct way *way = data;
    if (may_use_link(way) && link_send(way->link, stanza))
        return SINK_SENT;
    return sink_otherwise(way, stanza);
}

static enum sink_result sink_copy(void *data, xmpp_stanza_t *stanza)
{
    struct way *way = data;
    if (may_use_link(way) && link_send_copy(way->link, stanza))
        return SINK_SENT;
    return sink_otherwise(way, stanza);
}

static bool sink_barrier(void *data, void (*done)(bool delivered, void *data), void *done_data)
{
    struct way *way = data;
    return link_barrier(way->link, done, done_data);
}

static bool sink_may_ask(void *data)
{
    const struct way *way = data;
    return link_is_up(way->link);
}

static bool sink_ask(void *data, xmpp_stanza_t *iq, unsigned seconds, stanza_answer answer,
                     void *answer_data)
{
    struct way *way = data;
    return link_request(way->link, iq, seconds, answer, answer_data);
}

static void on_stanza(struct core *core, const json_t *message, void *data)
{
    struct cluster *cluster = data;
    const json_t *xml = json_object_get(message, "xml");
    json_int_t service = json_integer_value(json_object_get(message, "service"));
    (void)core;
    if (!json_is_string(xml) || service < 0 || service >= SERVICE_MAX)
        return;
    struct way *way = &cluster->ways[service];
    if (sink_durable(way))
        link_send_text(way->link, json_string_value(xml), json_string_length(xml));
}

/* ---- Answers that came to the wrong link ----------------------------------------------------- */

void cluster_unclaimed(struct cluster *cluster, xmpp_stanza_t *result)
{
    size_t length = 0;
    if (!cluster || !cluster->each || link_offer(cluster->ways[SERVICE_USERS].link, result) ||
        bus_others(cluster->core) == 0)
        return;
    g_autofree char *xml = stanza_to_link_text(result, &length);
    bus_publish(cluster->core, TOPIC_ANSWER, json_pack("{s:s%}", "xml", xml, length));
}

static void text_opened(const char *id, const char *from, void *data)
{
    (void)id;
    (void)from;
    (void)data;
}

static void text_stanza(xmpp_stanza_t *stanza, void *data)
{
    struct cluster *cluster = data;
    link_offer(cluster->ways[SERVICE_USERS].link, stanza);
}

static void text_over_limit(const struct stream_header *header, enum stream_limit limit, void *data)
{
    (void)header;
    (void)limit;
    (void)data;
}

static void text_closed(void *data)
{
    (void)data;
}

static void text_failed(enum stream_failure failure, const char *text, void *data)
{
    (void)failure;
    (void)text;
    (void)data;
}

static void on_answer(struct core *core, const json_t *message, void *data)
{
    struct cluster *cluster = data;
    const json_t *xml = json_object_get(message, "xml");
    static const char head[] = "<stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "'>";
    static const struct stream_callbacks callbacks = {text_opened, text_stanza, text_over_limit,
                                                      text_closed, text_failed};
    const struct stream_limits limits = STREAM_LIMITS_DEFAULT;
    (void)core;
    if (!json_is_string(xml))
        return;
    struct stream_reader *reader = stream_reader_new(&limits, &callbacks, cluster);
    stream_reader_feed(reader, head, sizeof head - 1);
    stream_reader_feed(reader, json_string_value(xml), json_string_length(xml));
    stream_reader_free(reader);
}

/* ---- Who has a link -------------------------------------------------------------------------- */

static void tell_link(const struct cluster *cluster)
{
    const struct way *users = &cluster->ways[SERVICE_USERS];
    bus_publish(cluster->core, TOPIC_LINK,
                json_pack("{s:b, s:b, s:b}", "usable", users->durable, "up", way_is_up(users),
                          "rooms", cluster->ways[SERVICE_ROOMS].durable));
}

static void note_link(struct cluster *cluster, const char *instance, gint64 since)
{
    g_hash_table_insert(cluster->linked, g_strdup(instance), g_memdup2(&since, sizeof since));
}

/* True: it is usable, and was not. */
static bool note_usable(struct way *way, const char *instance, bool usable)
{
    if (usable)
        return g_hash_table_add(way->usable, g_strdup(instance));
    g_hash_table_remove(way->usable, instance);
    return false;
}

static void on_link(struct core *core, const json_t *message, void *data)
{
    struct cluster *cluster = data;
    struct way *users = &cluster->ways[SERVICE_USERS];
    const gint64 *known = g_hash_table_lookup(cluster->linked, bus_sender(core));
    if (json_is_true(json_object_get(message, "up")))
        note_link(cluster, bus_sender(core), 0);
    else if (known && *known == 0)
        g_hash_table_remove(cluster->linked, bus_sender(core));
    note_usable(&cluster->ways[SERVICE_ROOMS], bus_sender(core),
                json_is_true(json_object_get(message, "rooms")));
    bool news =
        note_usable(users, bus_sender(core), json_is_true(json_object_get(message, "usable")));
    /* What contacts see of this instance's users went with the old link. */
    if (news && !way_is_up(users))
        cluster->reached(core);
}

/* ---- Places of instances that are away ------------------------------------------------------- */

static void spare_up(void *data)
{
    (void)data;
}

static void spare_down(void *data)
{
    (void)data;
}

/* Whether this instance is the first, by name, of those that have a link, and so the one that fills
 * places. Those that have just come count: they are about to have one. */
static bool is_first(const struct cluster *cluster, unsigned *ret_taken)
{
    GHashTableIter iter;
    gpointer name, since;
    bool first = cluster->each && !cluster->leaving && way_is_up(&cluster->ways[SERVICE_USERS]);
    g_hash_table_iter_init(&iter, cluster->linked);
    while (g_hash_table_iter_next(&iter, &name, &since)) {
        gint64 came = *(gint64 *)since;
        *ret_taken += came == 0 || clock_monotonic() - came < ROOM_FOR;
        first = first && (came != 0 || strcmp(bus_instance(cluster->core), name) < 0);
    }
    return first;
}

/* ejabberd drops without a word what falls to a place where nobody is. */
static void fill_places(struct cluster *cluster)
{
    unsigned places = (unsigned)cluster->core->options->xmpp_link_places;
    unsigned taken = 1;
    bool ours = is_first(cluster, &taken) && places > taken;
    unsigned wanted = ours ? MIN(places - taken, SPARES_MAX) : 0;
    if (!bus_is_up(cluster->core) && !cluster->leaving)
        return; /* who is there is not known now */
    while (cluster->spare_count > wanted)
        link_free(cluster->spares[--cluster->spare_count]);
    while (cluster->spare_count < wanted) {
        struct link_callbacks callbacks = cluster->callbacks;
        callbacks.up = spare_up;
        callbacks.down = spare_down;
        callbacks.forbidden = false;
        callbacks.spare = true;
        cluster->spares[cluster->spare_count++] =
            link_new(cluster->core->options, &callbacks, cluster->callbacks_data);
    }
    metric_set(METRIC_LINK_SPARES, cluster->spare_count);
}

static void on_instance(struct core *core, const char *instance, bool here, void *data)
{
    struct cluster *cluster = data;
    (void)core;
    if (here) {
        if (!g_hash_table_contains(cluster->linked, instance))
            note_link(cluster, instance, clock_monotonic());
        fill_places(cluster);
        tell_link(cluster);
        return;
    }
    for (enum service service = SERVICE_USERS; service < SERVICE_MAX; service++)
        note_usable(&cluster->ways[service], instance, false);
    g_hash_table_remove(cluster->linked, instance);
    fill_places(cluster);
    lease_hurry(cluster->lease);
}

/* ---- The lease ------------------------------------------------------------------------------- */

/* Whether it is otherwise now. */
static bool review_way(struct way *way)
{
    bool durable = sink_durable(way);
    bool changed = durable != way->durable;
    way->durable = durable;
    if (way->service == SERVICE_USERS)
        lease_note_use(way->cluster->lease, durable);
    struct outbox *outbox = way->cluster->core->outbox;
    if (changed && durable) {
        outbox_fence(outbox, lease_epoch(way->cluster->lease));
        outbox_link_up(outbox, way->service);
        if (way->service == SERVICE_ROOMS)
            PARTS_TELL(way->cluster->core, rooms_up, way->cluster->core);
    } else if (changed) {
        outbox_link_down(outbox, way->service, link_ended_in_order(way->link));
    }
    return changed;
}

static void link_review(struct cluster *cluster)
{
    bool changed = false;
    metric_set(METRIC_LEASE_HELD, lease_is_held(cluster->lease));
    for (enum service service = SERVICE_USERS; service < SERVICE_MAX; service++)
        changed |= review_way(&cluster->ways[service]);
    if (changed)
        tell_link(cluster);
    fill_places(cluster);
}

/* The links that only the holder has. */
static void allow_links(struct cluster *cluster, bool allowed)
{
    for (enum service service = SERVICE_USERS; service < SERVICE_MAX; service++) {
        bool own = cluster->each && service == SERVICE_USERS;
        if (cluster->ways[service].link && !own)
            link_allow(cluster->ways[service].link, allowed);
    }
}

static void lease_gained(void *data)
{
    struct cluster *cluster = data;
    cluster->since = clock_monotonic();
    allow_links(cluster, !cluster->leaving);
    link_review(cluster);
}

/* The connection is left alone: what the server has sent over it is still to be read. */
static void lease_lost(void *data)
{
    struct cluster *cluster = data;
    cluster->since = clock_monotonic();
    link_review(cluster);
    allow_links(cluster, false);
}

void cluster_link_changed(struct cluster *cluster)
{
    if (!cluster || !cluster->lease)
        return;
    cluster->since = clock_monotonic();
    link_review(cluster);
    tell_link(cluster);
}

/* What belongs to the holder, and this instance is not the holder any more. */
static void drop_leftover(struct cluster *cluster)
{
    for (enum service service = SERVICE_USERS; service < SERVICE_MAX; service++) {
        bool own = cluster->each && service == SERVICE_USERS;
        if (!own && way_is_up(&cluster->ways[service]))
            link_drop(cluster->ways[service].link);
    }
}

static gboolean on_tick(gpointer data)
{
    struct cluster *cluster = data;
    const struct way *users = &cluster->ways[SERVICE_USERS];
    bool held = lease_is_held(cluster->lease);
    gint64 unchanged = clock_monotonic() - cluster->since;
    link_review(cluster);
    if (cluster->each && !cluster->leaving && clock_monotonic() - cluster->started > WAIT_TO_JOIN)
        link_allow(users->link, true);
    if (!held && unchanged > LEFTOVER && archive_is_up(cluster->core->archive))
        drop_leftover(cluster);
    if (held && !way_is_up(users) && unchanged > USELESS && bus_others(cluster->core) > 0)
        lease_yield(cluster->lease, USELESS_PAUSE);
    return G_SOURCE_CONTINUE;
}

/* ---- Start and stop -------------------------------------------------------------------------- */

void cluster_archive_up(struct cluster *cluster, const struct log_state *log)
{
    if (!cluster)
        return;
    if (log->change != LOG_SAME && cluster->lease)
        lease_start_anew(cluster->lease);
    g_autofree char *channel = g_strconcat("trestle:", cluster->core->epoch, NULL);
    fanout_archive_up(cluster->core, log->position, log->change == LOG_OTHER);
    redis_choose(cluster->redis, channel);
}

struct cluster *cluster_new(struct core *core, void (*reached)(struct core *core))
{
    const char *url = core->options->cluster_redis;
    if (!url || !*url)
        return NULL;
    struct cluster *cluster = g_new0(struct cluster, 1);
    struct redis_callbacks callbacks = {redis_up, redis_down, redis_message};
    struct bus_transport transport = {cluster, transport_publish, transport_reset};
    cluster->core = core;
    cluster->reached = reached;
    cluster->each = strcmp(core->options->xmpp_links, "each") == 0;
    cluster->redis = redis_new(url, &callbacks, cluster);
    for (enum service service = SERVICE_USERS; service < SERVICE_MAX; service++) {
        GHashTable *usable = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        cluster->ways[service] =
            (struct way){.cluster = cluster, .service = service, .usable = usable};
    }
    cluster->linked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    bus_init(core, &transport);
    notices_start(core);
    fanout_init(core);
    ask_init(core);
    elsewhere_init(core);
    log_info(AREA_MAIN, "cluster", "instance=%s links=%s", bus_instance(core),
             core->options->xmpp_links);
    return cluster;
}

void cluster_prepare_link(struct cluster *cluster, struct link_callbacks *callbacks, void *data)
{
    if (!cluster)
        return;
    callbacks->forbidden = true;
    if (callbacks->service != SERVICE_USERS)
        return;
    callbacks->shared = cluster->each;
    cluster->callbacks = *callbacks;
    cluster->callbacks_data = data;
}

void cluster_start(struct cluster *cluster, struct link *const *links)
{
    if (!cluster)
        return;
    struct core *core = cluster->core;
    struct lease_callbacks callbacks = {lease_gained, lease_lost};
    for (enum service service = SERVICE_USERS; service < SERVICE_MAX; service++) {
        struct way *way = &cluster->ways[service];
        way->link = links[service];
        if (way->link)
            core->sinks[service] = (struct stanza_sink){.link = way,
                                                        .ready = sink_ready,
                                                        .send = sink_send,
                                                        .copy = sink_copy,
                                                        .barrier = sink_barrier,
                                                        .durable = sink_durable,
                                                        .may_ask = sink_may_ask,
                                                        .ask = sink_ask};
    }
    cluster->since = cluster->started = clock_monotonic();
    cluster->lease = lease_new(core, LEASE, &callbacks, cluster);
    cluster->timer = g_timeout_add(TICK_MILLISECONDS, on_tick, cluster);
    bus_subscribe(core, TOPIC_STANZA, on_stanza, cluster);
    bus_subscribe(core, TOPIC_ANSWER, on_answer, cluster);
    bus_subscribe(core, TOPIC_LINK, on_link, cluster);
    bus_watch_instances(core, on_instance, cluster);
}

void cluster_leave(struct cluster *cluster)
{
    if (!cluster || cluster->leaving)
        return;
    cluster->leaving = true;
    link_review(cluster); /* closes the spares, too */
    for (enum service service = SERVICE_USERS; service < SERVICE_MAX; service++) {
        struct link *link = cluster->ways[service].link;
        if (!link)
            continue;
        link_allow(link, false);
        link_drop(link); /* what the server has sent is still taken in */
    }
    lease_yield(cluster->lease, 3600);
    bus_leave(cluster->core);
}

void cluster_free(struct cluster *cluster)
{
    if (!cluster)
        return;
    if (cluster->timer)
        g_source_remove(cluster->timer);
    while (cluster->spare_count > 0)
        link_free(cluster->spares[--cluster->spare_count]);
    lease_free(cluster->lease);
    redis_free(cluster->redis);
    notices_stop(cluster->core);
    fanout_clear(cluster->core);
    ask_clear(cluster->core);
    elsewhere_clear(cluster->core);
    bus_clear(cluster->core);
    for (enum service service = SERVICE_USERS; service < SERVICE_MAX; service++)
        g_hash_table_unref(cluster->ways[service].usable);
    g_hash_table_unref(cluster->linked);
    g_free(cluster);
}
