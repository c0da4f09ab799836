/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One WebSocket: reading, writing, closing, heartbeat. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/account/account.h"
#include "bridge/account/session.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/base/tally.h"
#include "bridge/core/core.h"
#include "bridge/core/cursor.h"
#include "bridge/core/request.h"
#include "bridge/ws/command.h"
#include "bridge/ws/replay.h"
#include "bridge/ws/socket.h"
#include "bridge/ws/text_frame.h"

#define CLOSE_TIMEOUT (2 * G_USEC_PER_SEC) /* for the peer's part of the closing handshake */
#define HEARTBEATS_MISSED_MAX 2

static void socket_ready(struct loop_watch *watch, uint32_t events);
static void subscriber_deliver(struct subscriber *subscriber, struct event *event);
static void subscriber_revoked(struct subscriber *subscriber);
static void subscriber_missed(struct subscriber *subscriber, gint64 position);
static void start_anew(struct subscriber *subscriber, gint64 position);

static gint64 in_seconds(gint64 count)
{
    return count * G_USEC_PER_SEC;
}

/* The list holds a reference: a socket may be destroyed while it is in it. */
static void socket_mark(struct ws_socket *socket)
{
    if (!socket->dirty) {
        socket->dirty = true;
        socket->next_dirty = socket->server->dirty;
        socket->server->dirty = socket_ref(socket);
    }
    loop_wake();
}

static void set_deadline(struct ws_socket *socket, gint64 due)
{
    wheel_set(&socket->server->wheel, &socket->deadline, due);
}

static void socket_count(struct ws_socket *socket, bool counted)
{
    struct ws_server *server = socket->server;
    if (socket->counted == counted)
        return;
    socket->counted = counted;
    server->unsigned_count += counted ? 1 : -1U;
    (counted ? tally_add : tally_remove)(server->addresses, socket->address);
    metric_set(METRIC_WS_UNSIGNED, server->unsigned_count);
}

struct ws_socket *socket_new(struct ws_server *server, int fd, const struct dialect *dialect,
                             guint64 address)
{
    struct ws_socket *socket = g_new0(struct ws_socket, 1);
    socket->references = 1;
    socket->watch = (struct loop_watch){.fd = fd, .ready = socket_ready};
    socket->subscriber = (struct subscriber){.kind = "socket",
                                             .deliver = subscriber_deliver,
                                             .revoked = subscriber_revoked,
                                             .missed = subscriber_missed,
                                             .start_anew = start_anew,
                                             .repeats = dialect && dialect->repeats};
    socket->server = server;
    socket->address = address;
    socket->dialect = dialect;
    socket->state = SOCKET_GREETING;
    socket->interest = EPOLLIN;
    int on = 1; /* fails on sockets that are not TCP, which is fine */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!loop_add(&socket->watch, socket->interest)) {
        log_warning(AREA_WS, "watch-failed", "error=\"%s\"", g_strerror(errno));
        close(fd);
        g_free(socket);
        return NULL;
    }
    socket->next = server->sockets;
    socket->link = &server->sockets;
    if (socket->next)
        socket->next->link = &socket->next;
    server->sockets = socket;
    server->count++;
    metric_set(METRIC_WS_SOCKETS, server->count);
    socket_count(socket, true);
    set_deadline(socket,
                 clock_monotonic() + in_seconds(server->core->options->websocket_auth_timeout));
    return socket;
}

struct ws_socket *socket_ref(struct ws_socket *socket)
{
    socket->references++;
    return socket;
}

void socket_unref(struct ws_socket *socket)
{
    if (--socket->references == 0)
        g_free(socket);
}

/* The codes that are counted by name; peers may send others. */
static const char *close_text(guint16 code)
{
    static const struct {
        guint16 code;
        const char *text;
    } codes[] = {{0, "1006"},    {1000, "1000"}, {1001, "1001"}, {1002, "1002"}, {1003, "1003"},
                 {1005, "1005"}, {1007, "1007"}, {1008, "1008"}, {1009, "1009"}, {1011, "1011"},
                 {1013, "1013"}, {4401, "4401"}, {4408, "4408"}};
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (codes[i].code == code)
            return codes[i].text;
    }
    return "other";
}

