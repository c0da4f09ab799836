/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stanzas of our users on their way into their sessions.
 *
 * What must arrive is a row of the outbox. With its session bound it goes at once, and is kept in
 * memory until a barrier has shown that the host took it: an error to its wrapper comes before.
 * Otherwise it becomes a row of bound_outbox, where it waits for the session and holds up nobody
 * else; while one waits, all that follow it wait there, too, so that order holds. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/holder.h"
#include "bridge/bound/host.h"
#include "bridge/bound/inject.h"
#include "bridge/bound/session.h"
#include "bridge/bound/waiting.h"
#include "bridge/core/core.h"
#include "bridge/core/mark.h"
#include "xep/0359_ids.h"
#include "xep/error.h"
#include "xep/jid.h"
#include "xep/stanza_read.h"
#include "xep/stanza_text.h"

#define ASKS_MAX 20000
#define STORES_MAX 10000 /* stanzas on their way into the database */
#define PAGE 64          /* waiting stanzas read at once */
#define SOON_MAX 32
#define SOON (10 * G_USEC_PER_SEC)

/* A stanza that has to arrive, sent, whose fate is not known yet. */
struct flight {
    char *id;        /* of the wrapper; the key */
    char *jid;       /* of the account */
    char *stanza_id; /* of the stanza; may be NULL, as the next */
    char *to;        /* whom it is for, bare */
    char *text;      /* the stanza; NULL: it is row ROW */
    gint64 row;      /* of bound_outbox; 0: none */
    guint64 number;  /* counts them */
};

/* One that becomes a row. The first of its session is under way, the others wait for it. */
struct store {
    struct core *core;
    char *jid;
    char *stanza_id;
    char *text;
    bool failed; /* the database was away: to be tried again */
};

struct bound_flights {
    GHashTable *table;  /* id → struct flight *, owned */
    GHashTable *stores; /* jid → GQueue of struct store *, owned */
    unsigned storing;
    char *prefix;    /* of wrappers' ids */
    guint64 newest;  /* number of the newest flight */
    guint64 ids;     /* counts wrappers */
    guint64 covered; /* by the barrier that is out; 0: none is */
    unsigned stream; /* counts links: barriers of an older one mean nothing */
};

/* An IQ that a session has sent. */
struct ask {
    char *id; /* the key */
    char *jid, *to;
    gint64 deadline;
    stanza_answer answer;
    void *data;
};

struct bound_asks {
    GHashTable *table; /* id → struct ask *, owned */
};

static void flight_free(gpointer data)
{
    struct flight *flight = data;
    g_free(flight->id);
    g_free(flight->jid);
    g_free(flight->stanza_id);
    g_free(flight->to);
    g_free(flight->text);
    g_free(flight);
}

static void store_free(gpointer data)
{
    struct store *store = data;
    g_free(store->jid);
    g_free(store->stanza_id);
    g_free(store->text);
    g_free(store);
}

static void stores_free(gpointer data)
{
    g_queue_free_full(data, store_free);
}

static void ask_free(gpointer data)
{
    struct ask *ask = data;
    g_free(ask->id);
    g_free(ask->jid);
    g_free(ask->to);
    g_free(ask);
}

/* ---- Wrappers -------------------------------------------------------------------------------- */

/* The id of the row that STANZA is, which the host's archive takes over: a message of a person has
 * it as its own id and as origin-id. NULL: it is none. */
static const char *row_id(xmpp_stanza_t *stanza)
{
    struct uuid id;
    const char *text = stanza_attr(stanza, "id");
    bool message = strcmp(stanza_name(stanza), "message") == 0;
    return message && text && uuid_parse(text, &id) && g_strcmp0(origin_id_parse(stanza), text) == 0
               ? text
               : NULL;
}

static char *bare_of(const char *address)
{
    return address ? jid_cut(address) : NULL;
}

