/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections and time. libmicrohttpd runs without threads and without a listening socket: we
 * accept (so that running out of descriptors does not spin and WebSockets count), it reads and
 * writes on its own epoll set, which is one watch of the loop. Its idle timer starts anew with
 * every byte, so time is kept here, absolutely: a slow client cannot stretch it. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/error.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/base/origin.h"
#include "bridge/base/tally.h"
#include "bridge/core/core.h"
#include "bridge/http/caller.h"
#include "bridge/http/exchange.h"
#include "bridge/http/listener.h"
#include "bridge/http/page.h"
#include "bridge/http/reply.h"
#include "bridge/http/server.h"
#include "bridge/http/server_part.h"
#include "bridge/http/stream.h"
#include "bridge/loop/loop.h"

/* Bytes in libmicrohttpd: HEAD_MAX, 64 headers at 72 bytes, and the head of the reply. With each
 * request it clears them one and a half times: no more than that takes. */
#define CONNECTION_MEMORY 22528
#define ACCEPTS_PER_TURN 64
#define RUNS_PER_TURN 4
#define HEAD_PATIENCE (10 * G_USEC_PER_SEC) /* for the first request of a connection */
#define BODY_PATIENCE (15 * G_USEC_PER_SEC)
#define REFUSED_PATIENCE (15 * G_USEC_PER_SEC) /* for a body that is only swallowed */
#define BODY_RATE UPLOAD_RATE                  /* a large body may take longer */
#define EVICTIONS_PER_TURN 16 /* the library has room for so many beyond the limit */
#define STOP_POLL 20          /* milliseconds */

void server_want_run(struct http_server *server)
{
    server->run_wanted = true;
    loop_wake();
}

void server_note_starved(struct http_server *server)
{
    metric_add(METRIC_DESCRIPTORS_LACKING, 1);
    if (!server->starved)
        log_warning(AREA_HTTP, "no-descriptor",
                    "connections=%" G_GINT64_FORMAT " sockets=%" G_GINT64_FORMAT,
                    metric_get(METRIC_HTTP_CONNECTIONS), metric_get(METRIC_WS_SOCKETS));
    server->starved = server->lacked = true;
}

void connection_wait(struct http_server *server, struct connection *connection, enum wait wait)
{
    if (connection->wait != WAIT_NOTHING)
        g_queue_unlink(&server->waiting[connection->wait], &connection->link);
    connection->wait = wait;
    if (wait == WAIT_NOTHING)
        return;
    connection->since = clock_monotonic();
    g_queue_push_tail_link(&server->waiting[wait], &connection->link);
}

void connection_trust(struct http_server *server, struct connection *connection)
{
    if (!connection)
        return;
    tally_remove(server->addresses, connection->address);
    connection->address = 0;
}

/* Where a connection counts that nobody has signed in on; 0: nowhere. */
static guint64 counted_address(const struct http_server *server, const struct sockaddr *peer)
{
    guint64 address = limit_address(peer);
    bool is_free = limit_address_is_loopback(address) || proxies_have(server->proxies, peer);
    return is_free ? 0 : address;
}

static void on_connection(void *data, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = data;
    struct connection *connection = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = connection = g_new0(struct connection, 1);
        connection->fd = info->connect_fd;
        connection->link.data = connection;
        connection->wait = WAIT_NOTHING;
        connection_wait(server, connection, WAIT_HEAD);
        info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        connection->address = info ? counted_address(server, info->client_addr) : 0;
        tally_add(server->addresses, connection->address);
        metric_add(METRIC_HTTP_CONNECTIONS, 1);
        return;
    }
    connection_wait(server, connection, WAIT_NOTHING);
    connection_trust(server, connection);
    g_free(connection);
    *context = NULL;
    metric_add(METRIC_HTTP_CONNECTIONS, -1);
}

/* Lets libmicrohttpd find the end of the connection; memory is freed on its way. */
static void connection_cut(struct http_server *server, struct connection *connection)
{
    connection_wait(server, connection, WAIT_NOTHING);
    shutdown(connection->fd, SHUT_RDWR);
}

static void cut_all(struct http_server *server, enum wait wait)
{
    while (server->waiting[wait].head)
        connection_cut(server, server->waiting[wait].head->data);
}