static void socket_log_end(const struct ws_socket *socket)
{
    const char *user = socket->subscriber.account->id_text;
    char session[UUID_TEXT_SIZE];
    uuid_format(&socket->subscriber.session, session);
    gint64 seconds = (clock_monotonic() - socket->opened_at) / G_USEC_PER_SEC;
    log_info(AREA_WS, "client-disconnected", "user=%s session=%s code=%s seconds=%" G_GINT64_FORMAT,
             user, session, close_text(socket->close), seconds);
    log_access("disconnected", "user=%s session=%s code=%s seconds=%" G_GINT64_FORMAT, user,
               session, close_text(socket->close), seconds);
}

static void socket_unsubscribe(struct ws_socket *socket)
{
    if (socket->subscribed) {
        socket_log_end(socket);
        subscriber_remove(socket->server->core, &socket->subscriber);
    }
    socket->subscribed = false;
}

void socket_refused(struct ws_socket *socket, const char *reason)
{
    if (!socket->told)
        metric_add_of(METRIC_WS_REFUSED, reason, 1);
    socket->told = true;
}

/* Every socket counts once as opened or as refused, and those that were opened once as closed. */
static void socket_count_end(struct ws_socket *socket)
{
    if (!socket->opened) {
        socket_refused(socket, "left");
        return;
    }
    metric_add_of(METRIC_WS_CLOSED, close_text(socket->close), 1);
}

static void socket_log_open(const struct ws_socket *socket)
{
    char session[UUID_TEXT_SIZE];
    const char *user = socket->subscriber.account->id_text;
    uuid_format(&socket->subscriber.session, session);
    log_info(AREA_WS, "client-connected", "user=%s session=%s", user, session);
    log_access("connected", "user=%s session=%s", user, session);
}

void socket_destroy(struct ws_socket *socket)
{
    struct ws_server *server = socket->server;
    socket_count_end(socket);
    if (socket->state != SOCKET_DEAD)
        loop_remove(&socket->watch);
    socket->state = SOCKET_DEAD;
    socket_unsubscribe(socket);
    replay_cancel(socket);
    g_clear_pointer(&socket->reader, frame_reader_free);
    output_clear(&socket->output);
    wheel_clear(&socket->deadline);
    *socket->link = socket->next;
    if (socket->next)
        socket->next->link = socket->link;
    close(socket->watch.fd);
    socket_count(socket, false);
    server->count--;
    metric_set(METRIC_WS_SOCKETS, server->count);
    socket->server = NULL;
    socket_unref(socket);
}

void socket_kill(struct ws_socket *socket)
{
    if (socket->state == SOCKET_DEAD)
        return;
    socket->state = SOCKET_DEAD;
    loop_remove(&socket->watch);
    socket_mark(socket);
}

/* Sending ------------------------------------------------------------------------------------ */

static bool can_send(const struct ws_socket *socket)
{
    return socket->state < SOCKET_CLOSING;
}

/* False if the connection is lost. */
static bool write_out(struct ws_socket *socket)
{
    switch (output_write(&socket->output, socket->watch.fd, &socket->position)) {
    case OUTPUT_BLOCKED:
        socket->blocked = true;
        return true;
    case OUTPUT_EMPTY:
        return true;
    case OUTPUT_FAILED:
    default:
        socket_kill(socket);
        return false;
    }
}

static void close_slow(struct ws_socket *socket)
{
    metric_add(METRIC_WS_SLOW_CLOSED, 1);
    replay_cancel(socket);
    output_drop_all(&socket->output);
    socket_close(socket, CLOSE_TRY_LATER, NULL);
}

static void frame_send(struct ws_socket *socket, GBytes *frame, gint64 position, gint64 accepted)
{
    if (!can_send(socket))
        return;
    gsize ceiling = (gsize)socket->server->core->options->websocket_send_buffer_max;
    if (!output_fits(&socket->output, frame, ceiling)) {
        if (position == OUTPUT_EPHEMERAL)
            return;
        output_drop_ephemeral(&socket->output);
        /* A burst within one turn does not make a slow reader. */
        if (!output_fits(&socket->output, frame, ceiling) && !socket->blocked && !write_out(socket))
            return;
        if (!output_fits(&socket->output, frame, ceiling)) {
            close_slow(socket);
            return;
        }
    }
    output_push(&socket->output, frame, position, accepted);
    socket_mark(socket);
}