static enum sink_result wrapper_send(const struct bound_session *session, xmpp_stanza_t *stanza,
                                     const char *id)
{
    struct core *core = session->bound->core;
    const struct stanza_sink *sink = &core->sinks[SERVICE_USERS];
    const struct bound_inject inject = {.from = core->options->xmpp_domain,
                                        .host = session->host->domain,
                                        .id = id,
                                        .place = {session->local, session->resource},
                                        .uid = row_id(stanza)};
    g_autoptr(xmpp_stanza_t) wrapper = bound_inject_build(&inject, stanza);
    if (!sink->ready || !sink->ready(sink->link))
        return SINK_LATER;
    metric_add(METRIC_BOUND_OUT, 1);
    return sink->send(sink->link, wrapper);
}

static char *wrapper_id(struct bound *bound)
{
    return g_strdup_printf("%s%" G_GUINT64_FORMAT, bound->flights->prefix, ++bound->flights->ids);
}

bool bound_inject_once(struct bound_session *session, xmpp_stanza_t *stanza)
{
    if (session->state != SESSION_BOUND)
        return false;
    g_autofree char *id = wrapper_id(session->bound);
    return wrapper_send(session, stanza, id) == SINK_SENT;
}

/* ---- What is sent once, to a session that is about to be bound ------------------------------- */

struct soon {
    xmpp_stanza_t *stanza;
    gint64 until; /* monotonic: after that nobody wants it any more */
};

static void soon_free(gpointer data)
{
    struct soon *soon = data;
    xmpp_stanza_release(soon->stanza);
    g_free(soon);
}

/* Somebody has only just come, and does something at once. Presence is made anew at that moment. */
static bool soon_keep(struct bound_session *session, xmpp_stanza_t *stanza)
{
    if (session->state == SESSION_BOUND || session->host->state == HOST_ABSENT ||
        session->soon.length >= SOON_MAX || strcmp(stanza_name(stanza), "presence") == 0)
        return false;
    struct soon *soon = g_new0(struct soon, 1);
    soon->stanza = xmpp_stanza_copy(stanza);
    soon->until = clock_monotonic() + SOON;
    g_queue_push_tail(&session->soon, soon);
    bound_session_want(session);
    return true;
}

void bound_inject_soon(struct bound_session *session)
{
    struct soon *soon;
    gint64 now = clock_monotonic();
    while (session->state == SESSION_BOUND && (soon = g_queue_pop_head(&session->soon))) {
        if (now < soon->until)
            bound_inject_once(session, soon->stanza);
        soon_free(soon);
    }
}

void bound_inject_forget(struct bound_session *session)
{
    g_queue_clear_full(&session->soon, soon_free);
}

/* ---- Waiting in the database ----------------------------------------------------------------- */

static void store_begin(struct bound *bound, GQueue *queue);

static void store_done(const struct rows *rows, enum error_code error, void *data)
{
    struct store *store = data;
    struct bound *bound = bound_of(store->core);
    GQueue *queue = bound ? g_hash_table_lookup(bound->flights->stores, store->jid) : NULL;
    if (!queue)
        return;                          /* going down */
    store->failed = error != ERROR_NONE; /* the tick begins again */
    if (store->failed)
        return;
    if (!rows_boolean(rows, 0, BOUND_PARK_PARKED))
        bound_waiting_failed(store->core, store->text, "resource-constraint");
    struct bound_session *session = bound_session_find(bound, store->jid);
    if (session) {
        session->storing -= session->storing > 0; /* it may be a new one of that account */
        session->waiting = true;
    }
    bound->flights->storing--;
    g_autofree char *jid = g_strdup(store->jid);
    store_free(g_queue_pop_head(queue));
    if (g_queue_is_empty(queue))
        g_hash_table_remove(bound->flights->stores, jid);
    else
        store_begin(bound, queue);
    if (session && session->state == SESSION_BOUND)
        bound_inject_resume(session);
}

static void store_begin(struct bound *bound, GQueue *queue)
{
    struct store *store = g_queue_peek_head(queue);
    char most[24];
    g_snprintf(most, sizeof most, "%" G_GINT64_FORMAT, bound->core->options->bound_waiting_max);
    const char *values[] = {store->jid, store->stanza_id, store->text, most};
    archive_query(bound->core->archive, QUERY_BOUND_PARK, values, store_done, store);
}

