/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pace of indexing. */
#include "config.h"

#include "bridge/feature/search_pace.h"

#define FORGET 1.002  /* per batch: what was short once is forgotten in some minutes */
#define REST_MIN 5000 /* microseconds */
#define REST_MAX (60 * G_USEC_PER_SEC)
#define GATHER_MAX (500 * G_TIME_SPAN_MILLISECOND)

gint64 search_pace_rest(struct search_pace *pace, gint64 spent, gint64 count, gint64 share)
{
    double now = (double)MAX(spent, 1) / (double)MAX(count, 1);
    pace->least = pace->least > 0 ? MIN(now, pace->least * FORGET) : now;
    gint64 period = (gint64)(pace->least * (double)MAX(count, 1) * 100 / (double)share);
    return CLAMP(period - spent, REST_MIN, REST_MAX);
}

gint64 search_pace_gather(struct search_pace *pace, gint64 head, gint64 at, gint64 missing)
{
    double came = (double)(head - pace->head);
    double passed = (double)(at - pace->head_at);
    bool known = pace->head_at > 0 && came > 0 && passed > 0;
    pace->head = head;
    pace->head_at = at;
    if (missing <= 0)
        return 0;
    return known ? (gint64)MIN((double)missing * passed / came, (double)GATHER_MAX) : GATHER_MAX;
}