void socket_send_text(struct ws_socket *socket, GBytes *frame, gint64 position)
{
    g_autoptr(GBytes) packed =
        socket->deflates ? frame_deflate(frame, socket->server->deflate) : NULL;
    frame_send(socket, packed ? packed : frame, position, 0);
}

void socket_log_frame(const struct ws_socket *socket, const char *name, const char *type,
                      size_t bytes)
{
    char session[UUID_TEXT_SIZE];
    if (!log_enabled(LOG_DEBUG, AREA_WS))
        return;
    uuid_format(&socket->subscriber.session, session);
    log_event(LOG_DEBUG, AREA_WS, name, "type=%s bytes=%zu session=%s", type, bytes, session);
}

void socket_send_event(struct ws_socket *socket, struct event *event)
{
    GBytes *frame = text_frame_of_event(socket->dialect, event, socket->server->core->epoch);
    if (frame && socket->deflates)
        frame = text_frame_deflated(socket->dialect, event, socket->server->deflate);
    if (!frame)
        return;
    socket_log_frame(socket, "frame-sent", event_type_name(event->type), g_bytes_get_size(frame));
    frame_send(socket, frame, MAX(event->position, OUTPUT_EPHEMERAL), event->accepted);
}

void socket_send_frame(struct ws_socket *socket, const struct dialect_frame *frame)
{
    if (!can_send(socket))
        return;
    g_autoptr(GBytes) bytes = text_frame_of(socket->dialect, frame);
    if (!bytes)
        return;
    socket_log_frame(socket, "frame-sent", frame->type, g_bytes_get_size(bytes));
    socket_send_text(socket, bytes, OUTPUT_CONTROL);
}

void socket_fail(struct ws_socket *socket, const char *id, enum error_code code, const char *detail,
                 const char *pointer)
{
    struct uuid request;
    char request_id[UUID_TEXT_SIZE];
    uuid_generate(&request);
    uuid_format(&request, request_id);
    g_auto(buffer) payload = BUFFER_INIT(4096);
    buffer_append_string(&payload, "{\"problem\":");
    problem_write(&payload, &(struct problem){.code = code,
                                              .detail = detail,
                                              .pointer = pointer,
                                              .request_id = request_id});
    buffer_append_string(&payload, "}");
    socket_send_frame(socket,
                      &(struct dialect_frame){.type = "error", .id = id, .payload = payload.data});
}

static void subscriber_deliver(struct subscriber *subscriber, struct event *event)
{
    struct ws_socket *socket = loop_owner(subscriber, struct ws_socket, subscriber);
    if (socket->state != SOCKET_OPEN)
        return;
    if (event->position > 0 && event->position <= socket->floor)
        return;
    if (event->position > 0 && socket->replay)
        replay_hold(socket, event);
    else
        socket_send_event(socket, event);
}

static void subscriber_revoked(struct subscriber *subscriber)
{
    struct ws_socket *socket = loop_owner(subscriber, struct ws_socket, subscriber);
    socket_close(socket, CLOSE_UNAUTHENTICATED, subscriber->why ? subscriber->why : "signed out");
}

static void start_anew(struct subscriber *subscriber, gint64 position)
{
    struct ws_socket *socket = loop_owner(subscriber, struct ws_socket, subscriber);
    output_forget_positions(&socket->output);
    socket->floor = 0;
    socket->position = socket->live_from = position;
    if (socket->state == SOCKET_OPEN)
        replay_missed(socket, position);
}

static void subscriber_missed(struct subscriber *subscriber, gint64 position)
{
    struct ws_socket *socket = loop_owner(subscriber, struct ws_socket, subscriber);
    if (socket->state == SOCKET_OPEN)
        replay_missed(socket, position);
}

/* Closing ------------------------------------------------------------------------------------ */

gint64 socket_newest_position(const struct ws_socket *socket)
{
    const struct output *output = &socket->output;
    for (guint32 i = output->count; i > 0; i--) {
        if (output->items[output->first + i - 1].position > 0)
            return output->items[output->first + i - 1].position;
    }
    return socket->position;
}

