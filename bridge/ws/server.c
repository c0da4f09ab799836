/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The set of sockets, their common timer and receive buffer, and the end of each turn. */
#include "config.h"

#include <string.h>

#include "bridge/account/session.h"
#include "bridge/account/token.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/base/tally.h"
#include "bridge/core/core.h"
#include "bridge/ws/auth.h"
#include "bridge/ws/command.h"
#include "bridge/ws/deflate.h"
#include "bridge/ws/server.h"
#include "bridge/ws/socket.h"

/* A socket that is marked while the list is walked comes in the next turn. */
static void flush_marked(struct ws_server *server)
{
    struct ws_socket *socket = server->dirty;
    server->dirty = NULL;
    while (socket) {
        struct ws_socket *next = socket->next_dirty;
        socket->dirty = false;
        socket_flush(socket);
        socket_unref(socket);
        socket = next;
    }
}

static void turn_ends(void *data)
{
    struct ws_server *server = data;
    flush_marked(server);
    if (server->count == 0 && server->stopping && server->stopped) {
        void (*stopped)(void *) = server->stopped;
        server->stopped = NULL;
        stopped(server->stopped_data);
    }
}

struct ws_server *ws_server_new(struct core *core)
{
    const struct options *options = core->options;
    struct ws_server *server = g_new0(struct ws_server, 1);
    server->core = core;
    server->input = g_malloc(SOCKET_INPUT_SIZE);
    server->addresses = tally_new();
    server->readers = g_ptr_array_new_with_free_func((GDestroyNotify)frame_reader_free);
    server->commands = command_table_new(core);
    server->dialect = dialect_find(options->websocket_dialect);
    if (!server->dialect) /* options_check has seen to it */
        server->dialect = &dialect_native;
    server->deflate = strcmp(options->websocket_deflate, "on") == 0 ? deflate_new() : NULL;
    server->limits.message_max = (size_t)options->websocket_message_max;
    server->limits.fragments_max = (unsigned)options->websocket_fragments_max;
    server->greeting_limits = server->limits;
    server->greeting_limits.message_max = MIN(server->limits.message_max, TOKEN_MAX + 1024);
    wheel_init(&server->wheel, clock_monotonic());
    loop_at_turn_end(turn_ends, server);
    return server;
}

static void entry_due(struct wheel_entry *entry, void *data)
{
    (void)data;
    socket_deadline(loop_owner(entry, struct ws_socket, deadline));
}

void ws_server_tick(struct ws_server *server)
{
    gint64 now = clock_monotonic();
    wheel_advance(&server->wheel, now, entry_due, NULL);
    if (!server->stopping || now + WHEEL_TICK < server->stop_at)
        return;
    for (struct ws_socket *socket = server->sockets; socket; socket = socket->next)
        socket_kill(socket);
}

static gboolean timer_fired(gpointer data)
{
    struct ws_server *server = data;
    if (server->count == 0) {
        server->timer = 0;
        return G_SOURCE_REMOVE;
    }
    ws_server_tick(server);
    return G_SOURCE_CONTINUE;
}

enum error_code ws_server_admit(const struct ws_server *server, guint64 address)
{
    const struct options *options = server->core->options;
    enum error_code code = ERROR_NONE;
    if (options->limits_address_sockets > 0 &&
        tally_get(server->addresses, address) >= options->limits_address_sockets)
        code = ERROR_RATE_LIMITED;
    else if (server->unsigned_count >= options->http_connections_max / 2)
        code = ERROR_UNAVAILABLE;
    return code;
}

void ws_server_adopt(struct ws_server *server, const struct ws_arrival *arrival)
{
    const struct credentials *credentials = arrival->credentials;
    const struct dialect *chosen = dialect_find(arrival->dialect);
    struct ws_socket *socket =
        socket_new(server, arrival->fd, chosen ? chosen : server->dialect, credentials->address);
    if (!socket)
        return;
    socket->deflates = arrival->deflates && server->deflate;
    if (server->timer == 0)
        server->timer = g_timeout_add(WHEEL_TICK / 1000, timer_fired, server);
    if (server->stopping)
        socket_close(socket, CLOSE_GOING_AWAY, "");
    else if (credentials->token)
        auth_begin(socket, credentials, arrival->cursor, NULL);
    socket_receive(socket, arrival->extra, arrival->extra_length);
}

void ws_server_stop(struct ws_server *server, unsigned milliseconds, void (*stopped)(void *data),
                    void *data)
{
    gint64 now = clock_monotonic();
    server->stopping = true;
    server->stop_at = now + (gint64)milliseconds * 1000;
    server->stopped = stopped;
    server->stopped_data = data;
    for (struct ws_socket *socket = server->sockets; socket; socket = socket->next)
        socket_go_away(socket, now + (gint64)milliseconds * 500);
    loop_wake();
}

void ws_server_free(struct ws_server *server)
{
    if (!server)
        return;
    loop_cancel(turn_ends, server);
    if (server->timer)
        g_source_remove(server->timer);
    while (server->sockets)
        socket_destroy(server->sockets);
    flush_marked(server); /* drops the list's references */
    g_ptr_array_unref(server->readers);
    tally_free(server->addresses);
    g_hash_table_unref(server->commands);
    deflate_free(server->deflate);
    g_free(server->input);
    g_free(server);
}
