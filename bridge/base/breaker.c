/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. */
#include "config.h"

#include "bridge/base/breaker.h"
#include "bridge/base/clock.h"

static void breaker_set(struct breaker *breaker, enum breaker_state state)
{
    breaker->state = state;
    breaker->failures = 0;
    breaker->trying = false;
    if (state == BREAKER_OPEN)
        breaker->opened = clock_monotonic();
    metric_set(breaker->gauge, state);
}

bool breaker_admits(struct breaker *breaker)
{
    if (breaker->state == BREAKER_OPEN && clock_monotonic() - breaker->opened >= breaker->pause)
        breaker_set(breaker, BREAKER_HALF_OPEN);
    if (breaker->state == BREAKER_CLOSED)
        return true;
    if (breaker->state == BREAKER_OPEN || breaker->trying)
        return false;
    return breaker->trying = true;
}

void breaker_tell(struct breaker *breaker, bool succeeded)
{
    if (breaker->state == BREAKER_OPEN) /* who was let through before it opened */
        return;
    if (succeeded)
        breaker_set(breaker, BREAKER_CLOSED);
    else if (breaker->state == BREAKER_HALF_OPEN || ++breaker->failures >= breaker->failures_max)
        breaker_set(breaker, BREAKER_OPEN);
}
