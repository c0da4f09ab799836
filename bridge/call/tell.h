/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling those who take part, by their devices, what is not in the log. */
#pragma once

#include "bridge/call/call.h"

/* Whom of a user's devices. */
enum call_audience {
    CALL_TO_ALL,
    CALL_TO_DEVICE, /* the one that takes part; kept for it while it is away */
    CALL_TO_OTHERS,
    CALL_TO_NEXT /* the one it is to move to */
};

/* Tells the app of SIDE, here and at other instances, TYPE (an event that is not logged) with
 * PAYLOAD (taken); call_id and conversation_id are added. Nothing is told to XMPP by it. */
void call_tell(struct call *call, enum call_side side, enum call_audience audience, int type,
               json_t *payload);

/* What has waited for the device of SIDE is told to it, if it is there. */
void call_tell_waiting(struct call *call, enum call_side side);

/* Whether USER has an app connected, here or at another instance as far as is known here. */
bool call_is_heard(const struct core *core, const struct uuid *user);

void call_tell_start(struct core *core);
