/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads wait in two queues: until the primary has said how far they must see, and until a
 * connection to the standby has shown that it sees so far. Positions in the write-ahead log only
 * grow, in both queues and at the standby. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive_part.h"
#include "bridge/archive/migrate.h"
#include "bridge/archive/replica.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"

#define WAITING_MAX 1024 /* reads in both queues; the primary gets what is more */
#define LOOK_AGAIN 5     /* milliseconds until a standby that is behind is asked anew */
#define ASK_INTERVAL (G_USEC_PER_SEC / 2)
#define WATCH_INTERVAL (5 * G_USEC_PER_SEC)

/* One connection. Servers behind one URI may differ: each knows of itself. */
struct follower {
    struct replica *replica;
    struct pq_connection *connection;
    bool admitted;    /* a standby of the log that is written */
    bool asking;      /* for its state, or how far it is */
    gint64 asked;     /* clock_monotonic */
    guint64 replayed; /* as it last said */
};

struct replica {
    struct replica_callbacks callbacks;
    void *data;
    struct follower *followers;
    unsigned count;
    const char *epoch; /* borrowed; NULL: unknown */
    GQueue fresh;      /* struct read *, taken in this turn */
    GQueue asked;      /* struct read *, that the question under way is for */
    GQueue parked;     /* struct read *, with their floor */
    bool questioning;  /* the primary is being asked */
    bool told_behind;
    guint64 missed; /* a floor that was not reached in time; 0: none */
    guint timer;    /* to look again, or to end what has waited too long */
};

static const bool fitting[QUERY_MAX] = {
#define TRESTLE_REPLICA_QUERY(symbol) [QUERY_##symbol] = true,
#include "bridge/archive/replica_query.def"
};

static void parked_send(struct replica *replica);

static void read_give_back(struct replica *replica, struct read *read, const char *reason)
{
    read->primary = true;
    metric_add_of(METRIC_REPLICA_GIVEN_BACK, reason, 1);
    replica->callbacks.give_back(read, replica->data);
}

static void queue_give_back(struct replica *replica, GQueue *queue, const char *reason)
{
    struct read *read;
    while ((read = g_queue_pop_head(queue)))
        read_give_back(replica, read, reason);
}

/* ---- Running --------------------------------------------------------------------------------- */

/* Whatever goes wrong at the standby, the primary has the last word. */
static void read_ran(PGresult *result, void *data)
{
    struct read *read = data;
    if (result && archive_result_error(result) == ERROR_NONE) {
        read_finish(read, result, ERROR_NONE);
        return;
    }
    read_give_back(read->replica, read, result ? "refused" : "lost");
}

static struct follower *follower_for(const struct replica *replica, guint64 floor)
{
    struct follower *best = NULL;
    unsigned least = READ_PIPELINE;
    for (unsigned i = 0; i < replica->count; i++) {
        struct follower *follower = &replica->followers[i];
        if (follower->admitted && follower->replayed >= floor &&
            pq_connection_is_ready(follower->connection) &&
            pq_connection_running(follower->connection) < least) {
            best = follower;
            least = pq_connection_running(follower->connection);
        }
    }
    return best;
}

static void follower_ask(struct follower *follower, enum query query, pq_done done)
{
    static const struct pq_values none;
    follower->asked = clock_monotonic();
    follower->asking = pq_connection_send(follower->connection, (int)query, &none, done, follower);
}

static void replica_note(struct replica *replica)
{
    unsigned admitted = 0;
    for (unsigned i = 0; i < replica->count; i++)
        admitted += replica->followers[i].admitted;
    metric_set(METRIC_REPLICA_CONNECTIONS, admitted);
}

static void follower_leave(struct follower *follower, const char *reason)
{
    follower->admitted = false;
    pq_connection_leave(follower->connection, reason);
    replica_note(follower->replica);
}

static void replayed_read(PGresult *result, void *data)
{
    struct follower *follower = data;
    struct replica *replica = follower->replica;
    follower->asking = false;
    if (!result || archive_result_error(result) != ERROR_NONE || PQntuples(result) != 1)
        return;
    if (PQgetisnull(result, 0, WAL_REPLAYED_REPLAYED)) {
        follower_leave(follower, "the replica is no standby any more");
        return;
    }
    follower->replayed = g_ascii_strtoull(PQgetvalue(result, 0, WAL_REPLAYED_REPLAYED), NULL, 10);
    if (replica->missed > 0 && follower->replayed >= replica->missed) {
        replica->missed = 0;
        replica->told_behind = false;
        metric_set(METRIC_REPLICA_BEHIND, 0);
        log_info(AREA_ARCHIVE, "replica-caught-up", NULL);
    }
    parked_send(replica);
}

