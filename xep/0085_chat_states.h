/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0085 chat states. */
#pragma once

#include "xep/stanza.h"

enum chat_state {
    CHAT_STATE_NONE,
    CHAT_STATE_ACTIVE,
    CHAT_STATE_COMPOSING,
    CHAT_STATE_PAUSED,
    CHAT_STATE_INACTIVE,
    CHAT_STATE_GONE,
};

/* The element name of a state; NULL for none. */
const char *chat_state_name(enum chat_state state);
/* The first known state in MESSAGE. */
enum chat_state chat_state_parse(xmpp_stanza_t *message);
/* Adds a state; none adds nothing. */
void chat_state_add(xmpp_stanza_t *message, enum chat_state state);
