/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A streaming standby that answers pages, searches and lists (database.read_uri), so that the
 * primary need not.
 *
 * Nobody sees less there than at the primary: a read asks the primary first how far its write-ahead
 * log is on disk, one question for all reads of a turn, and runs once the standby has replayed so
 * much. What was acknowledged to anybody, by whichever instance, was on disk before. A standby that
 * does not get there within REPLICA_PATIENCE is left alone until it has caught up, and the read
 * goes to the primary, as it does when the standby is away, refuses it, or follows another log. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/archive/read.h"

#define REPLICA_PATIENCE (G_USEC_PER_SEC / 10)

struct options;
struct replica;

struct replica_callbacks {
    /* A connection to the primary that may be asked; NULL: none is there. */
    struct pq_connection *(*primary)(void *data);
    /* READ is the owner's again: it goes to the primary, or was lost with the replica. */
    void (*give_back)(struct read *read, void *data);
};

/* NULL without database.read_uri. SETTINGS is that of every connection. */
struct replica *replica_new(const struct options *options, const char *settings,
                            const struct replica_callbacks *callbacks, void *data);
/* What waits or runs is given back first. */
void replica_free(struct replica *replica);

/* The log that is written is that of EPOCH, borrowed until the next call; NULL: none is known. */
void replica_follow(struct replica *replica, const char *epoch);
/* False: READ is for the primary. Else READ is finished, or given back, later. */
bool replica_take(struct replica *replica, struct read *read);
/* At a turn's end: asks for what was taken in it. */
void replica_flush(struct replica *replica);
/* Twice a second. A connection silent for longer than SILENCE_MAX is given up. */
void replica_tick(struct replica *replica, gint64 silence_max);

/* Whether it takes reads. */
bool replica_is_up(const struct replica *replica);
