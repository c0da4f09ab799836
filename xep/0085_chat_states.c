/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0085 chat states. */
#include "config.h"

#include <string.h>

#include "xep/0085_chat_states.h"

static const char *const names[] = {
    [CHAT_STATE_NONE] = NULL,
    [CHAT_STATE_ACTIVE] = "active",
    [CHAT_STATE_COMPOSING] = "composing",
    [CHAT_STATE_PAUSED] = "paused",
    [CHAT_STATE_INACTIVE] = "inactive",
    [CHAT_STATE_GONE] = "gone",
};

const char *chat_state_name(enum chat_state state)
{
    return names[state];
}

enum chat_state chat_state_parse(xmpp_stanza_t *message)
{
    for (xmpp_stanza_t *child = stanza_first(message); child; child = stanza_next(child)) {
        if (strcmp(stanza_ns(child), NS_CHAT_STATES) != 0)
            continue;
        for (unsigned state = CHAT_STATE_ACTIVE; state <= CHAT_STATE_GONE; state++)
            if (strcmp(stanza_name(child), names[state]) == 0)
                return (enum chat_state)state;
    }
    return CHAT_STATE_NONE;
}

void chat_state_add(xmpp_stanza_t *message, enum chat_state state)
{
    if (state != CHAT_STATE_NONE)
        stanza_add(message, names[state], NS_CHAT_STATES);
}
