/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server's end of an XEP-0114 link, scripted by a test: it listens on a free loopback port and
 * does only what it is told. server_poll never blocks; run it in turn with the main loop. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "xep/stanza.h"
#include "xep/stream_reader.h"

#define FAKE_STREAM_ID "f4ke"

struct fake_server {
    int listen_fd;
    guint16 port;
    int fd; /* the newest connection, -1: none */
    guint accepted;
    struct stream_reader *reader;
    GPtrArray *stanzas; /* received but for handshakes and pings; owned */
    GPtrArray *pings;   /* ids of pings that were not answered */
    char *handshake;    /* as received */
    bool peer_closed;   /* the link sent its closing tag */
    bool peer_gone;     /* the link closed the socket */
    GByteArray *output; /* waits for the kernel */

    /* The script. */
    bool mute;     /* accepts, but neither reads nor answers */
    bool no_hello; /* does not answer the stream header */
    bool no_auth;  /* does not answer the handshake */
    bool no_pong;  /* collects pings instead of answering them */
};

void server_start(struct fake_server *server);
void server_stop(struct fake_server *server);
void server_poll(struct fake_server *server);
void server_hang_up(struct fake_server *server); /* closes the connection without a word */
/* Queues bytes for the link; they go out as the link reads. */
void server_say(struct fake_server *server, const char *text);
void server_say_bytes(struct fake_server *server, const void *bytes, size_t length);
void server_pong(struct fake_server *server, const char *id);
