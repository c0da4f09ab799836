/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tries one server as ICE would use it: a binding at STUN (RFC 8489), an allocation at TURN
 * (RFC 8656), which is given back at once. Messages are libnice's. */
#pragma once

#include "bridge/base/ice_uri.h"

struct probe {
    struct ice_uri uri;
    const char *username, *credential; /* of TURN */
    const char *reason;                /* static text; NULL: it works */
};

/* Takes up to about fifteen seconds; sets `reason`. May run in any thread. */
void probe_run(struct probe *probe);