static void server_serve(struct http_server *server)
{
    server->run_wanted = false;
    MHD_run(server->daemon);
    MHD_UNSIGNED_LONG_LONG timeout;
    /* A timeout of 0 means that it has read-ready sockets left: its events are edge-triggered. */
    if (MHD_get_timeout(server->daemon, &timeout) == MHD_YES && timeout == 0)
        server_want_run(server);
}

static void on_serving(struct loop_watch *watch, uint32_t events)
{
    (void)events;
    server_serve(loop_owner(watch, struct http_server, serving));
}

static void at_turn_end(void *data)
{
    struct http_server *server = data;
    server->evicted = 0;
    for (unsigned i = 0; server->run_wanted && i < RUNS_PER_TURN; i++)
        server_serve(server);
}

static void refuse_connection(int fd, enum error_code code, const char *detail)
{
    metric_add(METRIC_HTTP_REFUSED, 1);
    reply_in_the_middle(fd, code, detail);
    close(fd);
}

static bool is_full(const struct http_server *server)
{
    return metric_get(METRIC_HTTP_CONNECTIONS) + metric_get(METRIC_WS_SOCKETS) >=
           server->core->options->http_connections_max;
}

/* Ends the connection that has done nothing for the longest time. False if each does something, or
 * if enough were ended in this turn: they are gone at its end. */
static bool evict_one(struct http_server *server)
{
    static const enum wait idle[] = {WAIT_HEAD, WAIT_REQUEST};
    for (size_t i = 0; i < G_N_ELEMENTS(idle) && server->evicted < EVICTIONS_PER_TURN; i++) {
        if (!server->waiting[idle[i]].head)
            continue;
        connection_cut(server, server->waiting[idle[i]].head->data);
        server->evicted++;
        metric_add(METRIC_HTTP_EVICTED, 1);
        server_want_run(server);
        return true;
    }
    return false;
}

static bool has_too_many(const struct http_server *server, const struct sockaddr *peer)
{
    gint64 most = server->core->options->limits_address_connections;
    return most > 0 && tally_get(server->addresses, counted_address(server, peer)) >= most;
}

static void reserve_open(struct http_server *server)
{
    if (server->reserve < 0)
        server->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* There are no descriptors left: with the one in reserve the waiting client is told to go, else it
 * would keep the listener ready and us busy. Without it, or if that does not help, accepting
 * pauses for up to a second. Whether there may be more clients. */
static bool turn_one_away(struct http_server *server)
{
    int fd = -1;
    if (server->reserve >= 0) {
        close(server->reserve);
        server->reserve = -1;
        fd = accept4(server->accepting.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && errno == EAGAIN) { /* accept() wants a descriptor before it looks */
            reserve_open(server);
            return false;
        }
    }
    server_note_starved(server);
    if (fd >= 0)
        refuse_connection(fd, ERROR_UNAVAILABLE, "too many connections");
    reserve_open(server);
    if (fd >= 0 && server->reserve >= 0)
        return true;
    server->paused = true;
    loop_modify(&server->accepting, 0);
    return false;
}

static void on_accepting(struct loop_watch *watch, uint32_t events)
{
    (void)events;
    struct http_server *server = loop_owner(watch, struct http_server, accepting);
    for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage address;
        socklen_t length = sizeof address;
        int on = 1;
        int fd =
            accept4(watch->fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) &&
            turn_one_away(server))
            continue;
        if (fd < 0)
            return;
        if (has_too_many(server, (const struct sockaddr *)&address)) {
            refuse_connection(fd, ERROR_RATE_LIMITED, "too many connections from this address");
            continue;
        }
        if (is_full(server) && !evict_one(server)) {
            refuse_connection(fd, ERROR_UNAVAILABLE, "too many connections");
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        MHD_add_connection(server->daemon, fd, (struct sockaddr *)&address, length);
        server_want_run(server);
    }
}

