/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1.1 keep-alive client connection with at most one request in flight. Replies must carry a
 * Content-Length. A connection that fails reports the request in flight with status 0 and can be
 * opened again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/engine.h"

#define HTTP_REQUEST_MAX 4096
#define HTTP_REPLY_MAX 65536

struct http_reply {
    unsigned status;  /* 0: the connection broke before the reply was complete */
    const char *body; /* valid during the call */
    size_t length;
};

struct http_client {
    struct source source; /* first member: the loop hands it back */
    struct engine *engine;
    const struct endpoint *endpoint;
    void (*replied)(struct http_client *client, const struct http_reply *reply);
    void *owner;
    bool busy;
    /* For the owner: which request is in flight, and what its latency counts from. */
    uint64_t index;
    uint64_t intended;
    uint64_t free_since; /* when the connection became idle */
    char *out;           /* HTTP_REQUEST_MAX bytes; the owner writes the request here */
    size_t out_length;
    size_t out_sent;
    char *in; /* an unfinished reply; NULL when there is none */
    size_t in_length;
};

/* Connects; false with a line on stderr. replied is called from the loop, never from http_send. */
bool http_open(struct http_client *client);
void http_close(struct http_client *client); /* silent; frees the buffers */

/* Sends the LENGTH bytes in client->out; the client must be open and not busy. */
void http_send(struct http_client *client, size_t length);

/* Parses one reply from the LENGTH bytes at TEXT. Returns the bytes it takes, 0: incomplete,
 * SIZE_MAX: not a reply this client understands. */
size_t http_parse(const char *text, size_t length, struct http_reply *ret_reply);
