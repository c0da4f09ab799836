/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of the log among several instances: each hears of what the others commit through the bus,
 * puts it in the order of the log, and reads from the database what does not come.
 *
 * Redis may lose anything at any time, or be away: sockets still get every event once and in order,
 * only later. core->position is how far the log was handed out to them. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct core;

/* Only with a bus; without, events go straight to subscribers. Sets core->router. */
void fanout_init(struct core *core);
void fanout_clear(struct core *core);

/* The log stands at POSITION; with RESTART it is another one than before. */
void fanout_archive_up(struct core *core, gint64 position, bool restart);

/* Around the completions of one transaction that took the positions after BEFORE up to LAST. */
void fanout_batch_begin(struct core *core, gint64 before, gint64 last);
void fanout_batch_end(struct core *core);

/* Does what is due, four times a second; its own timer calls it. */
void fanout_tick(struct core *core);