/* Those that are not far enough, as far as is known, are asked how far they are. */
static void followers_ask(struct replica *replica, guint64 floor)
{
    for (unsigned i = 0; i < replica->count; i++) {
        struct follower *follower = &replica->followers[i];
        bool due = follower->asked == 0 || clock_monotonic() - follower->asked >= LOOK_AGAIN * 1000;
        if (follower->admitted && !follower->asking && due && follower->replayed < floor)
            follower_ask(follower, QUERY_WAL_REPLAYED, replayed_read);
    }
}

/* Whether a connection is far enough for FLOOR, busy or not. */
static bool is_reached(const struct replica *replica, guint64 floor)
{
    for (unsigned i = 0; i < replica->count; i++) {
        if (replica->followers[i].admitted && replica->followers[i].replayed >= floor)
            return true;
    }
    return false;
}

static void parked_end(struct replica *replica)
{
    const struct read *first = replica->parked.head->data;
    const struct read *last = replica->parked.tail->data;
    if (is_reached(replica, first->floor)) {
        queue_give_back(replica, &replica->parked, "busy");
        return;
    }
    replica->missed = last->floor;
    metric_set(METRIC_REPLICA_BEHIND, 1);
    if (!replica->told_behind)
        log_warning(AREA_ARCHIVE, "replica-behind", "waited_ms=%" G_GINT64_FORMAT,
                    (clock_monotonic() - first->taken) / 1000);
    replica->told_behind = true;
    queue_give_back(replica, &replica->parked, "behind");
}

static gboolean on_timer(gpointer data)
{
    struct replica *replica = data;
    replica->timer = 0;
    parked_send(replica);
    return G_SOURCE_REMOVE;
}

static void parked_send(struct replica *replica)
{
    struct read *read;
    while ((read = g_queue_peek_head(&replica->parked))) {
        struct follower *follower = follower_for(replica, read->floor);
        if (!follower || !read_send(read, follower->connection, read_ran))
            break;
        metric_add(METRIC_REPLICA_READS, 1);
        g_queue_pop_head(&replica->parked);
    }
    if (!read)
        return;
    if (clock_monotonic() - read->taken >= REPLICA_PATIENCE) {
        parked_end(replica);
        return;
    }
    followers_ask(replica, ((struct read *)replica->parked.tail->data)->floor);
    if (replica->timer == 0)
        replica->timer = g_timeout_add(LOOK_AGAIN, on_timer, replica);
}

/* ---- How far a read must see ----------------------------------------------------------------- */

static void flushed_read(PGresult *result, void *data)
{
    struct replica *replica = data;
    struct read *read;
    replica->questioning = false;
    if (!result || archive_result_error(result) != ERROR_NONE || PQntuples(result) != 1) {
        queue_give_back(replica, &replica->asked, "unknown");
        queue_give_back(replica, &replica->fresh, "unknown");
        return;
    }
    guint64 floor = g_ascii_strtoull(PQgetvalue(result, 0, WAL_FLUSHED_FLUSHED), NULL, 10);
    while ((read = g_queue_pop_head(&replica->asked))) {
        read->floor = floor;
        g_queue_push_tail(&replica->parked, read);
    }
    parked_send(replica);
    replica_flush(replica);
}

void replica_flush(struct replica *replica)
{
    static const struct pq_values none;
    if (!replica || replica->fresh.length == 0 || replica->questioning)
        return;
    struct pq_connection *primary = replica->callbacks.primary(replica->data);
    replica->asked = replica->fresh;
    g_queue_init(&replica->fresh);
    replica->questioning =
        primary && pq_connection_send(primary, QUERY_WAL_FLUSHED, &none, flushed_read, replica);
    if (!replica->questioning)
        queue_give_back(replica, &replica->asked, "unknown");
}

bool replica_take(struct replica *replica, struct read *read)
{
    if (!replica || read->primary || !fitting[read->query] || replica->missed > 0 ||
        replica->fresh.length + replica->asked.length + replica->parked.length >= WAITING_MAX ||
        !replica_is_up(replica))
        return false;
    read->replica = replica;
    read->taken = clock_monotonic();
    g_queue_push_tail(&replica->fresh, read);
    return true;
}

/* ---- Connections ----------------------------------------------------------------------------- */

