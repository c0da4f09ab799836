/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A call of an app's: may it ring, and whom. */
#pragma once

#include "bridge/call/call.h"
#include "bridge/core/request.h"

extern const struct field call_initiate_fields[];
/* The handler of an operation with these fields. */
void call_initiate(struct request *request);

/* CALL has just been stored: the callee's devices have been told, or the peer is now. */
void call_ring(struct call *call);
