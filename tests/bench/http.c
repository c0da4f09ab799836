/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1.1 client connection; see http.h. */
#include "config.h"

#include "tests/bench/http.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define COMPLAINTS_MAX 3

static unsigned complaints; /* lines written about bad replies */

static void client_ready(struct source *source, uint32_t events);

bool http_open(struct http_client *client)
{
    client->source.fd = engine_connect(client->endpoint, 0);
    client->source.ready = client_ready;
    if (client->source.fd < 0) {
        fprintf(stderr, "connect to %s:%u: %s\n", client->endpoint->host, client->endpoint->port,
                g_strerror(errno));
        return false;
    }
    if (client->out == NULL)
        client->out = g_malloc(HTTP_REQUEST_MAX);
    client->in_length = 0;
    client->busy = false;
    engine_add(client->engine, &client->source, EPOLLIN);
    return true;
}

void http_close(struct http_client *client)
{
    engine_close(client->engine, &client->source);
    g_clear_pointer(&client->in, g_free);
    g_clear_pointer(&client->out, g_free);
    client->in_length = 0;
}

static void finish(struct http_client *client, const struct http_reply *reply)
{
    client->busy = false;
    client->free_since = client->engine->woken;
    client->replied(client, reply);
}

static void fail(struct http_client *client)
{
    static const struct http_reply broken = {0};
    bool was_busy = client->busy;
    engine_close(client->engine, &client->source);
    client->in_length = 0;
    if (was_busy)
        finish(client, &broken);
}

/* Sends what is left; a failure is noticed by the reading side, which the loop wakes. */
static void flush(struct http_client *client)
{
    ssize_t sent = send(client->source.fd, client->out + client->out_sent,
                        client->out_length - client->out_sent, MSG_NOSIGNAL);
    if (sent > 0)
        client->out_sent += (size_t)sent;
}

void http_send(struct http_client *client, size_t length)
{
    client->busy = true;
    client->out_length = length;
    client->out_sent = 0;
    flush(client);
    if (client->out_sent < client->out_length)
        engine_change(client->engine, &client->source, EPOLLIN | EPOLLOUT);
}

/* The Content-Length of the header lines in HEAD, or -1. */
static ssize_t content_length(const char *head, const char *end)
{
    static const char name[] = "content-length:";
    const size_t size = sizeof name - 1;
    const char *line = head;
    while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        line++;
        if ((size_t)(end - line) < size || (*line | 0x20) != 'c' ||
            g_ascii_strncasecmp(line, name, size) != 0)
            continue;
        const char *digit = line + size;
        ssize_t value = 0;
        while (digit < end && *digit == ' ')
            digit++;
        for (; digit < end && g_ascii_isdigit(*digit) && value <= HTTP_REPLY_MAX; digit++)
            value = value * 10 + (*digit - '0');
        return value;
    }
    return -1;
}

size_t http_parse(const char *text, size_t length, struct http_reply *ret_reply)
{
    const char *body = memmem(text, length, "\r\n\r\n", 4);
    if (body == NULL)
        return length < HTTP_REPLY_MAX ? 0 : SIZE_MAX;
    body += 4;
    if (length < 12 || memcmp(text, "HTTP/1.1 ", 9) != 0)
        return SIZE_MAX;
    ssize_t size = content_length(text, body);
    if (size < 0 || size > HTTP_REPLY_MAX)
        return SIZE_MAX;
    if ((size_t)size > length - (size_t)(body - text))
        return 0;
    ret_reply->status =
        (unsigned)((text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0'));
    ret_reply->body = body;
    ret_reply->length = (size_t)size;
    return (size_t)(body - text) + (size_t)size;
}

/* Hands the reply on if TEXT holds a whole one; keeps the bytes otherwise. */
static void consume(struct http_client *client, const char *text, size_t length)
{
    struct http_reply reply;
    size_t taken = http_parse(text, length, &reply);
    if (taken == 0) {
        if (client->in == NULL)
            client->in = g_malloc(2 * HTTP_REPLY_MAX);
        if (text != client->in)
            memcpy(client->in, text, length);
        client->in_length = length;
        return;
    }
    /* Without pipelining there is exactly one reply per request. */
    if (taken != length || !client->busy || client->out_sent < client->out_length) {
        if (complaints++ < COMPLAINTS_MAX)
            fprintf(stderr, "unexpected reply: %.*s\n", (int)MIN(length, 300), text);
        fail(client);
        return;
    }
    client->in_length = 0;
    finish(client, &reply);
}

static void client_ready(struct source *source, uint32_t events)
{
    struct http_client *client = (struct http_client *)source;
    if ((events & EPOLLOUT) != 0) {
        flush(client);
        if (client->out_sent == client->out_length)
            engine_change(client->engine, source, EPOLLIN);
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
        return;
    char *text = client->in_length > 0 ? client->in + client->in_length : client->engine->scratch;
    ssize_t got = recv(source->fd, text, 2 * HTTP_REPLY_MAX - client->in_length, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        fail(client);
    else if (client->in_length > 0)
        consume(client, client->in, client->in_length + (size_t)got);
    else
        consume(client, text, (size_t)got);
}
