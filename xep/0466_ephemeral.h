/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0466 ephemeral messages. */
#pragma once

#include "xep/stanza.h"

/* How many seconds after it was read MESSAGE is to vanish; in a message without text: all that
 * follow. 0: not at all. False: nothing is said. */
bool ephemeral_parse(xmpp_stanza_t *message, uint32_t *ret_seconds);
void ephemeral_add(xmpp_stanza_t *message, uint32_t seconds);
