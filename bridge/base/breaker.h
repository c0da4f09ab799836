/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A circuit breaker before something that may be away: while it is, nobody waits for it. Closed, it
 * lets everybody through. After some failures in a row it is open, and lets nobody through for a
 * while; then it is half open: one is let through, and what becomes of that one decides. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/metrics.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

/* Zero but for the first three members, it is closed. */
struct breaker {
    unsigned failures_max; /* so many in a row open it */
    gint64 pause;          /* microseconds for which it is open then */
    enum metric gauge;     /* has the state, as a number of enum breaker_state */
    enum breaker_state state;
    unsigned failures;
    gint64 opened; /* clock_monotonic() */
    bool trying;   /* half open, and the one that was let through has not come back */
};

/* Whether one may go now; whoever was let through tells afterwards what became of it, exactly once.
 */
bool breaker_admits(struct breaker *breaker);
void breaker_tell(struct breaker *breaker, bool succeeded);
