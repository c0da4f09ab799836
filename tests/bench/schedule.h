/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A fixed open-loop schedule: send number i is meant for start + i / rate, whatever happened to the
 * sends before it. Latency is counted from that time, so a stall of the system under test is seen
 * by every message that should have been sent during it. Times are monotonic nanoseconds. */
#pragma once

#include <stdint.h>
#include <time.h>

struct schedule {
    uint64_t start;
    double rate;    /* sends per second, > 0 */
    uint64_t count; /* sends in all */
};

static inline uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The time send INDEX is meant for. */
uint64_t schedule_intended(const struct schedule *schedule, uint64_t index);

/* How many sends have an intended time at or before NOW; at most count. */
uint64_t schedule_due(const struct schedule *schedule, uint64_t now);
