/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Adapter between libpq's pipeline mode and the loop.
 *
 * libpq closes its socket by itself: when a send fails, and when it finds the end of the connection
 * while it sends. epoll forgets a closed descriptor without an event, and the number may be
 * another's a moment later. So the socket is looked at after each call into libpq that may send or
 * read, and a connection that cannot send is broken there and then: no event will say so. */
#include "config.h"

#include <string.h>
#include <sys/epoll.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/loop/loop.h"
#include "bridge/loop/pq.h"

#define BACKOFF_FIRST 100 /* milliseconds */
#define BACKOFF_LAST 2000
#define CONNECT_TIMEOUT 5000
#define HOSTS_MAX 16
#define CANCELS_MAX 8 /* requests to cancel that are under way */
#define SAY_AGAIN (30 * G_USEC_PER_SEC)

enum state {
    STATE_WAITING,    /* no connection; timer runs */
    STATE_CONNECTING, /* PQconnectPoll; timer limits it */
    STATE_PREPARING,  /* pipeline entered, statements being prepared */
    STATE_READY
};

struct running {
    pq_done done;
    void *data;
    struct pq_frame *frame; /* NULL: none */
    const char *name;       /* of the statement */
    gint64 sent;            /* clock_monotonic */
    int step;               /* of the frame: results seen */
    bool failed;            /* `result` is an error: what follows does not matter */
    PGresult *result;
};

struct pq_connection {
    struct loop_watch watch;
    bool watched;
    uint32_t events;
    PGconn *conn;
    enum state state;
    char *uri;
    char *settings;
    struct hosts {
        char *host, *hostaddr, *port; /* lists as in the URI; NULL: not given */
        unsigned count;
        unsigned first; /* tried before the others */
    } hosts;
    bool broken;       /* is buried when the present callback has returned */
    bool looking;      /* the same, for results */
    const char *unfit; /* why the session is left as soon as it owes no answer; NULL: it is not */
    const struct pq_statement *statements;
    int statement_count;
    struct pq_callbacks callbacks;
    void *data;
    GQueue running; /* struct running *, in sending order */
    PGresult *preparing_error;
    guint timer;
    guint backoff;
    gint64 heard; /* clock_monotonic of the last sign of life while something runs */
};

/* The last loss that was logged; lines withheld since. */
static struct {
    char *reason;
    gint64 at;
    unsigned withheld;
    bool unfit; /* of a session that was left: the next one may be ready, and left, too */
} said;

static gint cancels;
static gint64 slow; /* microseconds; 0: no statement is */

void pq_set_slow(gint64 microseconds)
{
    slow = microseconds;
}

static void connect_start(struct pq_connection *c);
static void connection_lost(struct pq_connection *c);
static void connection_bury(void *data);
static void connection_look(void *data);

/* False: libpq has given the connection up. */
static bool is_whole(struct pq_connection *c)
{
    int fd = PQsocket(c->conn);
    if (c->watched && c->watch.fd != fd) {
        loop_forget(&c->watch);
        c->watched = false;
    }
    return fd >= 0 && PQstatus(c->conn) != CONNECTION_BAD;
}

static void watch_events(struct pq_connection *c, uint32_t events)
{
    c->watch.fd = PQsocket(c->conn);
    if (!c->watched)
        c->watched = loop_add(&c->watch, events);
    else if (c->events != events)
        loop_modify(&c->watch, events);
    c->events = events;
}

static void watch_stop(struct pq_connection *c)
{
    if (c->watched)
        loop_remove(&c->watch);
    c->watched = false;
}

static void timer_stop(struct pq_connection *c)
{
    if (c->timer)
        g_source_remove(c->timer);
    c->timer = 0;
}

static gboolean timer_fired(gpointer data)
{
    struct pq_connection *c = data;
    c->timer = 0;
    if (c->state == STATE_WAITING) {
        connect_start(c);
        return G_SOURCE_REMOVE;
    }
    /* libpq tries the next host when one refuses, not when one is silent. */
    c->hosts.first = (c->hosts.first + 1) % c->hosts.count;
    connection_lost(c);
    return G_SOURCE_REMOVE;
}

/* Answers everything that runs with NULL. The queue is taken first: callbacks may send again. */
static void fail_running(struct pq_connection *c)
{
    GQueue lost = c->running;
    g_queue_init(&c->running);
    struct running *request;
    while ((request = g_queue_pop_head(&lost))) {
        request->done(NULL, request->data);
        PQclear(request->result);
        g_free(request);
    }
}

