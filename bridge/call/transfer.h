/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call is handed on to somebody else. */
#pragma once

#include <jansson.h>

#include "bridge/call/act.h"
#include "bridge/core/request.h"

extern const struct field call_transfer_fields[];
/* Handles an operation with these fields, of which user_id is given: who that is is asked, or on
 * XMPP called, to take the place of who asks for it. */
void call_hand_on(struct request *request);

/* The call that a guest who accepts CALL as ACTOR begins, for a deed's `next`; NULL: ACTOR is no
 * guest. A new reference. */
json_t *call_next_of_guest(const struct call *call, const struct call_actor *actor);

/* A guest's request has come to OUTCOME, which has a next call: that rings, and is the answer. */
void call_reply_next(struct request *request, const struct call_outcome *outcome);
