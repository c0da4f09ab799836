/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0410 MUC self-ping: whether one is in a room still. Building is a ping (0199) of one's own
 * occupant address. */
#pragma once

#include "xep/stanza.h"

enum self_ping {
    SELF_PING_IN,
    SELF_PING_OUT,     /* enter again */
    SELF_PING_UNKNOWN, /* the room cannot be reached, or it took too long: ask again later */
};

/* What ANSWER, a result or an error, says. */
enum self_ping self_ping_parse(xmpp_stanza_t *answer);
/* The room's own answer to the ping IQ of an occupant about itself. NULL when IQ must not be
 * answered. */
xmpp_stanza_t *self_ping_build_answer(xmpp_stanza_t *iq, bool is_in);
