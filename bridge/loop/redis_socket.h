/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection of hiredis behind a watch of the loop. hiredis frees a context by itself when its
 * connection ends; `ended` tells of it, whatever the reason was, unless we have ended it. */
#pragma once

#include <hiredis/async.h>

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/redis_url.h"
#include "bridge/loop/loop.h"

struct redis_socket {
    redisAsyncContext *context; /* NULL: none; hiredis frees it */
    struct loop_watch watch;
    uint32_t events;
    bool watched;
    bool ending; /* by us */
    void (*ended)(struct redis_socket *socket);
};

/* Begins to connect; what is asked is sent once that has worked. False: it cannot even begin. ENDED
 * is called when the connection has failed, or ended. */
bool redis_socket_connect(struct redis_socket *socket, const struct redis_server *server,
                          void (*ended)(struct redis_socket *socket));
/* Signs in, if SERVER has a password; DONE gets DATA. */
void redis_socket_sign_in(struct redis_socket *socket, const struct redis_server *server,
                          redisCallbackFn *done, void *data);
/* Without `ended`; what was asked is answered with NULL. */
void redis_socket_end(struct redis_socket *socket);
