/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the next batch of messages is put into the search index: such that the work takes its share
 * of a core, and no more. A batch is timed by the wall clock, which on a busy machine says more
 * than what the work has cost; the shortest of the recent batches, for its size, is taken for that.
 * So the index keeps up at the same rate whether others have something to do or not. A batch of few
 * costs nearly as much as one of many, so that what comes is gathered for a moment. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct search_pace {
    double least; /* microseconds for one of a batch, the shortest recent one; 0: none yet */
    gint64 head;  /* where the log stood when a batch began at head_at; 0: none did */
    gint64 head_at;
};

/* Microseconds to rest after a batch of COUNT that took SPENT, with SHARE percent (1 to 100) of a
 * core. */
gint64 search_pace_rest(struct search_pace *pace, gint64 spent, gint64 count, gint64 share);
/* Microseconds until MISSING positions more have come, half a second at most, as fast as the log
 * has grown since the last call to HEAD, where it stood AT that time. */
gint64 search_pace_gather(struct search_pace *pace, gint64 head, gint64 at, gint64 missing);