/* All connections try again and again while the server is away: the same is said now and then only.
 * Whether REASON is to be logged; *ret_withheld is how often it was not. */
static bool is_news(const char *reason, unsigned *ret_withheld)
{
    gint64 now = clock_monotonic();
    if (said.reason && strcmp(said.reason, reason) == 0 && now - said.at < SAY_AGAIN) {
        said.withheld++;
        return false;
    }
    *ret_withheld = said.withheld;
    g_free(said.reason);
    said.reason = g_strdup(reason);
    said.at = now;
    said.withheld = 0;
    return true;
}

/* On one line, and without the quotes in which it will stand. Caller frees. */
static char *text_loggable(const char *message)
{
    char *line = g_strdelimit(g_strdup(message), "\r\n\t", ' ');
    return g_strstrip(g_strdelimit(line, "\"", '\''));
}

static void log_loss(struct pq_connection *c, bool was_ready)
{
    unsigned withheld;
    said.unfit = c->unfit != NULL;
    g_autofree char *reason = text_loggable(c->unfit ? c->unfit : PQerrorMessage(c->conn));
    if (is_news(reason, &withheld))
        log_warning(AREA_ARCHIVE, "database-lost", "ready=%s withheld=%u reason=\"%s\"",
                    was_ready ? "yes" : "no", withheld, reason);
}

static void log_unprepared(struct pq_connection *c)
{
    unsigned withheld;
    g_autofree char *reason =
        text_loggable(PQresultErrorField(c->preparing_error, PG_DIAG_MESSAGE_PRIMARY));
    if (is_news(reason, &withheld))
        log_error(AREA_ARCHIVE, "prepare-failed",
                  "withheld=%u reason=\"%s\" hint=\"run trestle migrate\"", withheld, reason);
}

static void connection_lost(struct pq_connection *c)
{
    bool was_ready = c->state == STATE_READY;
    loop_cancel(connection_bury, c);
    loop_cancel(connection_look, c);
    c->broken = c->looking = false;
    if (c->conn)
        is_whole(c);
    if (c->conn && c->preparing_error)
        log_unprepared(c);
    else if (c->conn)
        log_loss(c, was_ready);
    watch_stop(c);
    timer_stop(c);
    g_clear_pointer(&c->conn, PQfinish);
    g_clear_pointer(&c->preparing_error, PQclear);
    c->state = STATE_WAITING;
    c->backoff = was_ready && !c->unfit ? BACKOFF_FIRST : MIN(c->backoff * 2, BACKOFF_LAST);
    c->unfit = NULL;
    c->timer = g_timeout_add(c->backoff, timer_fired, c);
    metric_add(METRIC_ARCHIVE_RECONNECTS, was_ready);
    fail_running(c);
    if (was_ready && c->callbacks.lost)
        c->callbacks.lost(c, c->data);
}

/* Callers are still in the middle of something: they are told later. */
static void connection_broke(struct pq_connection *c)
{
    if (!c->broken)
        loop_defer(connection_bury, c);
    c->broken = true;
}

static void look_later(struct pq_connection *c)
{
    if (!c->looking)
        loop_defer(connection_look, c);
    c->looking = true;
}

