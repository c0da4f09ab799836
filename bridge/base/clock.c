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

#define SECONDS_A_DAY G_GINT64_CONSTANT(86400)

/* Exactly COUNT digits, which end before END. */
static void put_digits(char *end, int count, int number)
{
    for (; count > 0; count--, number /= 10)
        *--end = (char)('0' + number % 10);
}

/* Pages hold hundreds of times: printing costs several times as much as this. */
static void put_day(gint64 day, char ret_text[CLOCK_TIMESTAMP_SIZE])
{
    time_t seconds = (time_t)(day * SECONDS_A_DAY);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    memcpy(ret_text, "0000-00-00T00:00:00.000Z", CLOCK_TIMESTAMP_SIZE);
    put_digits(ret_text + 4, 4, parts.tm_year + 1900);
    put_digits(ret_text + 7, 2, parts.tm_mon + 1);
    put_digits(ret_text + 10, 2, parts.tm_mday);
}

gint64 clock_clamp(gint64 wall)
{
    return CLAMP(wall, CLOCK_WALL_MIN, CLOCK_WALL_MAX);
}

void clock_format(gint64 wall, char ret_text[CLOCK_TIMESTAMP_SIZE])
{
    static gint64 last;
    static char text[CLOCK_TIMESTAMP_SIZE]; /* of that day, at midnight */
    wall = clock_clamp(wall);
    gint64 rest = wall % (SECONDS_A_DAY * G_USEC_PER_SEC);
    if (rest < 0)
        rest += SECONDS_A_DAY * G_USEC_PER_SEC;
    gint64 day = (wall - rest) / (SECONDS_A_DAY * G_USEC_PER_SEC);
    int seconds = (int)(rest / G_USEC_PER_SEC);
    if (!text[0] || day != last)
        put_day(day, text);
    last = day;
    memcpy(ret_text, text, sizeof text);
    put_digits(ret_text + 13, 2, seconds / 3600);
    put_digits(ret_text + 16, 2, seconds / 60 % 60);
    put_digits(ret_text + 19, 2, seconds % 60);
    put_digits(ret_text + 23, 3, (int)(rest / 1000 % 1000));
}