static gboolean on_second(void *data)
{
    struct http_server *server = data;
    gint64 now = clock_monotonic();
    for (enum wait wait = 0; wait < WAIT_NOTHING; wait++) {
        while (server->waiting[wait].head) {
            struct connection *connection = server->waiting[wait].head->data;
            if (now - connection->since < server->patience[wait])
                break;
            connection->late = true;
            if (wait == WAIT_BODY || wait == WAIT_PIECE)
                reply_in_the_middle(connection->fd, ERROR_UPLOAD_TIMEOUT, NULL);
            connection_cut(server, connection);
        }
    }
    server->starved = server->lacked;
    server->lacked = false;
    reserve_open(server);
    if (server->paused && server->accepting.fd >= 0) {
        server->paused = false;
        loop_modify(&server->accepting, EPOLLIN);
    }
    server_want_run(server);
    return G_SOURCE_CONTINUE;
}

/* Paths and queries are decoded piece by piece, later: %00 and %2F must not be taken for NUL and a
 * slash. */
static size_t keep_escaped(void *data, struct MHD_Connection *mhd, char *text)
{
    (void)data;
    (void)mhd;
    return strlen(text);
}

static char **split_words(const char *text)
{
    GPtrArray *words = g_ptr_array_new();
    g_auto(GStrv) parts = g_strsplit_set(text ? text : "", " \t,", -1);
    for (char **part = parts; *part; part++) {
        if ((*part)[0])
            g_ptr_array_add(words, g_strdup(*part));
    }
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(words, FALSE);
}

/* Those that are malformed have been refused with the configuration. */
static char **read_origins(const char *list)
{
    g_auto(GStrv) words = split_words(list);
    GPtrArray *origins = g_ptr_array_new();
    for (char **word = words; *word; word++) {
        char *normal = origin_normal(*word);
        if (normal)
            g_ptr_array_add(origins, normal);
    }
    g_ptr_array_add(origins, NULL);
    return (char **)g_ptr_array_free(origins, FALSE);
}

static GArray *read_proxies(const char *list)
{
    g_auto(GStrv) words = split_words(list);
    return proxies_new((const char *const *)words);
}

/* Without its strict mode the library leaves a missing Host to head_read: its own answer there has
 * its head twice (0.9.75). */
static struct MHD_Daemon *start_daemon(struct http_server *server)
{
    const struct options *options = server->core->options;
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE, 0,
        NULL, NULL, exchange_handle, server, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)options->http_connections_max + EVICTIONS_PER_TURN + 16,
        MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, server,
        MHD_OPTION_NOTIFY_COMPLETED, exchange_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped, NULL, MHD_OPTION_END);
}

static bool server_start(struct http_server *server, GError **error)
{
    const struct options *options = server->core->options;
    server->accepting.fd = listener_open(options->http_listen, (unsigned)options->http_port, error);
    if (server->accepting.fd < 0)
        return false;
    server->daemon = start_daemon(server);
    if (!server->daemon) {
        g_set_error_literal(error, TRESTLE_ERROR_DOMAIN, ERROR_INTERNAL, "libmicrohttpd refuses");
        return false;
    }
    server->serving.fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    loop_add(&server->serving, EPOLLIN);
    loop_add(&server->accepting, EPOLLIN);
    loop_at_turn_end(at_turn_end, server);
    server->timer = g_timeout_add_seconds(1, on_second, server);
    return true;
}

struct http_server *http_server_new(struct core *core, const struct websocket_upgrade *upgrade,
                                    GError **error)
{
    const struct options *options = core->options;
    struct http_server *server = g_new0(struct http_server, 1);
    server->core = core;
    server->routes = routes_new(core->operations);
    if (upgrade)
        server->upgrade = *upgrade;
    server->origins = read_origins(options->http_origins);
    server->proxies = read_proxies(options->http_proxies);
    server->addresses = tally_new();
    server->spare = g_ptr_array_new_with_free_func(g_free);
    server->accepting = (struct loop_watch){.fd = -1, .ready = on_accepting};
    server->serving = (struct loop_watch){.fd = -1, .ready = on_serving};
    server->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    metric_set(METRIC_CONNECTIONS_MAX, options->http_connections_max);
    gint64 idle = options->http_idle_timeout * G_USEC_PER_SEC;
    gint64 body = MAX(BODY_PATIENCE, options->http_body_max / BODY_RATE * G_USEC_PER_SEC);
    server->patience[WAIT_HEAD] = MIN(HEAD_PATIENCE, idle);
    server->patience[WAIT_BODY] = MIN(body, idle);
    server->patience[WAIT_PIECE] = MIN(BODY_PATIENCE, idle);
    server->patience[WAIT_REFUSED] = MIN(REFUSED_PATIENCE, idle);
    server->patience[WAIT_CLIENT] = idle;
    server->patience[WAIT_REQUEST] = idle;
    if (http_server_renew_pages(server, options, error) && server_start(server, error))
        return server;
    http_server_free(server);
    return NULL;
}

