/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log of the database is another one than before: a standby that was behind has been promoted,
 * or a copy was restored. What memory holds by positions of the old log, and what was read from it,
 * is void. */
#pragma once

#include <glib.h>

struct core;
struct log_state;

/* The database is there (again), with this log. Sets what CORE knows of it, forgets what another
 * log makes void, tells subscribers to start anew, and asks whether each of them would still be let
 * in. Outbox and cluster are told by the caller, afterwards. */
void epoch_take(struct core *core, const struct log_state *log);
