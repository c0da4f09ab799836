/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The generator's event loop: epoll, level-triggered, one thread, waits with nanosecond precision.
 * A source outlives every round of the loop; one that is closed has fd -1 and gets no call. */
#pragma once

#include <stdint.h>
#include <sys/epoll.h>

struct source {
    int fd; /* -1: closed */
    void (*ready)(struct source *source, uint32_t events);
};

#define ENGINE_SCRATCH (256 * 1024)

struct engine {
    int epoll;
    uint64_t woken; /* when the running round of events was fetched, monotonic ns */
    /* Shared receive buffer: a connection keeps bytes of its own only for an unfinished unit. */
    char scratch[ENGINE_SCRATCH];
};

struct engine *engine_new(void);
void engine_free(struct engine *engine);
void engine_add(struct engine *engine, struct source *source, uint32_t events);
void engine_change(struct engine *engine, struct source *source, uint32_t events);
void engine_close(struct engine *engine, struct source *source); /* closes the descriptor, too */

/* One round: waits until an event or DEADLINE (monotonic ns), then calls the ready sources. */
void engine_wait(struct engine *engine, uint64_t deadline);

/* Where to connect to. */
struct endpoint {
    char host[64]; /* numeric */
    uint16_t port;
};

/* A connected, non-blocking TCP socket without Nagle delay, from SOURCE_ADDRESS (IPv4, host order;
 * 0: any); -1 with errno. Blocks for the loopback handshake. */
int engine_connect(const struct endpoint *endpoint, uint32_t source_address);
