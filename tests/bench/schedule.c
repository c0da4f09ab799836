/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Open-loop schedule; see schedule.h. */
#include "tests/bench/schedule.h"

#include <math.h>

uint64_t schedule_intended(const struct schedule *schedule, uint64_t index)
{
    return schedule->start + (uint64_t)llround((double)index * 1e9 / schedule->rate);
}

uint64_t schedule_due(const struct schedule *schedule, uint64_t now)
{
    if (now < schedule->start || schedule->count == 0)
        return 0;
    double passed = (double)(now - schedule->start) * schedule->rate / 1e9;
    if (passed >= (double)schedule->count)
        return schedule->count;
    /* The estimate may be one off through rounding; intended() decides. */
    uint64_t due = (uint64_t)passed;
    while (due < schedule->count && schedule_intended(schedule, due) <= now)
        due++;
    while (due > 0 && schedule_intended(schedule, due - 1) > now)
        due--;
    return due;
}
