/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0334 message processing hints. */
#pragma once

#include "xep/stanza.h"

enum {
    HINT_NO_PERMANENT_STORE = 1 << 0,
    HINT_NO_STORE = 1 << 1,
    HINT_NO_COPY = 1 << 2,
    HINT_STORE = 1 << 3,
};

/* The set of HINT_… in MESSAGE. */
unsigned hints_parse(xmpp_stanza_t *message);
void hints_add(xmpp_stanza_t *message, unsigned hints);
