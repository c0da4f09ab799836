/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clocks that tests can move. */
#include "config.h"

#include <stdio.h>
#include <time.h>

#include "bridge/base/clock.h"

static gint64 clock_shift;

gint64 clock_monotonic(void)
{
    return g_get_monotonic_time() + clock_shift;
}

gint64 clock_wall(void)
{
    return g_get_real_time() + clock_shift;
}

void clock_advance(gint64 microseconds)
{
    clock_shift += microseconds;
}

void clock_format(gint64 wall, char ret_text[CLOCK_TIMESTAMP_SIZE])
{
    time_t seconds = (time_t)(wall / G_USEC_PER_SEC);
    int milliseconds = (int)(wall % G_USEC_PER_SEC / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    char day[20];
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    g_snprintf(ret_text, CLOCK_TIMESTAMP_SIZE, "%s.%03dZ", day, milliseconds);
}
