/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Timers of calls, and the sockets by which they are made. */
#pragma once

#include "bridge/call/call.h"

struct account;
struct subscriber;

void call_clock_start(struct core *core);
void call_clock_stop(void);
/* CALL was read from its row: whose socket is nowhere, though it took part by one, has to come
 * back. DONE (may be NULL) is called when that is known, now or later, as in call_find(). */
void call_check_sides(struct call *call, call_found done, void *data);
/* CALL was told by another instance: a socket that was lost may have come back here. */
void call_find_sides(struct call *call);
/* As in core/part.h. */
void call_subscriber_changed(struct core *core, struct subscriber *subscriber,
                             struct account *account, bool added);
