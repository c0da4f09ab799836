/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A rate as configuration writes it: "100/60" is a hundred in sixty seconds, "0" is without limit.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define RATE_COUNT_MAX 1000000
#define RATE_SECONDS_MAX (31 * 24 * 3600)

struct rate {
    gint64 count;   /* 0: without limit */
    gint64 seconds; /* 1 or more */
};

/* False, and *ret_rate untouched, if TEXT is not a rate within the bounds above. */
bool rate_parse(const char *text, struct rate *ret_rate);
