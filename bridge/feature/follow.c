/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log as server-sent events: GET /api/events. Each event's id is its cursor, so that a browser
 * that comes back says by itself where it was. A stream is live, or behind: then what it missed is
 * read from the log once the client has taken what waits, so that a slow one costs no memory. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/cursor.h"
#include "bridge/core/event.h"
#include "bridge/core/feature.h"
#include "bridge/core/resume.h"
#include "bridge/core/stream.h"
#include "bridge/dialect/dialect.h"
#include "bridge/loop/loop.h"

#define HEARTBEAT_MAX (20 * G_USEC_PER_SEC) /* proxies end what is silent for 30 s */
#define EVENT_MAX (4 * 1024 * 1024)         /* bytes of one event */
#define RETRY 2000                          /* milliseconds until a browser comes back */

struct follower {
    struct subscriber subscriber;
    GList link; /* in followers */
    struct core *core;
    struct stream *stream;
    const struct dialect *dialect;
    gint64 position;   /* everything up to here was written, or is not to be */
    GPtrArray *events; /* what was missed, being written; references */
    guint next;        /* of events */
    gint64 read_to;    /* where events end */
    guint replayed;
    gint64 expires;    /* wall clock */
    gint64 written_at; /* clock_monotonic of the last write */
    gint64 taken_at;   /* clock_monotonic when the client was last seen to take something */
    guint64 taken;
    bool reading;  /* the callback is still to come */
    bool behind;   /* there is more in the log */
    bool resuming; /* `resumed` is due */
    bool ended;    /* the stream has gone */
};

static GQueue followers = G_QUEUE_INIT;
static guint timer, ending;

static void follower_pump(struct follower *follower);

/* Ending -----------------------------------------------------------------------------------------
 */

static void follower_forget(struct follower *follower)
{
    if (!follower->ended) {
        follower->ended = true;
        g_queue_unlink(&followers, &follower->link);
        subscriber_remove(follower->core, &follower->subscriber);
        g_clear_pointer(&follower->events, g_ptr_array_unref);
    }
    if (!follower->reading)
        g_free(follower);
}

static void follower_end(struct follower *follower, bool cut)
{
    stream_end(follower->stream, cut);
    follower_forget(follower);
}

static void stream_closed(void *data)
{
    follower_forget(data);
}

static gboolean end_expired(gpointer data)
{
    (void)data;
    ending = 0;
    for (GList *link = followers.head; link;) {
        struct follower *follower = link->data;
        link = link->next;
        if (clock_wall() >= follower->expires)
            follower_end(follower, false);
    }
    return G_SOURCE_REMOVE;
}

/* Not at once: whoever tells us walks through the account's subscribers. */
static void follower_revoked(struct subscriber *subscriber)
{
    struct follower *follower = loop_owner(subscriber, struct follower, subscriber);
    follower->expires = 0;
    if (!ending)
        ending = g_timeout_add(0, end_expired, NULL);
}

/* Writing ----------------------------------------------------------------------------------------
 */

/* CURSOR may be NULL. Line ends in TEXT, which JSON has between values only, become spaces. */
static bool write_event(struct follower *follower, const char *cursor, const char *name,
                        const char *text, size_t length)
{
    g_auto(buffer) out = BUFFER_INIT(EVENT_MAX);
    if (cursor)
        buffer_append_printf(&out, "id: %s\n", cursor);
    buffer_append_printf(&out, "event: %s\ndata: ", name);
    size_t start = out.length;
    buffer_append(&out, text, length);
    for (size_t i = start; i < out.length; i++) {
        if (out.data[i] == '\n' || out.data[i] == '\r')
            out.data[i] = ' ';
    }
    buffer_append_string(&out, "\n\n");
    if (out.overflow)
        return true; /* it never will fit: leave it out */
    follower->written_at = clock_monotonic();
    return stream_write(follower->stream, out.data, out.length);
}

static bool write_frame(struct follower *follower, struct dialect_frame frame, gint64 position)
{
    char cursor[CURSOR_TEXT_SIZE];
    cursor_format(follower->core->epoch, position, cursor);
    g_auto(buffer) text = BUFFER_INIT(65536);
    frame.cursor = cursor;
    follower->dialect->write_frame(&text, &frame);
    const char *name = frame.welcome ? follower->dialect->greeting : frame.type;
    return write_event(follower, cursor, name, text.data, text.length);
}

/* False if there is no room. */
static bool event_show(struct follower *follower, struct event *event)
{
    size_t length;
    char cursor[CURSOR_TEXT_SIZE];
    const struct core *core = follower->core;
    const char *text = dialect_event_text(follower->dialect, event, core->epoch, &length);
    if (!text)
        return true;
    cursor_format(core->epoch, event->position, cursor);
    bool shown = write_event(follower, event->position > 0 ? cursor : NULL,
                             follower->dialect->event_name(event), text, length);
    if (shown && event->accepted > 0)
        metric_observe_of(METRIC_DELIVERY, "stream", clock_monotonic() - event->accepted);
    return shown;
}

