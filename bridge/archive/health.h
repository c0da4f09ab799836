/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the database takes writes, as writes and the watchdog find. */
#pragma once

#include <libpq-fe.h>
#include <glib.h>
#include <stdbool.h>

/* A connection that is up does
 * not say so: the disk may be full, a lock may be held, the session may be read only. */
struct health {
    gint64 proven; /* clock_monotonic of the last write that was committed; 0: none on this
                      connection */
    bool refused;
};
void health_proven(struct health *health);
void health_refused(struct health *health,
                    const char *reason); /* for the log: a SQLSTATE or a word */
void health_note_error(struct health *health, const PGresult *result);
