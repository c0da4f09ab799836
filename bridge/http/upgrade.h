/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the HTTP server hands over a connection that has become a WebSocket. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "bridge/account/session.h"
#include "bridge/base/error.h"

struct websocket_handshake {
    int fd;            /* non-blocking, TCP_NODELAY; ownership passes to the callee */
    const char *extra; /* bytes the client sent right behind its handshake; valid during the call */
    size_t extra_length;
    const struct credentials *credentials; /* its token is NULL without any; during the call */
    const char *dialect; /* the negotiated subprotocol, or ?dialect=, or NULL; during the call */
    bool deflates;       /* permessage-deflate was agreed on */
    const char *cursor;  /* ?cursor=: what to resume from, if the credentials are good; or NULL */
};

struct websocket_upgrade {
    /* NULL-terminated names of subprotocols, in order of preference. */
    const char *const *dialects;
    /* Whether ?dialect= may be NAME; a handshake with another one is refused. */
    bool (*knows)(const char *name);
    bool deflates; /* whether permessage-deflate is offered, without context takeover */
    /* ERROR_NONE if one more socket may come from ADDRESS, else what to answer. NULL: always. */
    enum error_code (*admits)(void *data, guint64 address);
    /* The reply 101 has been sent; from here the connection belongs to the callee. It must not call
     * into the HTTP server. */
    void (*upgraded)(void *data, const struct websocket_handshake *handshake);
    void *data;
};