static void connection_flush(struct pq_connection *c)
{
    int left = PQflush(c->conn);
    if (left < 0 || !is_whole(c)) {
        connection_broke(c);
        return;
    }
    watch_events(c, left > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
    if (!c->watched)
        connection_broke(c);
    /* While it sends, libpq takes in what has come: no event will tell of that again. */
    if (!PQisBusy(c->conn))
        look_later(c);
}

static void prepare_all(struct pq_connection *c)
{
    bool sent = PQsetnonblocking(c->conn, 1) == 0 && PQenterPipelineMode(c->conn);
    for (int i = 0; i < c->statement_count && sent; i++)
        sent = PQsendPrepare(c->conn, c->statements[i].name, c->statements[i].text, 0, NULL);
    if (!sent || !PQpipelineSync(c->conn)) {
        connection_lost(c);
        return;
    }
    c->state = STATE_PREPARING;
    connection_flush(c);
}

static void connect_step(struct pq_connection *c)
{
    PostgresPollingStatusType status = PQconnectPoll(c->conn);
    /* libpq may have closed its socket and opened another (next address, no TLS after all) under
     * the same number: epoll has forgotten it, so it is always added anew. */
    watch_stop(c);
    switch (status) {
    case PGRES_POLLING_READING:
        watch_events(c, EPOLLIN);
        break;
    case PGRES_POLLING_WRITING:
        watch_events(c, EPOLLOUT);
        break;
    case PGRES_POLLING_OK:
        prepare_all(c);
        break;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE:
    default:
        connection_lost(c);
    }
}

static void connection_prepared(struct pq_connection *c)
{
    if (c->preparing_error) {
        connection_lost(c);
        return;
    }
    timer_stop(c);
    if (!said.unfit)
        g_clear_pointer(&said.reason, g_free);
    c->state = STATE_READY;
    c->heard = clock_monotonic();
    if (c->callbacks.ready)
        c->callbacks.ready(c, c->data);
}

static void request_measure(const struct running *request)
{
    gint64 taken = clock_monotonic() - request->sent;
    metric_observe_of(METRIC_QUERY, request->name, taken);
    if (slow == 0 || taken < slow)
        return;
    metric_add(METRIC_QUERY_SLOW, 1);
    log_warning(AREA_ARCHIVE, "slow-query", "query=%s ms=%" G_GINT64_FORMAT, request->name,
                taken / 1000);
}

static void request_finished(struct pq_connection *c)
{
    struct running *request = g_queue_pop_head(&c->running);
    if (!request)
        return;
    request_measure(request);
    request->done(request->result, request->data);
    PQclear(request->result);
    g_free(request);
}

static bool is_error(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

static gint64 single_integer(const PGresult *result)
{
    bool there = PQntuples(result) == 1 && PQnfields(result) == 1;
    return there ? g_ascii_strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
}

/* RESULT is taken. An error ends the transaction, wherever it happens, be it in the commit. */
static void request_result(struct running *request, PGresult *result)
{
    int step = request->step++;
    if (!request->failed && is_error(result)) {
        PQclear(request->result);
        request->result = result;
        request->failed = true;
        return;
    }
    if (!request->failed && step == (request->frame ? 1 : 0)) {
        request->result = result;
        return;
    }
    if (!request->failed && request->frame && step == 0)
        request->frame->ret_before = single_integer(result);
    else if (!request->failed && request->frame && step == 2)
        request->frame->ret_after = single_integer(result);
    PQclear(result);
}

/* Errors after which this session is of no use any more, though the server keeps it open: what is
 * wrong with it, or NULL. */
static const char *session_problem(const PGresult *result)
{
    static const struct {
        const char *state, *reason;
    } problems[] = {
        {"25006", "the session may not write"},
        {"26000", "the session has lost its statements: is there a pooler between?"},
        {"0A000", "the statements of the session are those of an older schema"},
    };
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    for (size_t i = 0; state && i < G_N_ELEMENTS(problems); i++) {
        if (strcmp(state, problems[i].state) == 0)
            return problems[i].reason;
    }
    return NULL;
}

/* Whether libpq made this result itself, for want of an answer. */
static bool is_made_up(const PGresult *result)
{
    return is_error(result) && !PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

static void result_arrived(struct pq_connection *c, PGresult *result)
{
    if (!c->unfit)
        c->unfit = session_problem(result);
    if (is_made_up(result)) {
        PQclear(result);
        return;
    }
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        if (c->state == STATE_PREPARING)
            connection_prepared(c);
        else
            request_finished(c);
        return;
    }
    struct running *request = g_queue_peek_head(&c->running);
    if (c->state == STATE_PREPARING && is_error(result) && !c->preparing_error)
        c->preparing_error = result;
    else if (c->state == STATE_READY && request)
        request_result(request, result);
    else
        PQclear(result);
}

/* Hands on what libpq has read; a callback may end the connection. */
static void take_results(struct pq_connection *c)
{
    int empty = 0;
    while (c->conn && !PQisBusy(c->conn)) {
        /* In pipeline mode NULL ends one statement's results; two in a row mean there is no more.
         */
        PGresult *result = PQgetResult(c->conn);
        if (result) {
            empty = 0;
            result_arrived(c, result);
        } else if (++empty == 2) {
            break;
        }
    }
    if (c->conn && c->unfit && c->running.length == 0)
        connection_broke(c);
}

static void read_results(struct pq_connection *c)
{
    c->heard = clock_monotonic();
    bool good = PQconsumeInput(c->conn);
    take_results(c);
    if (c->conn && (!is_whole(c) || !good))
        connection_lost(c);
}

static void connection_look(void *data)
{
    struct pq_connection *c = data;
    c->looking = false;
    take_results(c);
    if (c->conn && !is_whole(c))
        connection_lost(c);
}

/* An answer may have come before the connection broke. */
static void connection_bury(void *data)
{
    struct pq_connection *c = data;
    take_results(c);
    if (c->conn)
        connection_lost(c);
}

static void socket_ready(struct loop_watch *watch, uint32_t events)
{
    struct pq_connection *c = loop_owner(watch, struct pq_connection, watch);
    if (c->state == STATE_CONNECTING) {
        connect_step(c);
        return;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_results(c);
    if (c->conn && (events & EPOLLOUT))
        connection_flush(c);
}

/* libpq would print it. */
static void notice_arrived(void *data, const char *message)
{
    (void)data;
    g_autofree char *text = text_loggable(message);
    log_debug(AREA_ARCHIVE, "notice", "text=\"%s\"", text);
}

/* LIST with its entry number FIRST in front; NULL when it need not be turned. Caller frees. */
static char *turn_list(const char *list, unsigned first)
{
    g_auto(GStrv) entries = g_strsplit(list ? list : "", ",", HOSTS_MAX);
    guint count = g_strv_length(entries);
    if (count < 2 || first == 0)
        return NULL;
    g_autoptr(GString) turned = g_string_new(NULL);
    for (guint i = 0; i < count; i++)
        g_string_append_printf(turned, "%s%s", i > 0 ? "," : "", entries[(first + i) % count]);
    return g_string_free(g_steal_pointer(&turned), FALSE);
}

/* What stands before the URI are defaults: a network that drops packets without a word is noticed
 * within half a minute, and nothing between us and the server forgets an idle connection. */
static void connect_start(struct pq_connection *c)
{
    const struct hosts *hosts = &c->hosts;
    g_autofree char *host = turn_list(hosts->host, hosts->first);
    g_autofree char *hostaddr = turn_list(hosts->hostaddr, hosts->first);
    g_autofree char *port = turn_list(hosts->port, hosts->first);
    const char *keywords[] = {"keepalives_idle",
                              "keepalives_interval",
                              "keepalives_count",
                              "tcp_user_timeout",
                              "dbname",
                              "options",
                              "application_name",
                              "client_encoding",
                              "host",
                              "hostaddr",
                              "port",
                              NULL};
    const char *values[] = {"10",      "5",    "3",  "10000",  c->uri, c->settings,
                            "trestle", "UTF8", host, hostaddr, port,   NULL};
    c->conn = PQconnectStartParams(keywords, values, 1);
    if (!c->conn || PQstatus(c->conn) == CONNECTION_BAD) {
        connection_lost(c);
        return;
    }
    PQsetNoticeProcessor(c->conn, notice_arrived, NULL);
    c->state = STATE_CONNECTING;
    c->timer = g_timeout_add(CONNECT_TIMEOUT, timer_fired, c);
    watch_events(c, EPOLLOUT);
}

static void hosts_read(struct hosts *hosts, const char *uri)
{
    PQconninfoOption *options = PQconninfoParse(uri, NULL);
    hosts->count = 1;
    for (PQconninfoOption *option = options; option && option->keyword; option++) {
        char **place = strcmp(option->keyword, "host") == 0       ? &hosts->host
                       : strcmp(option->keyword, "hostaddr") == 0 ? &hosts->hostaddr
                       : strcmp(option->keyword, "port") == 0     ? &hosts->port
                                                                  : NULL;
        if (!place || !option->val)
            continue;
        *place = g_strdup(option->val);
        g_auto(GStrv) entries = g_strsplit(option->val, ",", HOSTS_MAX);
        hosts->count = MAX(hosts->count, g_strv_length(entries));
    }
    PQconninfoFree(options);
}

struct pq_connection *pq_connection_new(const char *uri, const char *settings,
                                        const struct pq_statement *statements, int count,
                                        const struct pq_callbacks *callbacks, void *data)
{
    struct pq_connection *c = g_new0(struct pq_connection, 1);
    c->watch.ready = socket_ready;
    c->uri = g_strdup(uri);
    hosts_read(&c->hosts, uri);
    c->settings = g_strdup(settings);
    c->statements = statements;
    c->statement_count = count;
    c->callbacks = *callbacks;
    c->data = data;
    c->backoff = BACKOFF_FIRST;
    g_queue_init(&c->running);
    c->timer = g_timeout_add(0, timer_fired, c);
    return c;
}

void pq_connection_free(struct pq_connection *c)
{
    if (!c)
        return;
    c->callbacks.lost = NULL;
    loop_cancel(connection_bury, c);
    loop_cancel(connection_look, c);
    if (c->conn)
        is_whole(c);
    timer_stop(c);
    watch_stop(c);
    c->state = STATE_WAITING;
    fail_running(c);
    g_clear_pointer(&c->conn, PQfinish);
    PQclear(c->preparing_error);
    g_free(c->uri);
    g_free(c->settings);
    g_free(c->hosts.host);
    g_free(c->hosts.hostaddr);
    g_free(c->hosts.port);
    g_free(c);
}

bool pq_connection_is_ready(const struct pq_connection *c)
{
    return c->state == STATE_READY && !c->broken && !c->unfit;
}

unsigned pq_connection_running(const struct pq_connection *c)
{
    return c->running.length;
}

static bool send_prepared(struct pq_connection *c, int statement, const struct pq_values *values)
{
    metric_add(METRIC_ARCHIVE_STATEMENTS, 1);
    return PQsendQueryPrepared(c->conn, c->statements[statement].name, values->count,
                               values->values, values->lengths, values->formats,
                               values->result_format);
}

bool pq_connection_send_framed(struct pq_connection *c, int statement,
                               const struct pq_values *values, struct pq_frame *frame, pq_done done,
                               void *data)
{
    static const struct pq_values none;
    if (!pq_connection_is_ready(c))
        return false;
    if ((frame && !send_prepared(c, frame->before, &none)) ||
        !send_prepared(c, statement, values) || (frame && !send_prepared(c, frame->after, &none)) ||
        !PQpipelineSync(c->conn)) {
        is_whole(c);
        connection_broke(c);
        return false;
    }
    struct running *request = g_new0(struct running, 1);
    request->done = done;
    request->data = data;
    request->frame = frame;
    request->name = c->statements[statement].name;
    request->sent = clock_monotonic();
    if (c->running.length == 0)
        c->heard = clock_monotonic();
    g_queue_push_tail(&c->running, request);
    connection_flush(c);
    return true;
}

bool pq_connection_send(struct pq_connection *c, int statement, const struct pq_values *values,
                        pq_done done, void *data)
{
    return pq_connection_send_framed(c, statement, values, NULL, done, data);
}

gint64 pq_connection_silence(const struct pq_connection *c)
{
    return c->running.length == 0 ? 0 : clock_monotonic() - c->heard;
}

gint64 pq_connection_quiet(const struct pq_connection *c)
{
    bool quiet = pq_connection_is_ready(c) && c->running.length == 0;
    return quiet ? clock_monotonic() - c->heard : 0;
}

void pq_connection_leave(struct pq_connection *c, const char *reason)
{
    if (c->state == STATE_WAITING)
        return;
    c->unfit = reason;
    c->hosts.first = (c->hosts.first + 1) % c->hosts.count;
    connection_lost(c);
}

/* Asks the server to give up what runs for a connection that is about to go: a backend that waits,
 * for a synchronous standby above all, does not look whether its client is still there, and would
 * stay. libpq can only do that in a blocking way. */
static gpointer cancel_running(gpointer data)
{
    char ignored[256];
    PQcancel(data, ignored, sizeof ignored);
    PQfreeCancel(data);
    g_atomic_int_add(&cancels, -1);
    return NULL;
}

static void cancel_start(struct pq_connection *c)
{
    if (c->running.length == 0 || g_atomic_int_get(&cancels) >= CANCELS_MAX)
        return;
    PGcancel *cancel = PQgetCancel(c->conn);
    if (!cancel)
        return;
    g_atomic_int_inc(&cancels);
    GThread *thread = g_thread_try_new("pq-cancel", cancel_running, cancel, NULL);
    if (thread) {
        g_thread_unref(thread);
        return;
    }
    PQfreeCancel(cancel);
    g_atomic_int_add(&cancels, -1);
}

void pq_connection_break(struct pq_connection *c)
{
    if (c->state == STATE_WAITING)
        return;
    cancel_start(c);
    connection_lost(c);
}
