/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0424 message retraction by who wrote the message, versions :0 and :1. What a moderator takes
 * away is 0425_moderation. */
#pragma once

#include "xep/stanza.h"

/* Borrowed. */
struct retraction {
    const char *id;     /* of the retracted message: origin-id or @id, of the room in a room */
    const char *reason; /* NULL: none */
    bool old;           /* as version :0 spells it; only ever read */
};

/* False: nothing is retracted, or by a moderator. */
bool retraction_parse(xmpp_stanza_t *message, struct retraction *ret);
void retraction_add(xmpp_stanza_t *message, const struct retraction *retraction);
