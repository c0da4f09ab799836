/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log by polling: GET /api/sync. With wait= a request without news stays for a while as a
 * subscriber of its account; whatever wakes it, the answer is read from the log. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/cursor.h"
#include "bridge/core/event.h"
#include "bridge/core/feature.h"
#include "bridge/core/resume.h"
#include "bridge/dialect/dialect.h"
#include "bridge/loop/loop.h"

#define REPLY_MAX (8 * 1024 * 1024) /* bytes; what does not fit comes with the next page */
#define ENVELOPE_MAX 512            /* of a reply, around its items */

struct poll {
    struct subscriber subscriber;
    GList link; /* in polls */
    struct core *core;
    struct request *request; /* NULL once answered */
    const struct dialect *dialect;
    gint64 position; /* the client has, or need not have, everything up to it */
    gint64 limit;
    guint timer;  /* ends the waiting; 0: answer at once */
    bool waits;   /* subscribed */
    bool reading; /* the callback is still to come */
    bool again;   /* something happened meanwhile */
};

static GQueue polls = G_QUEUE_INIT;
static bool draining;

static const struct field fields[] = {
    {.name = "since", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY, .minimum = 1, .maximum = 128},
    {.name = "limit",
     .type = FIELD_INTEGER,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = 1000,
     .fallback = "100"},
    {.name = "wait", .type = FIELD_INTEGER, .flags = FIELD_IN_QUERY, .maximum = 60},
    {.name = "dialect",
     .type = FIELD_CHOICE,
     .flags = FIELD_IN_QUERY,
     .choices = dialect_names,
     .fallback = "native"},
    {0},
};

/* Answering ---------------------------------------------------------------------------------- */

static void reply_finish(const struct core *core, struct json_writer *json, gint64 position,
                         bool has_more, bool resync)
{
    char cursor[CURSOR_TEXT_SIZE];
    cursor_format(core->epoch, position, cursor);
    json_end_array(json);
    json_member_string(json, "cursor", cursor);
    json_member_boolean(json, "has_more", has_more);
    json_member_boolean(json, "resync", resync);
    json_end_object(json);
}

static void reply_begin(struct json_writer *json, struct buffer *reply)
{
    json_writer_init(json, reply);
    json_begin_object(json);
    json_key(json, "items");
    json_begin_array(json);
}

static void reply_without_items(struct request *request, gint64 position, bool resync)
{
    struct json_writer json;
    g_auto(buffer) reply = BUFFER_INIT(ENVELOPE_MAX);
    reply_begin(&json, &reply);
    reply_finish(request->core, &json, position, false, resync);
    request_reply(request, 200, &reply);
}

static void stop_waiting(struct poll *poll)
{
    if (poll->timer)
        g_source_remove(poll->timer);
    poll->timer = 0;
    if (poll->waits) {
        subscriber_remove(poll->core, &poll->subscriber);
        g_queue_unlink(&polls, &poll->link);
    }
    poll->waits = false;
}

static void poll_free(struct poll *poll)
{
    stop_waiting(poll);
    if (!poll->reading)
        g_free(poll);
}

static void answer_empty(struct poll *poll)
{
    struct request *request = g_steal_pointer(&poll->request);
    if (request)
        reply_without_items(request, poll->position, false);
    poll_free(poll);
}

/* False if there is nothing that this dialect shows; the request then still waits for its answer.
 */
static bool answer_items(struct poll *poll, const struct resume_result *result)
{
    struct json_writer json;
    g_auto(buffer) reply = BUFFER_INIT(REPLY_MAX);
    unsigned count = 0;
    gint64 position = result->position, before = poll->position;
    bool has_more = result->has_more;
    reply_begin(&json, &reply);
    for (guint i = 0; i < result->events->len; i++) {
        struct event *event = result->events->pdata[i];
        size_t length;
        const char *text = dialect_event_text(poll->dialect, event, poll->core->epoch, &length);
        if (text && count > 0 && reply.length + length > REPLY_MAX - ENVELOPE_MAX) {
            has_more = true;
            position = before;
            break;
        }
        if (text)
            json_put_raw(&json, text, length);
        count += text != NULL;
        before = event->position;
    }
    poll->position = position;
    if (count == 0 && !has_more)
        return false;
    reply_finish(poll->core, &json, position, has_more, false);
    request_reply(g_steal_pointer(&poll->request), 200, &reply);
    return true;
}

/* Reading ----------------------------------------------------------------------------------------
 */

static void read_log(struct poll *poll);

static void log_read(const struct resume_result *result, void *data)
{
    struct poll *poll = data;
    poll->reading = false;
    if (!poll->request) {
        poll_free(poll);
        return;
    }
    if (result->error != ERROR_NONE)
        request_fail(g_steal_pointer(&poll->request), result->error, NULL);
    else if (result->resync)
        reply_without_items(g_steal_pointer(&poll->request), result->position, true);
    else
        answer_items(poll, result);
    if (!poll->request)
        poll_free(poll);
    else if (!poll->timer)
        answer_empty(poll);
    else if (poll->again)
        read_log(poll);
}

