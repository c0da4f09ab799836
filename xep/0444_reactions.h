/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0444 message reactions: the whole set of emoji by which the sender reacts to a message. */
#pragma once

#include "xep/stanza.h"

#define REACTIONS_MAX 20      /* emoji of one user on one message; further ones are not read */
#define REACTION_BYTES_MAX 64 /* of one emoji; a family with skin tones has 41 */

struct reactions {
    const char
        *id; /* of the message, as its sender gave it (or the room); borrowed from the stanza */
    char *emoji[REACTIONS_MAX +
                1]; /* as reaction_clean() has them, no two alike, ended by NULL; owned */
};

/* Reads what MESSAGE says; an empty set takes all back. False, and nothing to clear, without an id.
 * What is no emoji is left out. */
bool reactions_parse(xmpp_stanza_t *message, struct reactions *ret);
void reactions_clear(struct reactions *set);
typedef struct reactions reactions;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(reactions, reactions_clear)

/* EMOJI is ended by NULL. */
void reactions_add(xmpp_stanza_t *message, const char *id, const char *const *emoji);

/* TEXT in NFC if it is one emoji: one grapheme cluster (UAX #29) that is drawn as a picture; else
 * NULL. */
char *reaction_clean(const char *text);
