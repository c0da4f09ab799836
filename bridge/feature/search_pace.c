/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pace of indexing. */
#include "config.h"

#include "bridge/feature/search_pace.h"

#define FORGET 1.002  /* per batch: what was short once is forgotten in some minutes */
#define REST_MIN 5000 /* microseconds */
#define REST_MAX (60 * G_USEC_PER_SEC)

gint64 search_pace_rest(struct search_pace *pace, gint64 spent, gint64 share)
{
    double now = (double)MAX(spent, 1);
    pace->least = pace->least > 0 ? MIN(now, pace->least * FORGET) : now;
    gint64 period = (gint64)(pace->least * 100 / (double)share);
    return CLAMP(period - spent, REST_MIN, REST_MAX);
}