static void read_log(struct poll *poll)
{
    poll->again = false;
    poll->reading = true;
    resume_page(poll->core, poll->request->account, poll->position, poll->limit, log_read, poll);
}

/* Waiting ----------------------------------------------------------------------------------------
 */

/* There is something after the poll's position, or was: the log knows. */
static void poll_missed(struct subscriber *subscriber, gint64 position)
{
    struct poll *poll = loop_owner(subscriber, struct poll, subscriber);
    if (position <= poll->position || !poll->request)
        return;
    if (poll->reading)
        poll->again = true;
    else
        read_log(poll);
}

static void poll_deliver(struct subscriber *subscriber, struct event *event)
{
    poll_missed(subscriber, event->position);
}

static gboolean time_is_over(gpointer data)
{
    struct poll *poll = data;
    poll->timer = 0;
    if (!poll->reading)
        answer_empty(poll);
    return G_SOURCE_REMOVE;
}

/* Not at once: whoever tells us walks through the account's subscribers. */
static void end_soon(struct poll *poll)
{
    if (poll->timer)
        g_source_remove(poll->timer);
    poll->timer = g_timeout_add(0, time_is_over, poll);
}

static void poll_revoked(struct subscriber *subscriber)
{
    struct poll *poll = loop_owner(subscriber, struct poll, subscriber);
    if (poll->request)
        request_fail(g_steal_pointer(&poll->request), ERROR_UNAUTHENTICATED,
                     subscriber->why ? subscriber->why : "signed out");
    end_soon(poll);
}

static void start_anew(struct subscriber *subscriber, gint64 position)
{
    struct poll *poll = loop_owner(subscriber, struct poll, subscriber);
    if (poll->request)
        reply_without_items(g_steal_pointer(&poll->request), position, true);
    end_soon(poll);
}

static void poll_left(struct request *request)
{
    end_soon(request->data);
}

/* False after answering: too many wait already. */
static bool begin_waiting(struct poll *poll, gint64 seconds)
{
    struct request *request = poll->request;
    gint64 allowed = (request->grant.expires - clock_wall()) / G_USEC_PER_SEC;
    if (seconds == 0 || draining || allowed <= 0)
        return true;
    if (subscriber_is_one_too_many(request->account, poll_deliver,
                                   request->core->options->limits_polls)) {
        request_fail(request, ERROR_RATE_LIMITED, "too many of your requests wait already");
        return false;
    }
    poll->waits = true;
    poll->link.data = poll;
    poll->subscriber = (struct subscriber){.kind = "sync",
                                           .deliver = poll_deliver,
                                           .revoked = poll_revoked,
                                           .missed = poll_missed,
                                           .start_anew = start_anew,
                                           .grant = request->grant};
    g_queue_push_tail_link(&polls, &poll->link);
    poll->timer = g_timeout_add((guint)(MIN(seconds, allowed) * 1000), time_is_over, poll);
    request_watch(request, poll_left);
    subscriber_add(poll->core, &poll->subscriber, request->account);
    return true;
}

static void sync_log(struct request *request)
{
    struct core *core = request->core;
    const char *cursor = request_text(request, "since");
    gint64 since;
    if (!core->epoch[0]) { /* the database has not been there yet */
        request_fail(request, ERROR_UNAVAILABLE, NULL);
        return;
    }
    if (!cursor || !cursor_accept(cursor, core->epoch, core->past, &since)) {
        reply_without_items(request, event_position(core, request->account), cursor != NULL);
        return;
    }
    struct poll *poll = g_new0(struct poll, 1);
    poll->core = core;
    poll->request = request;
    poll->dialect = dialect_find(request_text(request, "dialect"));
    poll->position = since;
    poll->limit = request_integer(request, "limit");
    request->data = poll;
    if (begin_waiting(poll, request_integer(request, "wait")))
        read_log(poll);
    else
        g_free(poll);
}

/* The feature ------------------------------------------------------------------------------------
 */

static void sync_start(struct core *core)
{
    (void)core;
    draining = false;
}

static void polls_drain(struct core *core)
{
    (void)core;
    draining = true;
    for (GList *link = polls.head; link;) {
        struct poll *poll = link->data;
        link = link->next;
        if (poll->timer)
            g_source_remove(poll->timer);
        poll->timer = 0;
        if (!poll->reading)
            answer_empty(poll);
    }
}

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/sync",
     .fields = fields,
     .handle = sync_log,
     .flags = OPERATION_LIVE,
     .reply = "SyncPage",
     .summary = "What happened since a cursor; with wait, as soon as something does"},
    {0},
};

static const struct part part = {.name = "sync", .drain = polls_drain};

const struct feature feature_sync = {
    .name = "sync", .part = &part, .operations = operations, .start = sync_start};
