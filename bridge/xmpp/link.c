/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state machine of the component link. All changes of state go through link_enter(). What pings
 * are for is in link_ping.c. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/loop/loop.h"
#include "bridge/xmpp/guard.h"
#include "bridge/xmpp/link.h"
#include "bridge/xmpp/link_internal.h"
#include "bridge/xmpp/labels.h"
#include "bridge/xmpp/link_socket.h"
#include "bridge/xmpp/link_text.h"
#include "bridge/xmpp/pending_iq.h"
#include "bridge/xmpp/send_queue.h"
#include "bridge/xmpp/stream_error.h"
#include "xep/stanza.h"
#include "xep/stanza_text.h"
#include "xep/stream_reader.h"

#define MILLISECOND G_TIME_SPAN_MILLISECOND
#define SECOND G_TIME_SPAN_SECOND

#define RETRY_FIRST (200 * MILLISECOND)
#define RETRY_MOST (30 * SECOND)
#define STABLE_AFTER (5 * SECOND)     /* a link that was up so long starts again at RETRY_FIRST */
#define CLOSE_LIMIT (3 * SECOND)      /* for the server's side, when ours has ended */
#define ESTABLISH_LIMIT (10 * SECOND) /* for each step before LINK_UP */

#define READ_SLICE 8192
#define READ_TURN (64 * 1024)       /* most bytes read in one turn … */
#define READ_TIME (5 * MILLISECOND) /* … and most time, looked at after each slice */

#define REQUESTS_MAX 10000
#define TEXT_KEPT 65536 /* bytes for stanzas that are kept from turn to turn */

static const char *const state_names[LINK_STATE_MAX] = {
    "waiting", "connecting", "opening", "authenticating", "up", "closed",
};

/* ---- life ------------------------------------------------------------------------------------ */

static void link_destroy(struct link *link)
{
    pending_iq_free(link->pending);
    guard_free(link->guard);
    labels_free(link->labels);
    copies_clear(&link->copies);
    g_string_free(link->text, TRUE);
    send_queue_clear(&link->queue);
    g_free(link->problem);
    g_free(link->ping_from);
    g_free(link->domain);
    g_free(link->server_domain);
    g_free(link->host);
    explicit_bzero(link->secret, strlen(link->secret));
    g_free(link->secret);
    g_free(link);
}

/* Every entrance from outside the link is bracketed by these, since a callback may free it. */
static void link_hold(struct link *link)
{
    link->busy++;
}

static void link_release(struct link *link)
{
    if (--link->busy > 0)
        return;
    if (link->state == LINK_CLOSED)
        link_destroy(link);
    else
        link_schedule(link);
}

/* ---- state ----------------------------------------------------------------------------------- */

static void drop_connection(struct link *link)
{
    if (link->watch.fd >= 0) {
        loop_remove(&link->watch);
        close(link->watch.fd);
        link->watch.fd = -1;
    }
    if (link->reader) {
        stream_reader_stop(link->reader);
        if (!link->feeding)
            stream_reader_free(link->reader);
        link->reader = NULL;
    }
    send_queue_clear(&link->queue);
    link->watching_output = link->closing = false;
    link->last_sent = NULL;
}

static void link_enter(struct link *link, enum link_state state)
{
    enum link_state old = link->state;
    link->state = state;
    link->since = clock_monotonic();
    log_debug(AREA_LINK, "state", "from=%s to=%s", state_names[old], state_names[state]);
    if (!link->callbacks.spare)
        metric_set(link->callbacks.service == SERVICE_ROOMS ? METRIC_ROOMS_LINK_UP : METRIC_LINK_UP,
                   state == LINK_UP);
    if (state == LINK_WAITING || state == LINK_CLOSED) {
        drop_connection(link);
        pending_iq_fail_all(link->pending);
    }
    if (state == LINK_UP) {
        metric_add(METRIC_LINK_CONNECTS, 1);
        link->streams++;
        g_clear_pointer(&link->problem, g_free);
        link->last_proof = link->since;
        link->in_order = false;
        log_info(AREA_LINK, "connected", "domain=%s", link->domain);
        link_find_place(link);
        link->callbacks.up(link->data);
    } else if (old == LINK_UP && link->state == LINK_WAITING) { /* and not freed meanwhile */
        link->callbacks.down(link->data);
    } else if (link->state == LINK_WAITING && link->callbacks.failed) {
        link->callbacks.failed(&link->failure, link->data);
    }
}

