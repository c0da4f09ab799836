/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0280 message carbons: asking for copies, and recognising them, real or forged. */
#pragma once

#include "xep/stanza.h"

enum carbon {
    CARBON_NONE,
    CARBON_SENT,
    CARBON_RECEIVED,
};

/* Whether MESSAGE claims to be a copy. Only a user's own server may make copies, so for a hosted
 * user every one is forged. */
enum carbon carbon_parse(xmpp_stanza_t *message);
/* The copied message, borrowed; NULL when the copy is empty. */
xmpp_stanza_t *carbon_inner(xmpp_stanza_t *message);
/* The request, without addresses, by which a client of an account asks for copies. */
xmpp_stanza_t *carbons_build_enable(void);
