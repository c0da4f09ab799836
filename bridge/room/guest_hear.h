/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said in rooms elsewhere. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "bridge/core/message.h"
#include "bridge/xmpp/dispatch.h"

/* Whether the message of CONTEXT was said in a room elsewhere, to one of ours. */
bool guest_is_said(const struct stanza_context *context);
/* Who says it, as guest_known() in SQL takes it: a new reference; NULL: it was not said there. */
json_t *guest_who(const struct stanza_context *context);
/* What the room calls it, borrowed; NULL: it does not say, or cannot be believed. */
const char *guest_wire(const struct stanza_context *context);

/* A message of somebody there. */
struct guest_message {
    struct message_arrival arrival; /* its room is not set */
    const json_t *who;
    const char *wire; /* may be NULL */
};

/* Stores it; a message of ours that comes back has been said then. */
void guest_message_submit(struct core *core, const struct guest_message *message);

/* Takes away what CONTEXT says that a moderator has taken away. False: it says nothing of the kind.
 */
bool guest_hear_moderation(const struct stanza_context *context);