/* The attempt or the link is over; the next one comes after a while. */
void link_lost(struct link *link, enum retry_pace pace, const char *problem)
{
    if (link->state == LINK_WAITING || link->state == LINK_CLOSED)
        return;
    gint64 now = clock_monotonic();
    if (link->state == LINK_UP && now - link->since >= STABLE_AFTER)
        link->retry_delay = RETRY_FIRST;
    gint64 base = pace == RETRY_SLOW ? RETRY_MOST : link->retry_delay;
    gint64 wait = (gint64)((double)base * g_random_double_range(0.8, 1.2));
    link->retry_at = now + MIN(wait, RETRY_MOST);
    link->retry_delay = MIN(link->retry_delay * 2, RETRY_MOST);
    const char *without = link->callbacks.without;
    bool known = without && link->state != LINK_UP && g_strcmp0(link->problem, problem) == 0;
    char *copy = g_strdup(problem); /* PROBLEM may be the string that is replaced */
    log_event(known ? LOG_DEBUG : LOG_WARNING, AREA_LINK,
              link->state == LINK_UP ? "lost" : "failed",
              "domain=%s state=%s retry_ms=%" G_GINT64_FORMAT " reason=\"%s%s%s\"", link->domain,
              state_names[link->state], (link->retry_at - now) / MILLISECOND, problem,
              without ? "; " : "", without ? without : "");
    g_free(link->problem);
    link->problem = copy;
    link->failure.state = link->state;
    link_enter(link, LINK_WAITING);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void write_queue(struct link *link)
{
    if (link->watch.fd < 0 || link->state == LINK_CONNECTING)
        return;
    enum send_result result = send_queue_write(&link->queue, link->watch.fd);
    if (result == SEND_FAILED) {
        /* The server's reason may still be there to read; the read side ends the link. */
        send_queue_clear(&link->queue);
        shutdown(link->watch.fd, SHUT_WR);
        return;
    }
    bool blocked = result == SEND_BLOCKED;
    if (blocked != link->watching_output) {
        link->watching_output = blocked;
        loop_modify(&link->watch, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

static void on_turn_end(void *data)
{
    struct link *link = data;
    copies_clear(&link->copies);
    if (link->text->allocated_len > TEXT_KEPT) {
        g_string_free(link->text, TRUE);
        link->text = g_string_new(NULL);
    }
    if (!link->watching_output && send_queue_length(&link->queue) > 0)
        write_queue(link);
}

static bool queue_bytes(struct link *link, const char *bytes, size_t length, size_t extra)
{
    if (!send_queue_append(&link->queue, bytes, length, extra))
        return false;
    loop_wake();
    return true;
}

/* Whether STANZA may go out now; its address is as the server spells it then. */
static bool stanza_prepare(struct link *link, xmpp_stanza_t *stanza)
{
    if (!link_is_up(link))
        return false;
    if (!guard_stanza(link->guard, stanza)) {
        log_error(AREA_LINK, "send-refused", "reason=\"not a legal stanza\"");
        return false;
    }
    g_autofree char *theirs = labels_leave(link->labels, xmpp_stanza_get_to(stanza));
    if (theirs)
        xmpp_stanza_set_to(stanza, theirs);
    return true;
}

static bool queue_text(struct link *link, const char *text, size_t length, size_t extra)
{
    if (length > GUARD_STANZA_MAX) {
        log_error(AREA_LINK, "send-refused", "reason=\"too large\" bytes=%zu", length);
        return false;
    }
    if (!queue_bytes(link, text, length, extra))
        return false;
    metric_add(METRIC_STANZAS_OUT, 1);
    link->last_sent = NULL;
    return true;
}

static bool queue_stanza(struct link *link, xmpp_stanza_t *stanza, size_t extra)
{
    if (!stanza_prepare(link, stanza))
        return false;
    g_string_truncate(link->text, 0);
    stanza_append_link_text(link->text, stanza);
    bool queued = queue_text(link, link->text->str, link->text->len, extra);
    if (strcmp(stanza_name(stanza), "iq") == 0) /* there may be a password in it */
        explicit_bzero(link->text->str, link->text->len);
    return queued;
}

bool link_send(struct link *link, xmpp_stanza_t *stanza)
{
    return queue_stanza(link, stanza, 0);
}

bool link_send_copy(struct link *link, xmpp_stanza_t *stanza)
{
    size_t length;
    if (!stanza_prepare(link, stanza))
        return false;
    const char *text = copies_text(&link->copies, stanza, &length);
    return queue_text(link, text, length, 0);
}

bool link_send_text(struct link *link, const char *xml, size_t length)
{
    if (!link_is_up(link))
        return false;
    g_autofree char *theirs = labels_leave_text(link->labels, xml, length);
    if (theirs) {
        xml = theirs;
        length = strlen(theirs);
    }
    if (!guard_text(link->guard, xml, length)) {
        log_error(AREA_LINK, "send-refused", "reason=\"not a legal stanza\" bytes=%zu", length);
        return false;
    }
    if (!queue_bytes(link, xml, length, 0))
        return false;
    metric_add(METRIC_STANZAS_OUT, 1);
    link->last_sent = NULL;
    return true;
}

bool link_may_send(const struct link *link, xmpp_stanza_t *stanza)
{
    size_t length;
    if (!guard_stanza(link->guard, stanza))
        return false;
    char *text = stanza_to_link_text(stanza, &length);
    g_free(text);
    return length <= GUARD_STANZA_MAX;
}

bool link_request_until(struct link *link, xmpp_stanza_t *iq, gint64 deadline, link_answer answer,
                        void *data)
{
    const char *to = xmpp_stanza_get_to(iq);
    if (!link_is_up(link) || !to)
        return false;
    const char *id = pending_iq_add(link->pending, to, deadline, answer, data);
    if (!id)
        return false;
    xmpp_stanza_set_id(iq, id);
    if (!queue_stanza(link, iq, deadline == G_MAXINT64 ? PROBE_ROOM : 0)) {
        pending_iq_forget(link->pending, id);
        return false;
    }
    if (link->busy == 0)
        link_schedule(link);
    return true;
}

bool link_request(struct link *link, xmpp_stanza_t *iq, guint timeout_seconds, link_answer answer,
                  void *data)
{
    if (pending_iq_count(link->pending) >= REQUESTS_MAX)
        return false;
    gint64 deadline = clock_monotonic() + (gint64)timeout_seconds * SECOND;
    return link_request_until(link, iq, deadline, answer, data);
}

bool link_offer(struct link *link, xmpp_stanza_t *result)
{
    link_hold(link);
    link->offered = true;
    bool taken = pending_iq_answer(link->pending, result);
    link->offered = false;
    link_release(link);
    return taken;
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void refuse_oversized(struct link *link, const struct stream_header *header)
{
    if (!header->from || guard_addresses(link->guard, header->from, header->to) ||
        !guard_addresses(link->guard, header->to, header->from))
        return;
    g_autoptr(xmpp_stanza_t) reply = link_text_refusal(header);
    if (reply)
        queue_stanza(link, reply, 0);
}

static void on_opened(const char *id, const char *from, void *data)
{
    struct link *link = data;
    (void)from;
    if (!id || link->state != LINK_OPENING) {
        link_lost(link, RETRY_SLOW, "the server's stream has no id; check xmpp.port");
        return;
    }
    g_autofree char *handshake = link_text_handshake(id, link->secret);
    queue_bytes(link, handshake, strlen(handshake), 0);
    link_enter(link, LINK_AUTHENTICATING);
}

static void on_stream_error(struct link *link, xmpp_stanza_t *element)
{
    const struct stream_error *error = stream_error_parse(element);
    enum retry_pace pace = link->state == LINK_UP ? error->when_up : error->before_up;
    g_autofree char *problem = g_strdup_printf(
        "%s%s%s", error->condition, error->advice ? ": " : "", error->advice ? error->advice : "");
    link->in_order = true;
    link->failure.condition = error->condition;
    link_lost(link, pace, problem);
}

static void on_stanza(xmpp_stanza_t *stanza, void *data)
{
    struct link *link = data;
    const char *name = stanza_name(stanza);
    if (stanza_is(stanza, "error", NS_STREAM)) {
        on_stream_error(link, stanza);
        return;
    }
    if (link->state == LINK_AUTHENTICATING && g_str_equal(name, "handshake")) {
        link_enter(link, LINK_UP);
        return;
    }
    if (link->state != LINK_UP || !g_str_equal(stanza_ns(stanza), NS_CLIENT))
        return;
    bool iq = g_str_equal(name, "iq");
    if (!iq && !g_str_equal(name, "message") && !g_str_equal(name, "presence"))
        return;
    metric_add(METRIC_STANZAS_IN, 1);
    labels_arrive(link->labels, stanza);
    const char *type = stanza_attr(stanza, "type");
    if (!iq || (g_strcmp0(type, "result") != 0 && g_strcmp0(type, "error") != 0))
        link->callbacks.stanza(stanza, link->data);
    else if (!pending_iq_answer(link->pending, stanza) && link->callbacks.unclaimed)
        link->callbacks.unclaimed(stanza, link->data);
}

static void on_over_limit(const struct stream_header *header, enum stream_limit limit, void *data)
{
    static const char *const limits[] = {
        [STREAM_LIMIT_BYTES] = "bytes",           [STREAM_LIMIT_ELEMENTS] = "elements",
        [STREAM_LIMIT_DEPTH] = "depth",           [STREAM_LIMIT_CHILDREN] = "children",
        [STREAM_LIMIT_ATTRIBUTES] = "attributes",
    };
    struct link *link = data;
    metric_add(METRIC_STANZAS_OVER_LIMIT, 1);
    log_debug(AREA_LINK, "over-limit", "limit=%s", limits[limit]);
    if (link->state == LINK_UP)
        refuse_oversized(link, header);
}

static void on_closed(void *data)
{
    struct link *link = data;
    if (!link->closing)
        queue_bytes(link, "</stream:stream>", strlen("</stream:stream>"), PROBE_ROOM);
    write_queue(link);
    link->in_order = true;
    link_lost(link, RETRY_BACKOFF, "the server closed the stream");
}

static void on_failed(enum stream_failure failure, const char *text, void *data)
{
    struct link *link = data;
    g_autofree char *problem = g_strdup_printf("the server sent what is not XMPP: %s", text);
    link_lost(link, failure == STREAM_FAILURE_ROOT ? RETRY_SLOW : RETRY_BACKOFF, problem);
}

static const struct stream_callbacks reader_callbacks = {
    .opened = on_opened,
    .stanza = on_stanza,
    .over_limit = on_over_limit,
    .closed = on_closed,
    .failed = on_failed,
};

static void reader_feed(struct link *link, const char *bytes, size_t length)
{
    struct stream_reader *reader = link->reader;
    link->feeding = true;
    stream_reader_feed(reader, bytes, length);
    link->feeding = false;
    if (link->reader != reader)
        stream_reader_free(reader);
}

/* Reads a bounded part of what has come; the level-triggered watch brings us back for the rest. */
static void read_some(struct link *link)
{
    char bytes[READ_SLICE];
    gint64 started = clock_monotonic();
    for (size_t total = 0; link->watch.fd >= 0 && total < READ_TURN;) {
        ssize_t length = recv(link->watch.fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
        if (length <= 0) {
            link_lost(link, RETRY_BACKOFF,
                      length == 0 ? "the server closed the connection" : g_strerror(errno));
            return;
        }
        link->last_received = clock_monotonic();
        reader_feed(link, bytes, (size_t)length);
        total += (size_t)length;
        if (link->last_received - started > READ_TIME)
            return;
    }
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void open_stream(struct link *link)
{
    g_autofree char *header = link_text_header(link->domain);
    link->reader = stream_reader_new(&link->limits, &reader_callbacks, link);
    loop_modify(&link->watch, EPOLLIN);
    queue_bytes(link, header, strlen(header), 0);
    link_enter(link, LINK_OPENING);
}

static void connect_finished(struct link *link)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(link->watch.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    link->failure.error = error;
    if (error)
        link_lost(link, RETRY_BACKOFF, g_strerror(error));
    else
        open_stream(link);
}

static void on_ready(struct loop_watch *watch, uint32_t events)
{
    struct link *link = loop_owner(watch, struct link, watch);
    link_hold(link);
    if (link->state == LINK_CONNECTING) {
        connect_finished(link);
    } else {
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            read_some(link);
        if (events & EPOLLOUT)
            write_queue(link);
    }
    link_release(link);
}

static void start_attempt(struct link *link)
{
    const char *problem = NULL;
    link->failure = (struct link_failure){0};
    link_enter(link, LINK_CONNECTING);
    link->watch.fd = link_socket_open(link->host, link->port, &problem);
    if (link->watch.fd >= 0 && !loop_add(&link->watch, EPOLLOUT)) {
        link->failure.error = errno;
        problem = g_strerror(errno);
        close(link->watch.fd);
        link->watch.fd = -1;
    } else if (problem) {
        link->failure.error = errno;
    }
    if (problem)
        link_lost(link, RETRY_BACKOFF, problem);
}

/* ---- time ------------------------------------------------------------------------------------ */

static gint64 next_deadline(struct link *link)
{
    switch (link->state) {
    case LINK_WAITING:
        return link->allowed ? link->retry_at : G_MAXINT64;
    case LINK_CONNECTING:
    case LINK_OPENING:
    case LINK_AUTHENTICATING:
        return link->since + ESTABLISH_LIMIT;
    case LINK_UP: {
        if (link->closing)
            return link->since + CLOSE_LIMIT;
        gint64 ping = link->probes.length > 0 ? link_ping_deadline(link)
                                              : link->last_proof + link->ping_interval;
        return MIN(ping, pending_iq_next_deadline(link->pending));
    }
    case LINK_CLOSED:
    case LINK_STATE_MAX:
        break;
    }
    return G_MAXINT64;
}

static gboolean on_timer(gpointer data)
{
    struct link *link = data;
    link->timer = 0;
    link_tick(link);
    return G_SOURCE_REMOVE;
}

/* One timer for all deadlines. It is left alone when it fires early: then it is simply set again.
 */
void link_schedule(struct link *link)
{
    gint64 at = next_deadline(link);
    if (link->timer && link->timer_at <= at)
        return;
    if (link->timer)
        g_source_remove(link->timer);
    gint64 wait = CLAMP(at - clock_monotonic(), 0, RETRY_MOST);
    link->timer = g_timeout_add((guint)(wait / MILLISECOND + 1), on_timer, link);
    link->timer_at = at;
}

static void tick_up(struct link *link, gint64 now)
{
    pending_iq_expire(link->pending, now);
    if (link->state != LINK_UP)
        return;
    if (link->closing) {
        if (now >= link->since + CLOSE_LIMIT)
            link_lost(link, RETRY_BACKOFF, "the server does not end the stream");
        return;
    }
    if (link->probes.length == 0) {
        if (now >= link->last_proof + link->ping_interval)
            link_ping(link);
        return;
    }
    if (now < link_ping_deadline(link))
        return;
    /* The answer may be there and only we have been asleep. */
    read_some(link);
    if (link->state == LINK_UP && link->probes.length > 0 && now >= link_ping_deadline(link))
        link_lost(link, RETRY_BACKOFF, "the server does not answer pings");
}

void link_tick(struct link *link)
{
    link_hold(link);
    gint64 now = clock_monotonic();
    switch (link->state) {
    case LINK_WAITING:
        if (link->allowed && now >= link->retry_at)
            start_attempt(link);
        break;
    case LINK_CONNECTING:
    case LINK_OPENING:
    case LINK_AUTHENTICATING:
        if (now >= link->since + ESTABLISH_LIMIT)
            link_lost(link, RETRY_BACKOFF, "the server does not answer");
        break;
    case LINK_UP:
        tick_up(link, now);
        break;
    case LINK_CLOSED:
    case LINK_STATE_MAX:
        break;
    }
    link_release(link);
}

/* ---- entrance and exit ----------------------------------------------------------------------- */

static void read_options(struct link *link, const struct options *options)
{
    link->limits = (struct stream_limits){
        .stanza_bytes = (size_t)options->xmpp_stanza_max,
        .elements = (unsigned)options->xmpp_elements_max,
        .depth = (unsigned)options->xmpp_depth_max,
        .children = (unsigned)options->xmpp_children_max,
        .attributes = (unsigned)options->xmpp_attributes_max,
    };
    link->domain = g_strdup(service_domain(options, link->callbacks.service));
    link->server_domain = g_strdup(options->xmpp_server_domain);
    link->host = g_strdup(options->xmpp_host);
    link->secret = g_strdup(service_secret(options, link->callbacks.service));
    link->port = (guint16)options->xmpp_port;
    link->ping_interval = options->xmpp_ping_interval * SECOND;
    link->ping_timeout = options->xmpp_ping_timeout * SECOND;
}

struct link *link_new(const struct options *options, const struct link_callbacks *callbacks,
                      void *data)
{
    struct link *link = g_new0(struct link, 1);
    link->callbacks = *callbacks;
    read_options(link, options);
    link->data = data;
    link->watch = (struct loop_watch){.fd = -1, .ready = on_ready};
    link->retry_delay = RETRY_FIRST;
    link->allowed = !callbacks->forbidden;
    link->guard = guard_new(link->domain);
    link->labels = labels_new();
    link->pending = pending_iq_new(REQUESTS_MAX + PROBES_MAX);
    link->text = g_string_new(NULL);
    send_queue_init(&link->queue, (size_t)options->xmpp_send_queue_max);
    g_queue_init(&link->probes);
    loop_at_turn_end(on_turn_end, link);
    /* LINK_WAITING with a retry that is due. */
    link_tick(link);
    return link;
}

/* Reads away what still waits: closing a socket with unread data resets the connection, and a reset
 * may overtake our last bytes. */
static void say_goodbye(struct link *link)
{
    if (link->watch.fd < 0 || link->state == LINK_CONNECTING)
        return;
    if (!link->closing)
        queue_bytes(link, "</stream:stream>", strlen("</stream:stream>"), PROBE_ROOM);
    if (send_queue_write(&link->queue, link->watch.fd) == SEND_FAILED)
        return;
    char bytes[READ_SLICE];
    for (size_t total = 0; total < READ_TURN; total += sizeof bytes) {
        if (recv(link->watch.fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0)
            break;
    }
    shutdown(link->watch.fd, SHUT_WR);
}

void link_free(struct link *link)
{
    if (!link || link->state == LINK_CLOSED)
        return;
    link_hold(link);
    say_goodbye(link);
    loop_cancel(on_turn_end, link);
    if (link->timer)
        g_source_remove(link->timer);
    link->timer = 0;
    link_enter(link, LINK_CLOSED);
    link_release(link);
}

void link_allow(struct link *link, bool allowed)
{
    link_hold(link);
    if (allowed && !link->allowed && link->state == LINK_WAITING) {
        link->retry_delay = RETRY_FIRST;
        link->retry_at = 0;
    }
    link->allowed = allowed;
    if (!allowed && link->state != LINK_UP)
        link_lost(link, RETRY_BACKOFF, "another instance holds the link");
    link_release(link);
}

void link_drop(struct link *link)
{
    link_hold(link);
    if (link->state == LINK_UP && !link->closing) {
        queue_bytes(link, "</stream:stream>", strlen("</stream:stream>"), PROBE_ROOM);
        write_queue(link);
        link->closing = true;
        link->since = clock_monotonic();
    }
    link_release(link);
}

bool link_is_up(const struct link *link)
{
    return link->state == LINK_UP && !link->closing;
}

enum link_state link_state(const struct link *link)
{
    return link->state;
}

unsigned link_stream(const struct link *link)
{
    return link_is_up(link) ? link->streams : 0;
}

size_t link_backlog(const struct link *link)
{
    return send_queue_length(&link->queue);
}

bool link_ended_in_order(const struct link *link)
{
    return link->in_order;
}

const char *link_problem(const struct link *link)
{
    return link->problem;
}
