/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clocks that tests can move. */
#include "config.h"

#include <string.h>
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
    static time_t last;
    static char text[CLOCK_TIMESTAMP_SIZE]; /* of that second */
    time_t seconds = (time_t)(wall / G_USEC_PER_SEC);
    unsigned milliseconds = (unsigned)(wall % G_USEC_PER_SEC / 1000);
    if (!text[0] || seconds != last) {
        struct tm parts;
        gmtime_r(&seconds, &parts);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
        last = seconds;
    }
    memcpy(ret_text, text, sizeof text);
    char *digits = ret_text + 20;
    digits[0] = (char)('0' + milliseconds / 100);
    digits[1] = (char)('0' + milliseconds / 10 % 10);
    digits[2] = (char)('0' + milliseconds % 10);
}
