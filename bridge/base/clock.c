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

/* The number ends before END. */
static void put_digits(char *end, int number)
{
    for (; number > 0; number /= 10)
        *--end = (char)('0' + number % 10);
}

void clock_format(gint64 wall, char ret_text[CLOCK_TIMESTAMP_SIZE])
{
    static time_t last;
    static char text[CLOCK_TIMESTAMP_SIZE]; /* of that second */
    time_t seconds = (time_t)(wall / G_USEC_PER_SEC);
    if (!text[0] || seconds != last) {
        struct tm parts;
        gmtime_r(&seconds, &parts);
        /* Pages hold hundreds of times: printing costs several times as much as this. */
        memcpy(text, "0000-00-00T00:00:00.000Z", sizeof text);
        put_digits(text + 4, parts.tm_year + 1900);
        put_digits(text + 7, parts.tm_mon + 1);
        put_digits(text + 10, parts.tm_mday);
        put_digits(text + 13, parts.tm_hour);
        put_digits(text + 16, parts.tm_min);
        put_digits(text + 19, parts.tm_sec);
        last = seconds;
    }
    memcpy(ret_text, text, sizeof text);
    put_digits(ret_text + 23, (int)(wall % G_USEC_PER_SEC / 1000));
}
