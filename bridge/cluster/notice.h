/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the core of one instance has to tell the others: that users stand to each other otherwise
 * than before, and that there is something new in the outbox. */
#pragma once

struct core;

/* Sets the hooks of CORE that tell, and listens to the bus. Once there is a bus. */
void notices_start(struct core *core);
void notices_stop(struct core *core);
