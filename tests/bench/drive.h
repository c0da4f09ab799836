/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sends requests over a set of HTTP connections, by a schedule (open loop: what finds no free
 * connection waits, and the wait counts) or as fast as replies come (closed loop). */
#pragma once

#include "tests/bench/histogram.h"
#include "tests/bench/http.h"
#include "tests/bench/schedule.h"

struct drive {
    struct engine *engine;
    unsigned connections;
    struct http_client *clients; /* connections of them */
    unsigned *idle;              /* ring of free connections, oldest first */
    unsigned idle_head;
    unsigned idle_count;

    bool closed; /* closed loop: only schedule.count and .start are used */
    struct schedule schedule;
    uint64_t tick;     /* sends are released at most this often, ns; saves the generator a
                        * wake-up per message. The delay counts into the latency. */
    uint64_t released; /* last time */
    uint64_t next;     /* requests sent */
    uint64_t outstanding;
    bool stopped; /* send nothing more */

    /* The workload. build writes request INDEX into OUT and returns its length. */
    size_t (*build)(void *context, uint64_t index, char out[HTTP_REQUEST_MAX]);
    void (*reply)(void *context, const struct http_client *client, const struct http_reply *reply);
    void (*mark)(void *context, uint64_t now); /* once per round; may set stopped; may be NULL */
    void *context;
    struct histogram *lateness; /* the generator's own delay: send time minus the later of the
                                 * intended time and the connection becoming free; may be NULL */
};

/* Opens the connections. */
struct drive *drive_new(struct engine *engine, const struct endpoint *endpoint,
                        unsigned connections);
void drive_free(struct drive *drive);

/* Prepares for a new run; the workload's members are set by the caller. */
void drive_reset(struct drive *drive);

/* Runs until every reply is there, or until GRACE ns after the last send that was due. Returns true
 * when nothing is outstanding and nothing due was left unsent. */
bool drive_run(struct drive *drive, uint64_t grace);