static void write_hello(struct follower *follower, gint64 position)
{
    const struct account *user = follower->subscriber.account;
    char text[64];
    g_snprintf(text, sizeof text, "retry: %d\n\n", RETRY);
    stream_write(follower->stream, text, strlen(text));
    g_auto(buffer) payload = BUFFER_INIT(EVENT_MAX);
    struct json_writer json;
    char cursor[CURSOR_TEXT_SIZE];
    cursor_format(follower->core->epoch, position, cursor);
    json_writer_init(&json, &payload);
    json_begin_object(&json);
    json_member_raw(&json, "user", user->json);
    json_member_string(&json, "cursor", cursor);
    json_end_object(&json);
    write_frame(follower,
                (struct dialect_frame){.type = "hello",
                                       .payload = payload.data,
                                       .welcome = follower->core->options->websocket_welcome,
                                       .user_number = user->number},
                position);
}

/* What was missed --------------------------------------------------------------------------------
 */

static void start_anew(struct follower *follower, gint64 position)
{
    char payload[CURSOR_TEXT_SIZE + 32];
    char cursor[CURSOR_TEXT_SIZE];
    cursor_format(follower->core->epoch, position, cursor);
    g_snprintf(payload, sizeof payload, "{\"cursor\":\"%s\"}", cursor);
    follower->position = position;
    follower->resuming = false;
    if (!write_frame(follower, (struct dialect_frame){.type = "resync", .payload = payload},
                     position))
        follower_end(follower, true); /* it comes back with its old cursor and is told then */
}

static void other_log(struct subscriber *subscriber, gint64 position)
{
    struct follower *follower = loop_owner(subscriber, struct follower, subscriber);
    g_clear_pointer(&follower->events, g_ptr_array_unref);
    follower->behind = false;
    follower->read_to = 0;
    start_anew(follower, position);
}

static void log_read(const struct resume_result *result, void *data)
{
    struct follower *follower = data;
    follower->reading = false;
    if (follower->ended) {
        follower_forget(follower);
    } else if (result->error != ERROR_NONE) {
        follower_end(follower, false); /* the browser tries again by itself */
    } else if (result->resync) {
        start_anew(follower, result->position);
    } else {
        follower->events = g_ptr_array_ref(result->events);
        follower->next = 0;
        follower->read_to = result->position;
        follower->behind = follower->behind || result->has_more;
        follower_pump(follower);
    }
}

static void read_log(struct follower *follower)
{
    follower->behind = false;
    follower->reading = true;
    resume_read(follower->core, follower->subscriber.account, follower->position, log_read,
                follower);
}

static void tell_resumed(struct follower *follower)
{
    char payload[CURSOR_TEXT_SIZE + 64];
    char cursor[CURSOR_TEXT_SIZE];
    cursor_format(follower->core->epoch, follower->position, cursor);
    g_snprintf(payload, sizeof payload, "{\"cursor\":\"%s\",\"count\":%u}", cursor,
               follower->replayed);
    struct dialect_frame frame = {.type = "resumed", .payload = payload};
    follower->resuming = !write_frame(follower, frame, follower->position);
}

/* Writes what there is room for; goes on when the client has taken it. */
static void follower_pump(struct follower *follower)
{
    if (follower->reading)
        return;
    while (follower->events && follower->next < follower->events->len) {
        struct event *event = follower->events->pdata[follower->next];
        if (!event_show(follower, event))
            return;
        follower->position = event->position;
        follower->next++;
        follower->replayed++;
    }
    if (follower->events) {
        follower->position = MAX(follower->position, follower->read_to);
        g_clear_pointer(&follower->events, g_ptr_array_unref);
    }
    if (follower->behind)
        read_log(follower);
    else if (follower->resuming)
        tell_resumed(follower);
}

static void stream_drained(void *data)
{
    follower_pump(data);
}

static void follower_deliver(struct subscriber *subscriber, struct event *event)
{
    struct follower *follower = loop_owner(subscriber, struct follower, subscriber);
    if (event->position == 0) {
        event_show(follower, event); /* or drops it */
        return;
    }
    if (event->position <= follower->position)
        return;
    if (follower->reading || follower->events || follower->behind || !event_show(follower, event))
        follower->behind = true;
    else
        follower->position = event->position;
}

/* How much was missed the log knows. */
static void follower_missed(struct subscriber *subscriber, gint64 position)
{
    struct follower *follower = loop_owner(subscriber, struct follower, subscriber);
    if (position <= follower->position)
        return;
    follower->behind = true;
    if (!follower->events)
        follower_pump(follower);
}