static void follower_judge(struct follower *follower, const PGresult *result)
{
    const struct replica *replica = follower->replica;
    bool standby = strcmp(PQgetvalue(result, 0, LOG_STATE_REFUSAL), "standby") == 0;
    bool ours =
        replica->epoch && strcmp(PQgetvalue(result, 0, LOG_STATE_EPOCH), replica->epoch) == 0;
    if (!standby) {
        follower_leave(follower, "database.read_uri leads to no standby");
        return;
    }
    /* One that is behind has the epoch yet to come; what follows another server never will. */
    if (!follower->admitted && ours && log_state_fits(result)) {
        follower->admitted = true;
        log_info(AREA_ARCHIVE, "replica-admitted", NULL);
    } else if (follower->admitted && !ours) {
        follower->admitted = false;
    }
    replica_note(follower->replica);
}

static void state_read(PGresult *result, void *data)
{
    struct follower *follower = data;
    follower->asking = false;
    if (result && archive_result_error(result) == ERROR_NONE && PQntuples(result) == 1)
        follower_judge(follower, result);
}

static void follower_ready(struct pq_connection *connection, void *data)
{
    (void)connection;
    follower_ask(data, QUERY_LOG_STATE, state_read);
}

static void follower_lost(struct pq_connection *connection, void *data)
{
    struct follower *follower = data;
    (void)connection;
    follower->admitted = follower->asking = false;
    follower->replayed = 0; /* the next one may be of another server */
    replica_note(follower->replica);
}

void replica_follow(struct replica *replica, const char *epoch)
{
    if (!replica)
        return;
    replica->epoch = epoch;
    replica->missed = 0;
    queue_give_back(replica, &replica->parked, "unknown");
    for (unsigned i = 0; i < replica->count; i++)
        replica->followers[i].admitted = false;
    replica_note(replica);
}

static void follower_tick(struct follower *follower, gint64 silence_max, gint64 now)
{
    const struct replica *replica = follower->replica;
    if (pq_connection_silence(follower->connection) > silence_max)
        pq_connection_break(follower->connection);
    gint64 rest = now - follower->asked;
    if (!pq_connection_is_ready(follower->connection) || follower->asking)
        return;
    if (!follower->admitted ? rest >= ASK_INTERVAL : rest >= WATCH_INTERVAL)
        follower_ask(follower, QUERY_LOG_STATE, state_read);
    else if (follower->admitted && replica->missed > 0 && rest >= ASK_INTERVAL)
        follower_ask(follower, QUERY_WAL_REPLAYED, replayed_read);
}

void replica_tick(struct replica *replica, gint64 silence_max)
{
    gint64 now = clock_monotonic();
    const struct read *first = replica ? g_queue_peek_head(&replica->asked) : NULL;
    if (replica && !first) /* the question is still under way, without those it was for */
        first = g_queue_peek_head(&replica->fresh);
    if (first && now - first->taken >= REPLICA_PATIENCE) {
        queue_give_back(replica, &replica->asked, "unknown");
        queue_give_back(replica, &replica->fresh, "unknown");
    }
    for (unsigned i = 0; replica && i < replica->count; i++)
        follower_tick(&replica->followers[i], silence_max, now);
}

bool replica_is_up(const struct replica *replica)
{
    for (unsigned i = 0; replica && i < replica->count; i++) {
        if (replica->followers[i].admitted &&
            pq_connection_is_ready(replica->followers[i].connection))
            return true;
    }
    return false;
}

struct replica *replica_new(const struct options *options, const char *settings,
                            const struct replica_callbacks *callbacks, void *data)
{
    if (!*options->database_read_uri)
        return NULL;
    struct replica *replica = g_new0(struct replica, 1);
    replica->callbacks = *callbacks;
    replica->data = data;
    g_queue_init(&replica->fresh);
    g_queue_init(&replica->asked);
    g_queue_init(&replica->parked);
    replica->count = (unsigned)options->database_read_connections;
    replica->followers = g_new0(struct follower, replica->count);
    struct pq_callbacks following = {follower_ready, follower_lost};
    for (unsigned i = 0; i < replica->count; i++) {
        struct follower *follower = &replica->followers[i];
        follower->replica = replica;
        follower->connection =
            pq_connection_new(options->database_read_uri, settings, archive_statements(), QUERY_MAX,
                              &following, follower);
    }
    return replica;
}

void replica_free(struct replica *replica)
{
    if (!replica)
        return;
    if (replica->timer)
        g_source_remove(replica->timer);
    for (unsigned i = 0; i < replica->count; i++)
        pq_connection_free(replica->followers[i].connection);
    replica->count = 0;
    queue_give_back(replica, &replica->fresh, "lost");
    queue_give_back(replica, &replica->asked, "lost");
    queue_give_back(replica, &replica->parked, "lost");
    g_free(replica->followers);
    g_free(replica);
}
