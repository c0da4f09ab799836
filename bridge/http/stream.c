/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams over HTTP: a response whose bytes come later, of unknown length mostly. The connection is
 * suspended while there is nothing to send; libmicrohttpd then does not look at it, so we watch for
 * the client's leaving ourselves. */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/stream.h"
#include "bridge/http/exchange.h"
#include "bridge/http/server_part.h"
#include "bridge/http/stream.h"

#define BLOCK_SIZE 1024       /* bytes that libmicrohttpd keeps for each stream */
#define FILE_BLOCK_SIZE 32768 /* the same of one that is long and soon over */

struct http_stream {
    struct stream stream;
    struct exchange *exchange;
    struct stream_owner owner; /* zero once it has ended the stream */
    const char *content_type;
    gint64 length; /* of all of it; negative: nobody knows */
    struct buffer pending;
    size_t taken; /* bytes of pending that are written */
    GList link;   /* in server->streams */
    bool is_long;
    bool suspended; /* by us, for want of text */
    bool ended, cut, listed;
};

static struct http_stream *stream_of(struct stream *stream)
{
    return (struct http_stream *)(void *)stream; /* its first member */
}

static void stream_resume(struct http_stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    MHD_resume_connection(stream->exchange->mhd);
    server_want_run(stream->exchange->server);
}

static void stream_cut(struct http_stream *stream)
{
    stream->cut = true;
    stream->ended = true;
    if (stream->exchange->connection)
        shutdown(stream->exchange->connection->fd, SHUT_RDWR);
    stream_resume(stream);
}

/* The client leaves -------------------------------------------------------------------------- */

void exchange_unwatch(struct exchange *exchange)
{
    if (exchange->watched)
        loop_remove(&exchange->hangup);
    exchange->watched = false;
    exchange->left = NULL;
}

static void hung_up(struct loop_watch *watch, uint32_t events)
{
    (void)events;
    struct exchange *exchange = loop_owner(watch, struct exchange, hangup);
    void (*left)(struct request *) = exchange->left;
    exchange_unwatch(exchange);
    if (left)
        left(&exchange->request);
    else if (exchange->stream)
        stream_cut(exchange->stream);
}

void exchange_watch(struct exchange *exchange, void (*left)(struct request *request))
{
    if (!exchange->connection || exchange->watched)
        return;
    exchange->left = left;
    exchange->hangup = (struct loop_watch){.fd = exchange->connection->fd, .ready = hung_up};
    exchange->watched = loop_add(&exchange->hangup, EPOLLRDHUP);
}

/* Writing ------------------------------------------------------------------------------------ */

static bool write_text(struct stream *base, const char *bytes, size_t length)
{
    struct http_stream *stream = stream_of(base);
    if (stream->ended || (base->waiting > 0 && base->waiting + length > base->ceiling))
        return false;
    stream->pending.ceiling = MAX(base->ceiling, length);
    if (stream->taken > 0 && stream->pending.length + length > stream->pending.ceiling) {
        buffer_consume(&stream->pending, stream->taken);
        stream->taken = 0;
    }
    buffer_append(&stream->pending, bytes, length);
    base->waiting += length;
    stream_resume(stream);
    return true;
}

static void http_stream_end(struct stream *base, bool cut)
{
    struct http_stream *stream = stream_of(base);
    stream->owner = (struct stream_owner){0};
    stream->ended = true;
    if (cut)
        stream_cut(stream);
    else
        stream_resume(stream);
}

static const struct stream_functions functions = {write_text, http_stream_end};

/* What libmicrohttpd asks for; called from inside of it. */
static ssize_t read_text(void *data, uint64_t position, char *block, size_t size)
{
    (void)position;
    struct http_stream *stream = data;
    if (stream->cut)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (stream->stream.waiting == 0 && stream->owner.drained)
        stream->owner.drained(stream->owner.data);
    size_t length = MIN(size, stream->stream.waiting);
    if (length > 0) {
        memcpy(block, stream->pending.data + stream->taken, length);
        stream->taken += length;
        stream->stream.waiting -= length;
        stream->stream.taken += length;
        if (stream->stream.waiting == 0) {
            buffer_clear(&stream->pending); /* an idle stream owns nothing */
            stream->taken = 0;
        }
        return (ssize_t)length;
    }
    if (stream->ended)
        return stream->cut ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    stream->suspended = true;
    MHD_suspend_connection(stream->exchange->mhd);
    return 0;
}

struct http_stream *stream_new(struct exchange *exchange, const struct stream_head *head,
                               const struct stream_owner *owner)
{
    struct http_stream *stream = g_new0(struct http_stream, 1);
    stream->stream.functions = &functions;
    stream->stream.ceiling = (size_t)exchange->server->core->options->websocket_send_buffer_max;
    stream->exchange = exchange;
    stream->owner = *owner;
    stream->content_type = head->content_type;
    stream->length = head->length;
    stream->is_long = head->is_long || head->length >= 0;
    stream->link.data = stream;
    buffer_init(&stream->pending, stream->stream.ceiling);
    return stream;
}

struct stream *stream_base(struct http_stream *stream)
{
    return &stream->stream;
}

struct MHD_Response *stream_respond(struct http_stream *stream)
{
    struct exchange *exchange = stream->exchange;
    bool known = stream->length >= 0;
    struct MHD_Response *response = MHD_create_response_from_callback(
        known ? (guint64)stream->length : MHD_SIZE_UNKNOWN,
        stream->is_long ? FILE_BLOCK_SIZE : BLOCK_SIZE, read_text, stream, NULL);
    if (!response)
        return NULL;
    MHD_add_response_header(response, "Content-Type", stream->content_type);
    if (!known) {
        MHD_add_response_header(response, "X-Accel-Buffering",
                                "no"); /* nginx hands it on at once */
        exchange->close = true;
    }
    g_queue_push_tail_link(&exchange->server->streams, &stream->link);
    stream->listed = true;
    metric_set(METRIC_HTTP_STREAMS, exchange->server->streams.length);
    /* A peer that vanished is noticed by what was not acknowledged, one that left by the hang-up.
     */
    unsigned patience = (unsigned)(exchange->server->patience[WAIT_CLIENT] / 1000);
    setsockopt(exchange->connection->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
    exchange_watch(exchange, NULL);
    return response;
}

void stream_free(struct http_stream *stream)
{
    struct http_server *server = stream->exchange->server;
    if (server && stream->listed) {
        g_queue_unlink(&server->streams, &stream->link);
        metric_set(METRIC_HTTP_STREAMS, server->streams.length);
    }
    struct stream_owner owner = stream->owner;
    buffer_clear(&stream->pending);
    g_free(stream);
    if (owner.closed)
        owner.closed(owner.data);
}

void streams_cut(struct http_server *server)
{
    for (GList *link = server->streams.head; link; link = link->next)
        stream_cut(link->data);
}