/* TEXT is taken. False: too many wait for the database. */
static bool stanza_store(struct bound_session *session, const char *stanza_id, char *text)
{
    struct bound_flights *flights = session->bound->flights;
    if (flights->storing >= STORES_MAX) {
        g_free(text);
        return false;
    }
    struct store *store = g_new0(struct store, 1);
    store->core = session->bound->core;
    store->jid = g_strdup(session->jid);
    store->stanza_id = g_strdup(stanza_id);
    store->text = text;
    GQueue *queue = g_hash_table_lookup(flights->stores, session->jid);
    flights->storing++;
    session->storing++;
    if (queue) {
        g_queue_push_tail(queue, store);
        return true;
    }
    queue = g_queue_new();
    g_hash_table_insert(flights->stores, g_strdup(session->jid), queue);
    g_queue_push_tail(queue, store);
    store_begin(session->bound, queue);
    return true;
}

/* ---- What is under way ----------------------------------------------------------------------- */

static void rows_cleared(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    (void)data;
    if (error != ERROR_NONE) /* they are sent again after a restart, with the same ids */
        log_info(AREA_CORE, "bound-rows-not-cleared", "code=%s", error_info(error)->code);
}

/* ROWS: their numbers, with commas between them; perhaps none. */
static void rows_clear(struct bound *bound, const char *rows)
{
    g_autofree char *list = g_strdup_printf("{%s}", rows);
    const char *values[] = {list};
    if (*rows && bound->core->archive)
        archive_query(bound->core->archive, QUERY_BOUND_PARKED_SENT, values, rows_cleared, NULL);
}

struct barrier {
    struct core *core;
    unsigned stream;
};

/* Everything up to `covered` that is still there has arrived. */
static void flights_land(struct bound *bound)
{
    GHashTableIter iter;
    gpointer value;
    GString *rows = g_string_new(NULL);
    g_hash_table_iter_init(&iter, bound->flights->table);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct flight *flight = value;
        if (flight->number > bound->flights->covered)
            continue;
        if (flight->row > 0)
            g_string_append_printf(rows, "%s%" G_GINT64_FORMAT, rows->len > 0 ? "," : "",
                                   flight->row);
        g_hash_table_iter_remove(&iter);
    }
    rows_clear(bound, rows->str);
    g_string_free(rows, TRUE);
}

static void barrier_done(bool delivered, void *data)
{
    g_autofree struct barrier *barrier = data;
    struct bound *bound = bound_of(barrier->core);
    if (!bound || barrier->stream != bound->flights->stream)
        return;
    if (delivered)
        flights_land(bound);
    bound->flights->covered = 0;
}

static void barrier_begin(struct bound *bound)
{
    struct bound_flights *flights = bound->flights;
    const struct stanza_sink *sink = &bound->core->sinks[SERVICE_USERS];
    if (flights->covered > 0 || g_hash_table_size(flights->table) == 0 || !sink->barrier)
        return;
    struct barrier *barrier = g_new0(struct barrier, 1);
    barrier->core = bound->core;
    barrier->stream = flights->stream;
    flights->covered = flights->newest;
    if (sink->barrier(sink->link, barrier_done, barrier))
        return;
    flights->covered = 0;
    g_free(barrier);
}

/* TEXT (taken) may be NULL where ROW has it. */
static enum sink_result flight_begin(struct bound_session *session, xmpp_stanza_t *stanza,
                                     char *text, gint64 row)
{
    struct bound_flights *flights = session->bound->flights;
    g_autofree char *kept = text;
    g_autofree char *id = wrapper_id(session->bound);
    enum sink_result sent = wrapper_send(session, stanza, id);
    if (sent != SINK_SENT)
        return sent;
    struct flight *flight = g_new0(struct flight, 1);
    flight->id = g_steal_pointer(&id);
    flight->jid = g_strdup(session->jid);
    flight->stanza_id = g_strdup(stanza_attr(stanza, "id"));
    flight->to = bare_of(stanza_attr(stanza, "to"));
    flight->text = g_steal_pointer(&kept);
    flight->row = row;
    flight->number = ++flights->newest;
    g_hash_table_replace(flights->table, flight->id, flight);
    return SINK_SENT;
}

