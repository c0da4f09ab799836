/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replay of missed events. Two phases: reading (events is NULL) and feeding; by turns, when there
 * is more than is read at once. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/cursor.h"
#include "bridge/core/resume.h"
#include "bridge/ws/replay.h"
#include "bridge/ws/socket.h"
#include "bridge/ws/text_frame.h"

#define WAITING_MAX 1024

struct replay {
    struct ws_socket *socket; /* reference held */
    char *id;
    bool reading; /* the callback is still to come; it frees what was cancelled meanwhile */
    bool cancelled;
    GPtrArray *events;  /* struct event *, references; what was missed; NULL while reading */
    gint64 read_to;     /* everything up to it is in events, or was sent */
    bool more;          /* and more is in the log */
    guint next;         /* of events, to be sent */
    GPtrArray *waiting; /* live events in the order they came; references */
    gsize waiting_bytes;
    gint64 seen_from, seen_to; /* events in (from, to] were sent live before the replay began */
    gint64 position;           /* of the last event sent, or where the replay began */
    guint count;               /* events sent */
};

static void free_replay(struct replay *replay)
{
    g_clear_pointer(&replay->events, g_ptr_array_unref);
    g_clear_pointer(&replay->waiting, g_ptr_array_unref);
    g_free(replay->id);
    socket_unref(replay->socket);
    g_free(replay);
}

/* Sending may close a slow reader, which cancels the replay: whoever sends its last frames detaches
 * it first. Memory goes at once, or with the read's callback. Returns what was held back. */
static GPtrArray *replay_detach(struct replay *replay)
{
    GPtrArray *waiting = g_steal_pointer(&replay->waiting);
    replay->socket->replay = NULL;
    replay->cancelled = true;
    if (!replay->reading)
        free_replay(replay);
    return waiting;
}

void replay_cancel(struct ws_socket *socket)
{
    if (socket->replay)
        g_ptr_array_unref(replay_detach(socket->replay));
}

static void send_cursor_frame(struct ws_socket *socket, struct dialect_frame frame, gint64 position,
                              const guint *count)
{
    char cursor[CURSOR_TEXT_SIZE];
    char payload[CURSOR_TEXT_SIZE + 64];
    cursor_format(socket->server->core->epoch, position, cursor);
    if (count)
        g_snprintf(payload, sizeof payload, "{\"cursor\":\"%s\",\"count\":%u}", cursor, *count);
    else
        g_snprintf(payload, sizeof payload, "{\"cursor\":\"%s\"}", cursor);
    frame.cursor = cursor;
    frame.payload = payload;
    g_autoptr(GBytes) bytes = text_frame_of(socket->dialect, &frame);
    /* It counts as an event: who has it, has everything up to POSITION. */
    socket_send_text(socket, bytes, position > 0 ? position : OUTPUT_CONTROL);
}

/* The client has to fetch its state anew; from POSITION on it gets everything. */
static void send_resync(struct ws_socket *socket, const char *id, gint64 position)
{
    socket->floor = MAX(socket->floor, position);
    socket->live_from = position;
    send_cursor_frame(socket, (struct dialect_frame){.type = "resync", .id = id}, position, NULL);
}

/* Returns how many were sent; *ret_position becomes that of the last one. */
static guint send_waiting(struct ws_socket *socket, GPtrArray *waiting, gint64 *ret_position)
{
    guint count = 0;
    for (guint i = 0; i < waiting->len; i++) {
        struct event *event = waiting->pdata[i];
        if (event->position <= socket->floor)
            continue;
        socket_send_event(socket, event);
        *ret_position = event->position;
        count++;
    }
    return count;
}

void replay_hold(struct ws_socket *socket, struct event *event)
{
    struct replay *replay = socket->replay;
    gsize ceiling = (gsize)socket->server->core->options->websocket_send_buffer_max;
    if (replay->waiting->len < WAITING_MAX &&
        replay->waiting_bytes + event->payload_length <= ceiling) {
        g_ptr_array_add(replay->waiting, event_ref(event));
        replay->waiting_bytes += event->payload_length;
        return;
    }
    /* Too far behind: this event is the newest of those that the client has to fetch. */
    g_autofree char *id = g_steal_pointer(&replay->id);
    g_ptr_array_unref(replay_detach(replay));
    send_resync(socket, id, event->position);
}

