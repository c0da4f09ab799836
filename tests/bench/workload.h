/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The workloads W1, W1b, W2, W9 and W11. Each prints its runs and returns a JSON object; NULL when
 * it could not be carried out. */
#pragma once

#include <jansson.h>

#include "tests/bench/send.h"

struct workload {
    const struct stack *stack;
    struct engine *engine;
    struct drive *drive;
    struct world *world;
    const struct cpu *cpu;
    bool unchecked;
    double rate;   /* messages per second; 0: not given */
    double warmup; /* seconds */
    double seconds;
    double idle_seconds; /* W9: how long idleness is watched */
    unsigned idle;       /* W9: sockets */
};

json_t *workload_send(struct workload *workload);   /* W1 at the given rate, or closed if it is 0 */
json_t *workload_peak(struct workload *workload);   /* W1: the highest rate with p99 < 50 ms */
json_t *workload_single(struct workload *workload); /* W1b; wants a drive with one connection */
json_t *workload_deliver(struct workload *workload); /* W2 */
json_t *workload_idle(struct workload *workload);    /* W9 */
json_t *workload_storm(struct workload *workload);   /* W10 */
json_t *workload_typing(struct workload *workload);  /* W11; wants as many conversations as users */