void socket_close(struct ws_socket *socket, enum close_code code, const char *reason)
{
    if (!can_send(socket))
        return;
    char cursor[CURSOR_TEXT_SIZE] = "";
    if (!reason && socket->state == SOCKET_OPEN && !socket->close_received)
        cursor_format(socket->server->core->epoch, socket_newest_position(socket), cursor);
    replay_cancel(socket);
    g_autoptr(GBytes) frame = frame_make_close(code, reason ? reason : cursor);
    output_push(&socket->output, frame, OUTPUT_CONTROL, 0);
    socket->state = SOCKET_CLOSING;
    socket->close = (guint16)code;
    socket->pauses = 0;
    set_deadline(socket, clock_monotonic() + CLOSE_TIMEOUT);
    log_debug(AREA_WS, "close", "code=%d", (int)code);
    socket_mark(socket);
}

void socket_go_away(struct ws_socket *socket, gint64 until)
{
    if (socket->state != SOCKET_OPEN || socket->pending == 0) {
        socket_close(socket, CLOSE_GOING_AWAY, NULL);
        return;
    }
    socket->going_away = true;
    socket_pause(socket, PAUSE_STOP);
    set_deadline(socket, until);
}

void socket_command_begins(struct ws_socket *socket)
{
    if (++socket->pending >= SOCKET_PENDING_MAX)
        socket_pause(socket, PAUSE_PENDING);
}

void socket_command_ended(struct ws_socket *socket)
{
    socket->pending--;
    if (socket->state == SOCKET_OPEN && (socket->pauses & PAUSE_PENDING))
        socket_mark(socket); /* this may be inside of reading: go on at the turn's end */
    if (socket->going_away && socket->pending == 0)
        socket_close(socket, CLOSE_GOING_AWAY, NULL);
}

/* Receiving ---------------------------------------------------------------------------------- */

/* False if there are too many of them: each costs as much as a message and buys nothing. */
static bool control_frame_allowed(struct ws_socket *socket)
{
    gint64 second = clock_monotonic() / G_USEC_PER_SEC;
    if (socket->control_second != second) {
        socket->control_second = second;
        socket->control_count = 0;
    }
    if (++socket->control_count <= SOCKET_CONTROL_PER_SECOND)
        return true;
    socket_close(socket, CLOSE_POLICY, "too many control frames");
    return false;
}

static void handle_frame(struct ws_socket *socket, const struct frame *frame)
{
    switch (frame->opcode) {
    case FRAME_TEXT:
        metric_add(METRIC_WS_FRAMES_IN, 1);
        socket->heard_message = true;
        command_receive(socket, frame->data, frame->length);
        break;
    case FRAME_CLOSE:
        socket->close_received = true;
        socket_close(socket, frame->close, NULL);
        break;
    case FRAME_PING:
        if (control_frame_allowed(socket)) {
            g_autoptr(GBytes) pong = frame_make(FRAME_PONG, frame->data, frame->length);
            frame_send(socket, pong, OUTPUT_CONTROL, 0);
        }
        break;
    case FRAME_PONG:
        control_frame_allowed(socket);
        break;
    case FRAME_CONTINUATION:
    case FRAME_BINARY:
    default:
        g_warn_if_reached(); /* the reader does not hand these out */
        break;
    }
}

static gsize output_half(const struct ws_socket *socket)
{
    return (gsize)socket->server->core->options->websocket_send_buffer_max / 2;
}

/* The reader stays with the socket only while it holds something. */
static void settle_reader(struct ws_socket *socket)
{
    GPtrArray *pool = socket->server->readers;
    frame_reader_keep(socket->reader);
    if (can_send(socket) && !frame_reader_is_idle(socket->reader))
        return;
    if (can_send(socket) && pool->len < SOCKET_READERS_MAX)
        g_ptr_array_add(pool, g_steal_pointer(&socket->reader));
    else
        g_clear_pointer(&socket->reader, frame_reader_free);
}