bool http_server_renew_pages(struct http_server *server, const struct options *options,
                             GError **error)
{
    struct pages *pages = NULL;
    const char *root = options->http_web_root;
    const char *url = options->media_url ? options->media_url : "";
    const char *cdn = options->media_cdn ? options->media_cdn : "";
    g_autofree char *media = g_strstrip(g_strconcat(url, " ", cdn, NULL));
    const struct page_site site = {.media = media,
                                   .name = options->http_web_name,
                                   .sign_in = options->http_web_sign_in,
                                   .errors = options->http_web_errors,
                                   .password = options->bound_hosts[0] != '\0'};
    if (root[0] && !(pages = pages_load(root, &site, error)))
        return false;
    pages_free(server->pages);
    server->pages = pages;
    return true;
}

static void close_listener(struct http_server *server)
{
    if (server->accepting.fd < 0)
        return;
    loop_remove(&server->accepting);
    close(server->accepting.fd);
    server->accepting.fd = -1;
}

static gboolean on_stop_poll(void *data)
{
    struct http_server *server = data;
    bool busy = server->running.length > 0 || server->waiting[WAIT_BODY].length > 0 ||
                server->waiting[WAIT_PIECE].length > 0 ||
                server->waiting[WAIT_REFUSED].length > 0 ||
                server->waiting[WAIT_CLIENT].length > 0 || server->streams.length > 0;
    if (busy && clock_monotonic() < server->stop_deadline)
        return G_SOURCE_CONTINUE;
    server->stop_timer = 0;
    server->stopped(server->stopped_data); /* may free the server */
    return G_SOURCE_REMOVE;
}

void http_server_stop(struct http_server *server, guint milliseconds, void (*done)(void *data),
                      void *data)
{
    g_return_if_fail(!server->stopping);
    server->stopping = true;
    server->stopped = done;
    server->stopped_data = data;
    server->stop_deadline = clock_monotonic() + milliseconds * G_TIME_SPAN_MILLISECOND;
    close_listener(server);
    cut_all(server, WAIT_HEAD);
    cut_all(server, WAIT_REQUEST);
    server_want_run(server);
    server->stop_timer = g_timeout_add(STOP_POLL, on_stop_poll, server);
}

/* Resumed without an answer, requests lose their connection; libmicrohttpd must not be stopped
 * while one is suspended. */
static void stop_daemon(struct http_server *server)
{
    server->ending = true;
    for (GList *link = server->running.head; link; link = link->next) {
        const struct exchange *exchange = link->data;
        if (exchange->connection->wait == WAIT_NOTHING)
            MHD_resume_connection(exchange->mhd);
    }
    cut_all(server, WAIT_PIECE); /* these two are at work and not suspended */
    cut_all(server, WAIT_REFUSED);
    streams_cut(server);
    for (unsigned i = 0; i < 8 && (server->running.length > 0 || server->streams.length > 0); i++)
        MHD_run(server->daemon);
    MHD_run(server->daemon);
    loop_remove(&server->serving);
    MHD_stop_daemon(server->daemon);
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    g_clear_handle_id(&server->timer, g_source_remove);
    g_clear_handle_id(&server->stop_timer, g_source_remove);
    loop_cancel(at_turn_end, server);
    close_listener(server);
    if (server->daemon)
        stop_daemon(server);
    if (server->reserve >= 0)
        close(server->reserve);
    routes_free(server->routes);
    pages_free(server->pages);
    g_strfreev(server->origins);
    g_array_unref(server->proxies);
    tally_free(server->addresses);
    g_ptr_array_unref(server->spare);
    g_free(server);
}

unsigned http_server_port(const struct http_server *server)
{
    return listener_port(server->accepting.fd);
}
