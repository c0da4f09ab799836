/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One channel of a Redis server, on the loop: publishes and listens, never blocks, reconnects by
 * itself (0.1 s to 2 s apart), to whichever of several servers is the primary. Two connections,
 * since one that listens may not publish. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define REDIS_WAITING_MAX (16 * 1024 * 1024) /* bytes that wait for the server to read them */

struct redis;

struct redis_callbacks {
    void (*up)(void *data); /* listening, and able to publish */
    void (*down)(void *data);
    /* Something was published on the channel, by us or others. BYTES are borrowed; behind them is a
     * NUL. */
    void (*message)(const char *bytes, size_t length, void *data);
};

/* URLS as for redis_servers_new(). Connects once a channel is chosen. */
struct redis *redis_new(const char *urls, const struct redis_callbacks *callbacks, void *data);
void redis_free(struct redis *redis); /* not from inside its callbacks; calls none */

/* Changes the channel; the connections are made anew. */
void redis_choose(struct redis *redis, const char *channel);

/* False: down, or too much waits already. */
bool redis_publish(struct redis *redis, const char *bytes, size_t length);

/* Gives up on the connections, as if they had broken: for a server that has stopped answering. */
void redis_reset(struct redis *redis);
bool redis_is_up(const struct redis *redis);