static void read_frames(struct ws_socket *socket)
{
    struct frame frame;
    while (can_send(socket) && !socket->pauses) {
        struct frame_limits limits =
            socket->state == SOCKET_OPEN ? socket->server->limits : socket->server->greeting_limits;
        limits.deflate = socket->deflates ? socket->server->deflate : NULL;
        enum frame_result result = frame_reader_next(socket->reader, &limits, &frame);
        if (result == FRAME_NEED_MORE)
            break;
        if (result == FRAME_FAULT)
            socket_close(socket, frame.close, "");
        else
            handle_frame(socket, &frame);
        if (can_send(socket) && socket->output.bytes > output_half(socket))
            socket_pause(socket, PAUSE_OUTPUT);
    }
    settle_reader(socket);
}

void socket_receive(struct ws_socket *socket, const char *bytes, size_t length)
{
    GPtrArray *pool = socket->server->readers;
    if (!can_send(socket) || length == 0)
        return;
    socket->heard = true;
    if (!socket->reader)
        socket->reader =
            pool->len > 0 ? g_ptr_array_steal_index_fast(pool, pool->len - 1) : frame_reader_new();
    frame_reader_give(socket->reader, bytes, length);
    read_frames(socket);
}

static void update_interest(struct ws_socket *socket)
{
    uint32_t interest = (socket->pauses ? 0U : EPOLLIN) | (socket->blocked ? EPOLLOUT : 0U);
    if (interest == socket->interest || socket->state == SOCKET_DEAD)
        return;
    socket->interest = interest;
    loop_modify(&socket->watch, interest);
}

void socket_pause(struct ws_socket *socket, enum socket_pause reason)
{
    socket->pauses |= (guint8)reason;
    socket_mark(socket);
}

void socket_resume_reading(struct ws_socket *socket, enum socket_pause reason)
{
    if (!(socket->pauses & reason))
        return;
    socket->pauses &= (guint8)~reason;
    socket_mark(socket);
    if (!socket->pauses && socket->reader)
        read_frames(socket);
}

static void input_receive(struct ws_socket *socket)
{
    char *input = socket->server->input;
    size_t size = socket->state == SOCKET_GREETING ? SOCKET_GREETING_INPUT : SOCKET_INPUT_SIZE;
    ssize_t length = recv(socket->watch.fd, input, size, MSG_DONTWAIT);
    if (length > 0)
        socket_receive(socket, input, (size_t)length);
    else if (length == 0 || (errno != EAGAIN && errno != EINTR))
        socket_kill(socket);
}

static void socket_ready(struct loop_watch *watch, uint32_t events)
{
    struct ws_socket *socket = loop_owner(watch, struct ws_socket, watch);
    if (events & EPOLLOUT) {
        socket->blocked = false;
        socket_mark(socket);
    }
    if (events & EPOLLIN)
        input_receive(socket);
    else if (events & (EPOLLERR | EPOLLHUP))
        socket_kill(socket);
}

/* Turns and deadlines ------------------------------------------------------------------------ */

/* Everything is written. True if that was the last of the socket. */
static bool closing_is_over(struct ws_socket *socket)
{
    if (socket->close_received)
        return true;
    if (!socket->shut)
        shutdown(socket->watch.fd, SHUT_WR);
    socket->shut = true; /* the peer answers, or not; either way it closes */
    return false;
}

void socket_flush(struct ws_socket *socket)
{
    if (!socket->server)
        return;
    if (socket->state != SOCKET_DEAD && !socket->blocked && socket->output.count > 0)
        write_out(socket);
    if (socket->state == SOCKET_CLOSING) {
        socket_unsubscribe(socket);
        if (socket->output.count == 0 && closing_is_over(socket))
            socket_kill(socket);
    }
    if (socket->state == SOCKET_DEAD) {
        socket_destroy(socket);
        return;
    }
    if (socket->output.bytes <= output_half(socket)) {
        replay_feed(socket);
        socket_resume_reading(socket, PAUSE_OUTPUT);
    }
    if (socket->pending < SOCKET_PENDING_MAX)
        socket_resume_reading(socket, PAUSE_PENDING);
    update_interest(socket);
}

static void socket_schedule(struct ws_socket *socket)
{
    gint64 left = socket->subscriber.grant.expires - clock_wall();
    gint64 now = clock_monotonic();
    set_deadline(socket, left < socket->heartbeat_due - now ? now + left : socket->heartbeat_due);
}

