/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Something that only one instance may do at a time: a row in the database with a holder, a time at
 * which it runs out, and an epoch that rises with each holder.
 *
 * The holder stops by its own clock before the database lets somebody else begin, even if it was
 * stopped meanwhile: ask lease_is_held right before each deed. What is under way all the same is
 * fenced by the epoch. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct core;
struct lease;

#define LEASE_MILLISECONDS 6000        /* from renewal to running out, by the database's clock */
#define LEASE_MARGIN_MILLISECONDS 1000 /* the holder stops so much earlier */

struct lease_callbacks {
    void (*gained)(void *data);
    void (*lost)(void *data);
};

/* NAME is static. Tries for it at once and all the time. */
struct lease *lease_new(struct core *core, const char *name,
                        const struct lease_callbacks *callbacks, void *data);
/* Another log, which may have given it to somebody else: it counts as lost, and is asked for. */
void lease_start_anew(struct lease *lease);
void lease_free(struct lease *lease); /* calls nothing */

bool lease_is_held(const struct lease *lease);
gint64 lease_epoch(const struct lease *lease); /* of the last time it was held */

/* Gives it back, if held (calls lost), and does not try for SECONDS. */
void lease_yield(struct lease *lease, unsigned seconds);
/* Somebody gave it back, perhaps: tries at once. */
void lease_hurry(struct lease *lease);

/* Tells the other instances whether this one, as holder, can do what the lease is for. */
void lease_note_use(struct lease *lease, bool useful);
/* Whether the holder, whichever instance that is, can; as the database said within the last
 * LEASE_MILLISECONDS. */
bool lease_is_useful(const struct lease *lease);

/* Does what is due; the lease's own timer calls it. */
void lease_tick(struct lease *lease);