/* Time -------------------------------------------------------------------------------------------
 */

/* Whether the client has taken nothing of what waits for too long. */
static bool is_stuck(struct follower *follower, gint64 now)
{
    const struct stream *stream = follower->stream;
    if (stream->waiting == 0 || stream->taken != follower->taken) {
        follower->taken = stream->taken;
        follower->taken_at = now;
    }
    return now - follower->taken_at > follower->core->options->http_idle_timeout * G_USEC_PER_SEC;
}

static void look_after(struct follower *follower, gint64 now)
{
    gint64 heartbeat = follower->core->options->websocket_heartbeat * G_USEC_PER_SEC;
    if (clock_wall() >= follower->expires) {
        follower_end(follower, false);
    } else if (is_stuck(follower, now)) {
        metric_add(METRIC_WS_SLOW_CLOSED, 1);
        follower_end(follower, true);
    } else if (now - follower->written_at >= MIN(heartbeat, HEARTBEAT_MAX)) {
        follower->written_at = now;
        if (follower->stream->waiting == 0)
            stream_write(follower->stream, ":\n\n", 3);
    }
}

static gboolean on_second(gpointer data)
{
    (void)data;
    gint64 now = clock_monotonic();
    for (GList *link = followers.head; link;) {
        struct follower *follower = link->data;
        link = link->next;
        look_after(follower, now);
    }
    if (followers.length > 0)
        return G_SOURCE_CONTINUE;
    timer = 0;
    return G_SOURCE_REMOVE;
}

/* The route --------------------------------------------------------------------------------------
 */

static const struct field fields[] = {
    {.name = "cursor",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY | FIELD_LAST_EVENT,
     .minimum = 1,
     .maximum = 128},
    {.name = "dialect",
     .type = FIELD_CHOICE,
     .flags = FIELD_IN_QUERY,
     .choices = dialect_names,
     .fallback = "native"},
    {.name = "ticket",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = 128}, /* has been used to sign in */
    {0},
};

/* CURSOR NULL: from now on. */
static void follower_begin(struct follower *follower, const char *cursor)
{
    gint64 from;
    struct core *core = follower->core;
    follower->position = event_position(core, follower->subscriber.account);
    if (!cursor || !cursor_accept(cursor, core->epoch, core->past, &from)) {
        write_hello(follower, follower->position);
        if (cursor)
            start_anew(follower, follower->position);
        return;
    }
    write_hello(follower, MIN(from, follower->position));
    follower->position = from;
    follower->resuming = true;
    read_log(follower);
}

static void events_follow(struct request *request)
{
    struct core *core = request->core;
    if (!core->epoch[0]) { /* the database has not been there yet */
        request_fail(request, ERROR_UNAVAILABLE, NULL);
        return;
    }
    if (subscriber_is_one_too_many(request->account, follower_deliver,
                                   core->options->limits_streams)) {
        request_fail(request, ERROR_RATE_LIMITED, "too many of your streams are open already");
        return;
    }
    g_autoptr(trestle_account) account = account_ref(request->account);
    g_autofree char *cursor = g_strdup(request_text(request, "cursor"));
    struct follower *follower = g_new0(struct follower, 1);
    follower->core = core;
    follower->dialect = dialect_find(request_text(request, "dialect"));
    follower->expires = request->grant.expires;
    follower->taken_at = clock_monotonic();
    follower->link.data = follower;
    follower->subscriber = (struct subscriber){.kind = "stream",
                                               .deliver = follower_deliver,
                                               .revoked = follower_revoked,
                                               .missed = follower_missed,
                                               .start_anew = other_log,
                                               .grant = request->grant};
    struct stream_owner owner = {stream_drained, stream_closed, follower};
    follower->stream = request_stream(request, "text/event-stream", &owner);
    if (!follower->stream) {
        g_free(follower);
        return;
    }
    g_queue_push_tail_link(&followers, &follower->link);
    if (!timer)
        timer = g_timeout_add_seconds(1, on_second, NULL);
    subscriber_add(core, &follower->subscriber, account);
    follower_begin(follower, cursor);
}

/* Streams that come from now on end with the listener. */
static void followers_drain(struct core *core)
{
    (void)core;
    while (followers.head)
        follower_end(followers.head->data, false);
    g_clear_handle_id(&timer, g_source_remove);
    g_clear_handle_id(&ending, g_source_remove);
}

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/events",
     .fields = fields,
     .handle = events_follow,
     .flags = OPERATION_TAKES_TICKET | OPERATION_LIVE,
     .reply = "text/event-stream",
     .summary = "Events as they happen, as text/event-stream"},
    {0},
};

static const struct part part = {.name = "events", .drain = followers_drain};

const struct feature feature_follow = {.name = "events", .part = &part, .operations = operations};