static void session_kept_on(gint64 expires, void *data)
{
    struct ws_socket *socket = data;
    socket->keeping = false;
    socket->subscriber.grant.renews = expires > 0;
    if (expires > socket->subscriber.grant.expires) {
        socket->subscriber.grant.expires = expires;
        if (socket->state == SOCKET_OPEN)
            socket_schedule(socket);
    }
    socket_unref(socket);
}

/* A socket whose client is there uses its session. */
static void socket_keep(struct ws_socket *socket)
{
    if (socket->keeping || !socket->heard)
        return;
    socket->keeping = session_keep(socket->server->core->sessions, &socket->subscriber.grant,
                                   session_kept_on, socket);
    if (socket->keeping)
        socket_ref(socket);
}

static void socket_heartbeat(struct ws_socket *socket, gint64 now)
{
    gint64 interval = in_seconds(socket->server->core->options->websocket_heartbeat);
    socket->heartbeat_due += interval * ((now - socket->heartbeat_due) / interval + 1);
    socket_keep(socket);
    if (socket->heard)
        socket->missed = 0;
    if (socket->missed >= HEARTBEATS_MISSED_MAX) {
        socket_close(socket, CLOSE_HEARTBEAT, "heartbeat missed");
        return;
    }
    if (!socket->heard_message) {
        g_autoptr(GBytes) ping = frame_make(FRAME_PING, NULL, 0);
        frame_send(socket, ping, OUTPUT_CONTROL, 0);
        socket->missed++;
    }
    socket->heard = false;
    socket->heard_message = false;
}

static void open_deadline(struct ws_socket *socket)
{
    gint64 now = clock_monotonic();
    if (socket->going_away) {
        socket_close(socket, CLOSE_GOING_AWAY, NULL);
        return;
    }
    if (clock_wall() >= socket->subscriber.grant.expires) {
        socket_close(socket, CLOSE_UNAUTHENTICATED, "token expired");
        return;
    }
    if (now >= socket->heartbeat_due)
        socket_heartbeat(socket, now);
    if (socket->state == SOCKET_OPEN)
        socket_schedule(socket);
}

void socket_deadline(struct ws_socket *socket)
{
    switch (socket->state) {
    case SOCKET_GREETING:
        socket_refused(socket, "timeout");
        socket_close(socket, CLOSE_UNAUTHENTICATED, "not authenticated in time");
        break;
    case SOCKET_AUTHENTICATING:
        socket_refused(socket, "unavailable");
        socket_close(socket, CLOSE_TRY_LATER, "unavailable");
        break;
    case SOCKET_OPEN:
        open_deadline(socket);
        break;
    case SOCKET_CLOSING:
        socket_kill(socket);
        break;
    case SOCKET_DEAD:
    default:
        break;
    }
}

void socket_renew(struct ws_socket *socket, const struct grant *grant)
{
    socket->subscriber.grant = *grant;
    socket_schedule(socket);
}

bool socket_is_one_too_many(const struct ws_socket *socket, const struct account *account)
{
    return subscriber_is_one_too_many(account, subscriber_deliver,
                                      socket->server->core->options->limits_sockets);
}

void socket_open(struct ws_socket *socket, struct account *account, const struct grant *grant)
{
    struct core *core = socket->server->core;
    gint64 interval = in_seconds(core->options->websocket_heartbeat);
    socket->state = SOCKET_OPEN;
    socket->told = socket->opened = true;
    metric_add(METRIC_WS_OPENED, 1);
    socket_count(socket, false);
    socket->subscriber.grant = *grant;
    uuid_generate(&socket->subscriber.session);
    socket->position = socket->live_from = event_position(core, account);
    socket->subscribed = true;
    subscriber_add(core, &socket->subscriber, account);
    socket->opened_at = clock_monotonic();
    socket_log_open(socket);
    /* Sockets that came in the same moment are pinged at different ones. */
    socket->heartbeat_due =
        clock_monotonic() + interval / 2 + (gint64)(g_random_double() * (double)interval / 2);
    socket_schedule(socket);
}
