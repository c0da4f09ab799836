/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0082 date-times. */
#include "config.h"

#include <glib.h>
#include <stddef.h>

#include "xep/time.h"

#define SECOND INT64_C(1000000)
#define MIN_US (INT64_C(-62135596800) * SECOND)
#define MAX_US (INT64_C(253402300800) * SECOND - 1)

/* Reads exactly COUNT digits and moves *TEXT behind them. */
static bool read_number(const char **text, int count, int *ret)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (!g_ascii_isdigit(**text))
            return false;
        value = value * 10 + (**text - '0');
    }
    *ret = value;
    return true;
}

static bool read_char(const char **text, char expected)
{
    if (**text != expected)
        return false;
    (*text)++;
    return true;
}

/* Days since 1970-01-01 of a Gregorian date (years start in March, so that leap days come last). */
static int64_t days_of(int year, int month, int day)
{
    int shifted = month <= 2 ? year - 1 : year;
    int era = shifted / 400;
    int in_era = shifted - era * 400;
    int in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (int64_t)era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static bool read_date(const char **text, int64_t *ret_days)
{
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year;
    int month;
    int day;

    if (!read_number(text, 4, &year) || !read_char(text, '-') || !read_number(text, 2, &month) ||
        !read_char(text, '-') || !read_number(text, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1])
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month == 2 && day == 29 && !leap)
        return false;
    *ret_days = days_of(year, month, day);
    return true;
}

static bool read_clock(const char **text, int64_t *ret_us)
{
    int hour;
    int minute;
    int second;

    if (!read_number(text, 2, &hour) || !read_char(text, ':') || !read_number(text, 2, &minute) ||
        !read_char(text, ':') || !read_number(text, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    int64_t us = (hour * 3600 + minute * 60 + second) * SECOND;
    if (read_char(text, '.')) {
        if (!g_ascii_isdigit(**text))
            return false;
        for (int64_t unit = SECOND / 10; g_ascii_isdigit(**text); (*text)++, unit /= 10)
            us += (**text - '0') * unit;
    }
    *ret_us = us;
    return true;
}

static bool read_zone(const char **text, int64_t *ret_us)
{
    int hour;
    int minute;

    *ret_us = 0;
    if (read_char(text, 'Z'))
        return true;
    int sign = **text == '-' ? -1 : 1;
    if (!read_char(text, '-') && !read_char(text, '+'))
        return false;
    if (!read_number(text, 2, &hour) || !read_char(text, ':') || !read_number(text, 2, &minute))
        return false;
    *ret_us = sign * (hour * 3600 + minute * 60) * SECOND;
    return hour <= 23 && minute <= 59;
}

bool xep_time_parse(const char *text, int64_t *ret_us)
{
    int64_t days;
    int64_t clock;
    int64_t zone;

    if (!read_date(&text, &days) || !read_char(&text, 'T') || !read_clock(&text, &clock) ||
        !read_zone(&text, &zone) || *text != '\0')
        return false;
    /* A zone may carry the ends of the calendar beyond them. */
    *ret_us = CLAMP(days * 86400 * SECOND + clock - zone, MIN_US, MAX_US);
    return true;
}

char *xep_time_format(int64_t us)
{
    us = CLAMP(us, MIN_US, MAX_US);
    int64_t seconds = us / SECOND - (us % SECOND < 0 ? 1 : 0);
    int64_t rest = us - seconds * SECOND;
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    return g_strdup_printf("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", g_date_time_get_year(time),
                           g_date_time_get_month(time), g_date_time_get_day_of_month(time),
                           g_date_time_get_hour(time), g_date_time_get_minute(time),
                           g_date_time_get_second(time), (int)(rest / 1000));
}
