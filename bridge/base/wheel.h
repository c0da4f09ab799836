/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deadlines of many objects behind one timer: a hashed timing wheel. Setting and clearing are O(1),
 * an advance costs the slots that passed and the entries in them. An entry has one deadline, so an
 * owner with several sets the next one. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define WHEEL_TICK (G_USEC_PER_SEC / 4) /* a deadline is met at most one tick late */
#define WHEEL_SLOTS 512                 /* deadlines further away are looked at once a round */

/* Embedded in its owner; zeroed it is not in any wheel. */
struct wheel_entry {
    struct wheel_entry *next, **link; /* link: what points to this entry; NULL when not set */
    gint64 due;                       /* clock_monotonic */
};

struct wheel {
    struct wheel_entry *slots[WHEEL_SLOTS];
    gint64 ticks; /* up to here everything due has been reported */
};

void wheel_init(struct wheel *wheel, gint64 now);

/* Sets or moves the deadline of ENTRY. */
void wheel_set(struct wheel *wheel, struct wheel_entry *entry, gint64 due);
void wheel_clear(struct wheel_entry *entry);

/* Calls DUE for every entry whose deadline has passed by NOW; it has been cleared before, and the
 * call may set or clear any entry. */
void wheel_advance(struct wheel *wheel, gint64 now,
                   void (*due)(struct wheel_entry *entry, void *data), void *data);