/* The host has not taken a message for reasons that stay: it counts as bounced. */
static void flight_refused(struct bound *bound, const struct flight *flight, const char *condition)
{
    struct uuid id;
    log_warning(AREA_LINK, "bound-stanza-refused", "condition=%s", condition);
    if (flight->to && flight->stanza_id && uuid_parse(flight->stanza_id, &id))
        message_failed(bound->core, flight->to, &id, condition);
    g_autofree char *row = g_strdup_printf("%" G_GINT64_FORMAT, flight->row);
    if (flight->row > 0)
        rows_clear(bound, row);
}

void bound_inject_failed(struct bound_host *host, const char *id, xmpp_stanza_t *stanza)
{
    struct bound *bound = host->bound;
    struct flight *flight = g_hash_table_lookup(bound->flights->table, id);
    struct stanza_error error;
    bool says = stanza_error_parse(stanza, &error);
    bool unbound = says && strcmp(error.condition, "item-not-found") == 0;
    if (!flight) {
        if (unbound && g_str_has_prefix(id, bound->flights->prefix))
            bound_host_doubt(host);
        return;
    }
    struct bound_session *session = bound_session_get(bound, flight->jid);
    if (!session || session->host != host)
        return; /* it is not this host's to say */
    g_hash_table_steal(bound->flights->table, id);
    if (!unbound && says && strcmp(error.type, "modify") == 0) {
        flight_refused(bound, flight, error.condition);
    } else {
        if (session->state == SESSION_BOUND)
            bound_session_lost(session);
        bound_host_doubt(host);
        session->waiting = true;
        session->after = 0;
        if (flight->text)
            stanza_store(session, flight->stanza_id, g_steal_pointer(&flight->text));
    }
    flight_free(flight);
}

/* ---- What waited ----------------------------------------------------------------------------- */

struct reading {
    struct core *core;
    char *jid;
    unsigned stream;
};

/* False: the link takes no more now. */
static bool waiting_send(struct bound_session *session, const struct rows *rows, int row)
{
    const char *text = rows_text(rows, row, BOUND_PARKED_STANZA);
    gint64 number = rows_integer(rows, row, BOUND_PARKED_ID);
    g_autoptr(xmpp_stanza_t) stanza = stanza_from_text(text, strlen(text));
    enum sink_result sent = stanza ? flight_begin(session, stanza, NULL, number) : SINK_NEVER;
    if (sent == SINK_LATER)
        return false;
    session->after = number;
    if (sent == SINK_NEVER) {
        g_autofree char *id = stanza ? g_strdup(stanza_attr(stanza, "id")) : NULL;
        g_autofree char *to = stanza ? bare_of(stanza_attr(stanza, "to")) : NULL;
        const struct flight gone = {.stanza_id = id, .to = to, .row = number};
        flight_refused(session->bound, &gone, "policy-violation");
    }
    return true;
}

static void waiting_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct reading *reading = data;
    g_autofree char *jid = reading->jid;
    struct bound *bound = bound_of(reading->core);
    struct bound_session *session = bound ? bound_session_find(bound, jid) : NULL;
    if (!session || !session->reading || reading->stream != bound->flights->stream)
        return;
    session->reading = false;
    if (error != ERROR_NONE || session->state != SESSION_BOUND)
        return; /* the tick tries again */
    bool taken = true;
    for (int row = 0; row < rows_count(rows) && taken; row++)
        taken = waiting_send(session, rows, row);
    if (rows_count(rows) == 0 && session->storing == 0)
        session->waiting = false;
    else if (taken && rows_count(rows) == PAGE)
        bound_inject_resume(session);
    barrier_begin(bound);
}