void replay_missed(struct ws_socket *socket, gint64 position)
{
    g_autofree char *id = socket->replay ? g_steal_pointer(&socket->replay->id) : NULL;
    replay_cancel(socket);
    send_resync(socket, id, position);
}

/* Everything missed is queued: what was held back follows, and live events flow again. */
static void replay_finish(struct replay *replay)
{
    struct ws_socket *socket = replay->socket;
    g_autofree char *id = g_steal_pointer(&replay->id);
    gint64 position = MAX(replay->position, socket->floor);
    guint count = replay->count;
    g_autoptr(GPtrArray) waiting = replay_detach(replay);
    count += send_waiting(socket, waiting, &position);
    socket->live_from = position;
    send_cursor_frame(socket, (struct dialect_frame){.type = "resumed", .id = id}, position,
                      &count);
}

static bool was_seen(const struct replay *replay, const struct event *event)
{
    return event->position > replay->seen_from && event->position <= replay->seen_to;
}

static void read_done(const struct resume_result *result, void *data);

static void read_on(struct replay *replay)
{
    const struct ws_socket *socket = replay->socket;
    g_clear_pointer(&replay->events, g_ptr_array_unref);
    replay->next = 0;
    replay->more = false;
    replay->reading = true;
    resume_read(socket->server->core, socket->subscriber.account, replay->read_to, read_done,
                replay);
}

void replay_feed(struct ws_socket *socket)
{
    struct replay *replay = socket->replay;
    if (!replay || !replay->events)
        return;
    gsize half = (gsize)socket->server->core->options->websocket_send_buffer_max / 2;
    while (replay->next < replay->events->len) {
        if (socket->output.bytes > half)
            return;
        struct event *event = replay->events->pdata[replay->next++];
        replay->position = event->position;
        if (was_seen(replay, event))
            continue;
        replay->count++;
        socket_send_event(socket, event);
        if (socket->replay != replay)
            return;
    }
    if (replay->more)
        read_on(replay);
    else
        replay_finish(replay);
}

static void read_failed(struct replay *replay, const struct resume_result *result)
{
    struct ws_socket *socket = replay->socket;
    g_autofree char *id = g_steal_pointer(&replay->id);
    g_autoptr(GPtrArray) waiting = replay_detach(replay);
    gint64 ignored;
    if (result->error != ERROR_NONE)
        socket_fail(socket, id, result->error, "what was missed cannot be read now", NULL);
    else
        send_resync(socket, id, result->position);
    send_waiting(socket, waiting, &ignored);
}

static void read_done(const struct resume_result *result, void *data)
{
    struct replay *replay = data;
    struct ws_socket *socket = replay->socket;
    replay->reading = false;
    if (replay->cancelled) {
        free_replay(replay);
        return;
    }
    if (result->error != ERROR_NONE || result->resync) {
        read_failed(replay, result);
        return;
    }
    socket->floor = MAX(socket->floor, result->position);
    replay->read_to = result->position;
    replay->more = result->has_more;
    replay->events = g_ptr_array_new_full(result->events->len, (GDestroyNotify)event_unref);
    for (guint i = 0; i < result->events->len; i++)
        g_ptr_array_add(replay->events, event_ref(result->events->pdata[i]));
    replay_feed(socket);
}

void replay_begin(struct ws_socket *socket, const char *cursor, const char *id)
{
    struct core *core = socket->server->core;
    gint64 from;
    if (socket->replay) {
        socket_fail(socket, id, ERROR_CONFLICT, "a resume is under way", NULL);
        return;
    }
    if (!cursor_accept(cursor, core->epoch, core->past, &from)) {
        send_resync(socket, id, event_position(core, socket->subscriber.account));
        return;
    }
    struct replay *replay = g_new0(struct replay, 1);
    replay->socket = socket_ref(socket);
    replay->id = g_strdup(id);
    replay->waiting = g_ptr_array_new_with_free_func((GDestroyNotify)event_unref);
    replay->position = from;
    if (from <= socket->live_from) {
        replay->seen_from = socket->live_from;
        replay->seen_to = socket_newest_position(socket);
    }
    /* From here on the client has what the replay has brought, whatever came live before. */
    output_forget_positions(&socket->output);
    socket->position = from;
    replay->read_to = from;
    socket->replay = replay;
    read_on(replay);
}
