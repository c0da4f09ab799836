/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each part of the system costs: CPU time from /proc/PID/stat, memory from smaps_rollup. A
 * part is a set of processes with all their descendants. */
#pragma once

#include "tests/bench/stack.h"

struct cpu {
    GArray *files[CPU_ROLE_MAX]; /* of int: open /proc/PID/stat */
    double tick_ns;
};

struct cpu_sample {
    uint64_t at;
    uint64_t ns[CPU_ROLE_MAX];
};

/* Finds the processes. Ones that start later are only seen when their parent has collected them. */
struct cpu *cpu_new(const struct stack *stack);
void cpu_free(struct cpu *cpu);

/* Cheap: one pread per process. */
struct cpu_sample cpu_take(const struct cpu *cpu);

struct memory {
    uint64_t resident; /* bytes, all processes of the part */
    uint64_t private;  /* not shared with another process */
};

struct memory memory_take(const struct stack *stack, enum cpu_role role);

/* Kernel slab of the whole machine, in bytes: sockets, files, epoll items of both ends. */
uint64_t memory_slab(void);
