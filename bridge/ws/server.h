/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All WebSockets of the process. The opening handshake is done elsewhere; from then on a socket
 * belongs to the server. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/error.h"

struct core;
struct credentials;
struct ws_server;
typedef struct ws_server trestle_ws_server;

/* CORE (options, operations, epoch…) must outlive the server; loop_start has been called. */
struct ws_server *ws_server_new(struct core *core);

/* A socket whose handshake has been answered. All but the descriptor is borrowed for the call. */
struct ws_arrival {
    int fd;            /* a stream socket; taken over in any case: it is closed when that fails */
    const char *extra; /* bytes that were read behind the handshake */
    size_t extra_length;
    const struct credentials *credentials; /* without a token the first frame must be `auth` */
    const char
        *dialect;       /* the chosen subprotocol or ?dialect=; NULL: that of [websocket] dialect */
    bool deflates;      /* permessage-deflate was agreed on; if [websocket] deflate is on */
    const char *cursor; /* where to resume, if the credentials are good; NULL: nowhere */
};
void ws_server_adopt(struct ws_server *server, const struct ws_arrival *arrival);

/* Whether one more socket from ADDRESS (see struct credentials) may come that has not signed in
 * yet; else ERROR_RATE_LIMITED, or ERROR_UNAVAILABLE when all addresses together have too many. */
enum error_code ws_server_admit(const struct ws_server *server, guint64 address);

/* Closes every socket with 1001 and the cursor to resume from, after what it waits for was
 * answered. STOPPED (may be NULL) is called once, later, when the last one is gone, at most
 * MILLISECONDS from now. Sockets adopted from now on are closed at once. */
void ws_server_stop(struct ws_server *server, unsigned milliseconds, void (*stopped)(void *data),
                    void *data);

/* Drops sockets that are left without a word. Commands under way may still be answered. */
void ws_server_free(struct ws_server *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(trestle_ws_server, ws_server_free)

/* Meets the deadlines that have passed by clock_monotonic(). The server has a timer for this; tests
 * that move the clock call it themselves. */
void ws_server_tick(struct ws_server *server);
