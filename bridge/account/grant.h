/* SPDX-License-Identifier: GPL-3.0-or-later */
/* By what somebody was let in: enough to tell later whether that still holds. */
#pragma once

#include <stdbool.h>

#include "bridge/base/id.h"

struct grant {
    struct uuid credential; /* digest (secret.h) of the token, cookie or server key; of a socket
                               that came by ticket: of what the ticket was made with */
    gint64 issued;          /* wall clock, microseconds: of its making, as it says itself */
    gint64 expires;         /* wall clock, microseconds, leeway included */
    guint32 key;            /* of a token: mark of the key that has signed it (token.h); else 0 */
    bool renews;            /* of a cookie's session: use may put its end off */
};
