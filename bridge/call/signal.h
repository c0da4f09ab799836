/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals of apps, in whichever spelling they come, checked before anybody else sees them. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "bridge/call/machine.h"

/* What an app has sent; members may be NULL. */
struct signal_given {
    const char *type;        /* offer, answer, ice_candidate, ice-candidate, ice_restart */
    const json_t *data;      /* a text, { type, sdp }, or { candidate, sdpMid, sdpMLineIndex,
                              * usernameFragment } */
    const json_t *sdp;       /* the same of a description */
    const json_t *candidate; /* and of a candidate */
};

struct signal {
    enum call_event event;
    json_t *json;  /* { type, data } as the other side is told; owned by the caller */
    json_t *bound; /* of a description, see binding.h; owned by the caller. NULL: it is none */
    bool
        passes; /* false: it is fine, and not to be told: of a candidate that would tell too much */
};

/* NULL and *RET, or what is wrong (static text) with the member *RET_POINTER (static). RELAY_ONLY:
 * no address of the sender's own is to be told; candidates in a description that have one are taken
 * out. */
const char *signal_read(const struct signal_given *given, bool relay_only, struct signal *ret,
                        const char **ret_pointer);
