/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person is shown of a message: its text, or in words what it carries besides or instead. */
#pragma once

#include "xep/message.h"

enum message_told {
    MESSAGE_TOLD,    /* there is a text */
    MESSAGE_SILENT,  /* nothing is meant to be shown: marks, chat states, what is unknown */
    MESSAGE_BLANK,   /* it has a text of which nothing can be seen, and nothing else */
    MESSAGE_REFUSED, /* it asks for what nobody here can do: its sender should know */
};

struct message_text {
    enum message_told told;
    char *text;         /* MESSAGE_TOLD; freed by message_text_clear() */
    const char *reason; /* MESSAGE_REFUSED: in words; static */
    /* A room passes on an invitation; who invites, as the room says, borrowed: NULL, it does not
     * say. */
    bool from_room;
    const char *inviter;
};
typedef struct message_text message_text;

/* Reads what STANZA, of which MESSAGE was parsed, shows: subject and body first, then links and
 * invitations that the body does not have, and without a body what stands for it. */
void message_text_read(xmpp_stanza_t *stanza, const struct message_stanza *message,
                       struct message_text *ret);
void message_text_clear(struct message_text *text);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(message_text, message_text_clear)
