/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Puts what several instances committed into the order of the log, without a hole: the logic alone,
 * without clock, database or network.
 *
 * A span is what one transaction, or a part of one, took of the log: the positions after `before`
 * up to `last`, and the events among them. Spans come in any order, late, twice, or never. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"

struct event;
struct sequencer;

/* An event of the log, and whom it is for. */
struct span_entry {
    struct event *event; /* reference */
    guint count;
    struct uuid *audience; /* owned */
};

struct span {
    gint64 before, last;
    GArray *entries; /* struct span_entry, ascending position */
    gsize size;      /* bytes of the payloads */
};

struct span *span_new(gint64 before, gint64 last);
void span_add(struct span *span, struct event *event, const struct uuid *audience, guint count);
void span_sort(struct span *span); /* by position, keeping the order of those with the same one */
void span_free(struct span *span);

/* DELIVER is called for each event, in order, exactly once or never. It must not call the
 * sequencer. */
typedef void (*sequencer_deliver)(const struct span_entry *entry, void *data);

/* At most MAXIMUM spans and SIZE_MAXIMUM bytes wait behind a hole. */
struct sequencer *sequencer_new(guint maximum, gsize size_maximum, sequencer_deliver deliver,
                                void *data);
void sequencer_free(struct sequencer *sequencer);

/* Everything up to POSITION counts as delivered, what waits is forgotten: a new start. */
void sequencer_start(struct sequencer *sequencer, gint64 position);
gint64 sequencer_position(const struct sequencer *sequencer); /* delivered up to here */

/* SPAN is taken. Delivers what is next in order. */
void sequencer_add(struct sequencer *sequencer, struct span *span);

/* What lies up to POSITION has been delivered by other means: goes on behind it. */
void sequencer_jump(struct sequencer *sequencer, gint64 position);

/* While set, nothing is delivered: what comes waits. */
void sequencer_hold(struct sequencer *sequencer, bool hold);

/* Whether something waits behind a hole, or was thrown away because too much waited. */
bool sequencer_has_hole(const struct sequencer *sequencer);
guint sequencer_waiting(const struct sequencer *sequencer);
/* The highest position it has heard of. */
gint64 sequencer_newest(const struct sequencer *sequencer);
