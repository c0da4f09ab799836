/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One measured run of sends: warm-up, then a window in which latencies, replies and CPU time are
 * counted. Used for W1 (REST send until 201), W1b (one sender) and W2 (until the frame is at the
 * receiver's WebSocket). */
#pragma once

#include "tests/bench/cpu.h"
#include "tests/bench/receivers.h"
#include "tests/bench/world.h"

struct send_plan {
    double rate;            /* messages per second; 0: closed loop */
    double warmup;          /* seconds */
    double seconds;         /* of the window */
    unsigned conversations; /* only the first so many; 0: all */
    bool deliver;           /* receivers[] of the world have sockets: measure delivery, too */
};

/* What became of message i. */
struct send_record {
    uint8_t id[16]; /* of the server; all zero: not acknowledged */
    uint64_t seq;
    uint32_t conversation; /* index in the world */
    uint32_t frames;       /* times the receiver saw it */
};

struct send_run {
    const struct world *world;
    struct drive *drive;
    struct send_plan plan;
    struct send_record *records;
    uint64_t capacity;
    char tag[10]; /* "bXXXXXXXX-": client_id prefix of this run */
    char body[WORLD_BODY_LENGTH];
    uint64_t seed;
    uint64_t window_start;
    uint64_t window_end;
    const struct cpu *cpu;
    struct cpu_sample before;
    struct cpu_sample after;
    struct histogram *latency;  /* intended send → 201 */
    struct histogram *delivery; /* intended send → frame at the receiver */
    struct histogram *lateness;
    uint64_t sent;
    uint64_t acked;
    uint64_t acked_in_window;
    uint64_t refused;    /* replies other than 201 */
    uint64_t broken;     /* connections that failed with a request in flight */
    uint64_t received;   /* first frames */
    uint64_t disordered; /* frames out of seq order, repeated, or in a wrong conversation */
    uint64_t foreign;    /* frames of messages that are not of this run */
    uint64_t *last_seq;  /* per conversation, at the receiver */
    bool drained;        /* every send was answered in time, every frame came */
};

/* Runs PLAN to the end, including the wait for what is in flight. */
struct send_run *send_run(const struct world *world, struct drive *drive, const struct cpu *cpu,
                          struct send_plan plan, struct receivers *receivers);
void send_free(struct send_run *run);

double send_rate(const struct send_run *run); /* replies per second of the window */
/* CPU time of a part per message of the window, in µs. */
double send_cost(const struct send_run *run, enum cpu_role role);
bool send_clean(const struct send_run *run); /* no error, nothing lost, nothing out of order */

/* The client_id of message INDEX: WORLD_TAG_LENGTH characters, not terminated. */
void send_client_id(const struct send_run *run, uint64_t index, char *out);
