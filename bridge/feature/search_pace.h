/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the next batch of messages is put into the search index: such that the work takes its share
 * of a core, and no more. A batch is timed by the wall clock, which on a busy machine says more
 * than what the work has cost; the shortest of the recent batches is taken for that. So the index
 * keeps up at the same rate whether others have something to do or not. */
#pragma once

#include <glib.h>

struct search_pace {
    double least; /* microseconds of the shortest recent batch; 0: none yet */
};

/* Microseconds to rest after a full batch that took SPENT, with SHARE percent (1 to 100) of a core.
 */
gint64 search_pace_rest(struct search_pace *pace, gint64 spent, gint64 share);