void bound_inject_resume(struct bound_session *session)
{
    struct core *core = session->bound->core;
    if (session->reading || session->state != SESSION_BOUND || !core->archive)
        return;
    struct reading *reading = g_new0(struct reading, 1);
    reading->core = core;
    reading->jid = g_strdup(session->jid);
    reading->stream = session->bound->flights->stream;
    session->reading = true;
    char after[24];
    g_snprintf(after, sizeof after, "%" G_GINT64_FORMAT, session->after);
    const char *values[] = {session->jid, after, G_STRINGIFY(64)};
    G_STATIC_ASSERT(PAGE == 64);
    archive_query(core->archive, QUERY_BOUND_PARKED, values, waiting_read, reading);
}

/* ---- IQs ------------------------------------------------------------------------------------- */

bool bound_inject_ask(struct bound_session *session, xmpp_stanza_t *iq, unsigned seconds,
                      stanza_answer answer, void *data)
{
    GHashTable *table = session->bound->asks->table;
    if (g_hash_table_size(table) >= ASKS_MAX)
        return false;
    struct ask *ask = g_new0(struct ask, 1);
    ask->id = random_hex(12);
    xmpp_stanza_set_id(iq, ask->id);
    if (!bound_inject_once(session, iq) && !soon_keep(session, iq)) {
        ask_free(ask);
        return false;
    }
    const char *to = stanza_attr(iq, "to");
    ask->jid = g_strdup(session->jid);
    ask->to = g_strdup(to ? to : session->jid);
    ask->deadline = clock_monotonic() + seconds * G_USEC_PER_SEC;
    ask->answer = answer;
    ask->data = data;
    g_hash_table_replace(table, ask->id, ask);
    return true;
}

static void ask_end(struct bound_asks *asks, struct ask *ask, xmpp_stanza_t *result)
{
    g_hash_table_steal(asks->table, ask->id);
    ask->answer(result, ask->data);
    ask_free(ask);
}

void bound_inject_answered(struct bound_session *session, xmpp_stanza_t *result)
{
    const char *id = stanza_attr(result, "id");
    const char *from = stanza_attr(result, "from");
    struct ask *ask = id ? g_hash_table_lookup(session->bound->asks->table, id) : NULL;
    if (ask && strcmp(ask->jid, session->jid) == 0 && g_strcmp0(from, ask->to) == 0)
        ask_end(session->bound->asks, ask, result);
}

/* Ends the asks of JID (NULL: of all) that are due at NOW. */
static void asks_end(struct bound_asks *asks, const char *jid, gint64 now)
{
    GHashTableIter iter;
    gpointer value;
    GPtrArray *over = g_ptr_array_new();
    g_hash_table_iter_init(&iter, asks->table);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct ask *ask = value;
        if (now >= ask->deadline && (!jid || strcmp(ask->jid, jid) == 0))
            g_ptr_array_add(over, value);
    }
    for (guint i = 0; i < over->len; i++)
        ask_end(asks, g_ptr_array_index(over, i), NULL);
    g_ptr_array_unref(over);
}

void bound_inject_abandon(struct bound_session *session)
{
    session->reading = false;
    session->after = 0;
    if (g_hash_table_size(session->bound->asks->table) > 0)
        asks_end(session->bound->asks, session->jid, G_MAXINT64);
}

/* ---- The way out for core -------------------------------------------------------------------- */

static struct bound_session *session_of(struct bound *bound, xmpp_stanza_t *stanza)
{
    const char *from = stanza_attr(stanza, "from");
    g_autofree char *bare = bare_of(from);
    return bare && strchr(bare, '@') ? bound_session_get(bound, bare) : NULL;
}

static bool sink_ready(void *link)
{
    const struct bound *bound = link;
    const struct stanza_sink *sink = &bound->core->sinks[SERVICE_USERS];
    return sink->ready && sink->ready(sink->link);
}

