/* SPDX-License-Identifier: GPL-3.0-or-later */
/* WebSocket client connection; see ws.h. */
#include "config.h"

#include "tests/bench/ws.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define FRAME_MAX (192 * 1024)
#define CONTROL_MAX 125

enum { OPCODE_TEXT = 1, OPCODE_CLOSE = 8, OPCODE_PING = 9, OPCODE_PONG = 10 };

/* The key is a constant, and so is the answer that proves the server read it. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void client_ready(struct source *source, uint32_t events);

bool ws_open(struct ws_client *client, const struct ws_target *target, const char *token,
             uint32_t source_address)
{
    client->source.fd = engine_connect(&target->endpoint, source_address);
    client->source.ready = client_ready;
    if (client->source.fd < 0) {
        fprintf(stderr, "connect to %s:%u: %s\n", target->endpoint.host, target->endpoint.port,
                g_strerror(errno));
        return false;
    }
    g_autofree char *request = g_strdup_printf(
        "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"
        "Authorization: Bearer %s\r\n\r\n",
        target->path, target->endpoint.host, target->endpoint.port, token);
    size_t length = strlen(request);
    client->state = WS_OPENING;
    client->greeted = false;
    client->close_code = 0;
    engine_add(client->engine, &client->source, EPOLLIN);
    return send(client->source.fd, request, length, MSG_NOSIGNAL) == (ssize_t)length;
}

/* Small frames on an otherwise quiet socket: they fit the socket's buffer or the peer is stuck. */
static bool send_frame(struct ws_client *client, uint8_t opcode, const char *payload, size_t length)
{
    uint8_t frame[4096];
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t at = 2;
    if (length > sizeof frame - 8)
        return false;
    frame[0] = (uint8_t)(0x80 | opcode);
    frame[1] = (uint8_t)(0x80 | (length <= CONTROL_MAX ? length : 126));
    if (length > CONTROL_MAX) {
        frame[at++] = (uint8_t)(length >> 8);
        frame[at++] = (uint8_t)length;
    }
    memcpy(frame + at, mask, sizeof mask);
    at += sizeof mask;
    for (size_t i = 0; i < length; i++)
        frame[at++] = (uint8_t)((uint8_t)payload[i] ^ mask[i % 4]);
    return send(client->source.fd, frame, at, MSG_NOSIGNAL) == (ssize_t)at;
}

bool ws_send_text(struct ws_client *client, const char *text, size_t length)
{
    return client->state == WS_OPEN && send_frame(client, OPCODE_TEXT, text, length);
}

static void drop(struct ws_client *client)
{
    engine_close(client->engine, &client->source);
    g_clear_pointer(&client->in, g_free);
    client->in_length = 0;
    client->state = WS_CLOSED;
}

void ws_close(struct ws_client *client)
{
    if (client->state == WS_OPEN)
        send_frame(client, OPCODE_CLOSE, "\x03\xe8", 2);
    drop(client);
}

static void fail(struct ws_client *client, const char *why)
{
    if (why != NULL)
        fprintf(stderr, "websocket: %s\n", why);
    drop(client);
    client->gone(client);
}

size_t ws_parse(const char *text, size_t length, uint8_t *ret_opcode, const char **ret_payload,
                size_t *ret_length)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t head = 2;
    if (length < head)
        return 0;
    if ((bytes[0] & 0xf0) != 0x80 || (bytes[1] & 0x80) != 0)
        return SIZE_MAX; /* fragment, extension bit, or masked by a server */
    uint64_t size = bytes[1];
    if (size >= 126) {
        size_t extra = size == 126 ? 2 : 8;
        head += extra;
        if (length < head)
            return 0;
        size = 0;
        for (size_t i = 0; i < extra; i++)
            size = size << 8 | bytes[2 + i];
    }
    if (size > FRAME_MAX)
        return SIZE_MAX;
    if (length < head + size)
        return 0;
    *ret_opcode = bytes[0] & 0x0f;
    *ret_payload = text + head;
    *ret_length = (size_t)size;
    return head + (size_t)size;
}

static bool take_frame(struct ws_client *client, uint8_t opcode, const char *payload, size_t length)
{
    switch (opcode) {
    case OPCODE_TEXT:
        client->text(client, payload, length);
        return true;
    case OPCODE_PING:
        return length <= CONTROL_MAX && send_frame(client, OPCODE_PONG, payload, length);
    case OPCODE_PONG:
        return true;
    case OPCODE_CLOSE:
        if (length >= 2)
            client->close_code = (uint16_t)((uint8_t)payload[0] << 8 | (uint8_t)payload[1]);
        return false;
    default:
        return false;
    }
}

/* Takes the 101 reply off the front of TEXT; 0: incomplete, SIZE_MAX: refused. */
static size_t take_handshake(const char *text, size_t length)
{
    const char *end = memmem(text, length, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    if (strncmp(text, "HTTP/1.1 101", 12) == 0 &&
        memmem(text, (size_t)(end - text), ACCEPT, strlen(ACCEPT)) != NULL)
        return (size_t)(end - text) + 4;
    fprintf(stderr, "handshake refused: %.*s\n", (int)MIN(length, 300), text);
    return SIZE_MAX;
}

/* Works through TEXT; the rest that is no whole frame stays for later. */
static void consume(struct ws_client *client, const char *text, size_t length)
{
    const char *at = text;
    const char *end = text + length;
    while (at < end) {
        uint8_t opcode = 0;
        const char *payload = NULL;
        size_t size = 0;
        bool opening = client->state == WS_OPENING;
        size_t taken = opening ? take_handshake(at, (size_t)(end - at))
                               : ws_parse(at, (size_t)(end - at), &opcode, &payload, &size);
        if (taken == 0)
            break;
        if (taken == SIZE_MAX || (!opening && !take_frame(client, opcode, payload, size))) {
            fail(client, taken == SIZE_MAX ? "bad data from the server" : NULL);
            return;
        }
        client->state = WS_OPEN;
        at += taken;
    }
    size_t rest = (size_t)(end - at);
    char *old = client->in;
    client->in = rest > 0 ? g_memdup2(at, rest) : NULL;
    client->in_length = (uint32_t)rest;
    g_free(old);
}

static void client_ready(struct source *source, uint32_t events)
{
    struct ws_client *client = (struct ws_client *)source;
    (void)events;
    char *scratch = client->engine->scratch;
    if (client->in_length > 0)
        memcpy(scratch, client->in, client->in_length);
    ssize_t got =
        recv(source->fd, scratch + client->in_length, ENGINE_SCRATCH - client->in_length, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        fail(client, client->state == WS_OPENING ? "closed during the handshake" : NULL);
        return;
    }
    consume(client, scratch, client->in_length + (size_t)got);
}
