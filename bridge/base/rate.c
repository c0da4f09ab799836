/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading of rates. */
#include "config.h"

#include <string.h>

#include "bridge/base/rate.h"

/* Plain digits, at most MAXIMUM; what follows them is in *ret_end. */
static bool read_number(const char *text, gint64 maximum, gint64 *ret_number, const char **ret_end)
{
    gint64 number = 0;
    const char *p = text;
    for (; g_ascii_isdigit(*p); p++) {
        number = number * 10 + (*p - '0');
        if (number > maximum)
            return false;
    }
    *ret_number = number;
    *ret_end = p;
    return p > text;
}

bool rate_parse(const char *text, struct rate *ret_rate)
{
    struct rate rate = {0, 1};
    const char *rest;
    if (!read_number(text, RATE_COUNT_MAX, &rate.count, &rest))
        return false;
    if (*rest == '/' &&
        (!read_number(rest + 1, RATE_SECONDS_MAX, &rate.seconds, &rest) || rate.seconds == 0))
        return false;
    if (*rest != '\0' || (rate.count > 0 && !strchr(text, '/')))
        return false;
    *ret_rate = rate;
    return true;
}