static enum sink_result sink_send(void *link, xmpp_stanza_t *stanza)
{
    struct bound *bound = link;
    struct bound_session *session = session_of(bound, stanza);
    if (!session)
        return SINK_NEVER;
    g_autofree char *text = stanza_to_text(stanza, NULL);
    if (session->state == SESSION_BOUND && !session->waiting && session->storing == 0)
        return flight_begin(session, stanza, g_steal_pointer(&text), 0);
    return stanza_store(session, stanza_attr(stanza, "id"), g_steal_pointer(&text)) ? SINK_SENT
                                                                                    : SINK_LATER;
}

static enum sink_result sink_once(void *link, xmpp_stanza_t *stanza)
{
    struct bound *bound = link;
    struct bound_session *session = session_of(bound, stanza);
    if (!session)
        return SINK_NEVER;
    if (bound_holder_is_elsewhere(bound))
        return bound_holder_send(bound, stanza) ? SINK_SENT : SINK_LATER;
    return bound_inject_once(session, stanza) || soon_keep(session, stanza) ? SINK_SENT
                                                                            : SINK_LATER;
}

static bool sink_ask(void *link, xmpp_stanza_t *iq, unsigned seconds, stanza_answer answer,
                     void *data)
{
    struct bound *bound = link;
    struct bound_session *session = session_of(bound, iq);
    return session && bound_inject_ask(session, iq, seconds, answer, data);
}

/* The row that a message of a hosted user is already: the host's archive takes it under that id. A
 * host that has not answered yet gets it, too: what it had before the link broke comes again. */
static void message_mark(struct core *core, xmpp_stanza_t *stanza)
{
    const struct bound *bound = core->bound.link;
    const char *to = stanza_attr(stanza, "to");
    const char *from = stanza_attr(stanza, "from");
    const struct bound_host *host = to ? bound_host_of(bound, to) : NULL;
    bool takes = host && (host->state == HOST_UP ? (host->has & BOUND_HAS_UID) != 0
                                                 : host->state == HOST_UNKNOWN);
    const char *id = takes ? row_id(stanza) : NULL;
    if (id && from && service_of(core->options, from) == SERVICE_USERS &&
        !stanza_child(stanza, "uid", NS_BIND))
        bound_uid_add(stanza, id);
}

/* ---- Start, stop, the clock ------------------------------------------------------------------ */

void bound_inject_open(struct bound *bound)
{
    bound->flights = g_new0(struct bound_flights, 1);
    bound->flights->table = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, flight_free);
    bound->flights->stores = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, stores_free);
    g_autofree char *random = random_hex(6);
    bound->flights->prefix = g_strdup_printf("bound-%s-", random);
    bound->asks = g_new0(struct bound_asks, 1);
    bound->asks->table = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, ask_free);
    bound->core->bound_mark = message_mark;
    bound->core->bound = (struct stanza_sink){.link = bound,
                                              .ready = sink_ready,
                                              .send = sink_send,
                                              .once = sink_once,
                                              .may_ask = sink_ready,
                                              .ask = sink_ask};
}

void bound_inject_close(struct bound *bound)
{
    bound->core->bound = (struct stanza_sink){0};
    bound->core->bound_mark = NULL;
    asks_end(bound->asks, NULL, G_MAXINT64);
    g_hash_table_unref(bound->asks->table);
    g_free(bound->asks);
    g_hash_table_unref(bound->flights->table);
    g_hash_table_unref(bound->flights->stores);
    g_free(bound->flights->prefix);
    g_free(bound->flights);
}

void bound_inject_tick(struct bound *bound, gint64 now)
{
    GHashTableIter iter;
    gpointer value;
    barrier_begin(bound);
    asks_end(bound->asks, NULL, now);
    g_hash_table_iter_init(&iter, bound->flights->stores);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct store *store = g_queue_peek_head(value);
        if (store->failed && archive_is_up(bound->core->archive)) {
            store->failed = false;
            store_begin(bound, value);
        }
    }
}

void bound_inject_lost(struct bound *bound)
{
    struct bound_flights *flights = bound->flights;
    flights->stream++;
    flights->covered = 0;
    g_hash_table_remove_all(flights->table);
    asks_end(bound->asks, NULL, G_MAXINT64);
}
