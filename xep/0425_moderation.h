/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0425 moderated message retraction, versions :0 and :1. */
#pragma once

#include "xep/stanza.h"

/* Who moderated, borrowed; NULL: not said. */
struct moderator {
    const char *by; /* occupant JID */
    const char *occupant_id;
};

/* Borrowed. */
struct moderation {
    const char *id; /* which the room gave to the message; not empty */
    struct moderator moderator;
    const char *reason; /* NULL: none */
    bool old;           /* as version :0 spells it */
};

/* What a moderator asks of the room, which answers with an empty result. */
bool moderation_request_parse(xmpp_stanza_t *iq, struct moderation *ret);
/* IQ comes from stanza_new_iq("set", …). */
void moderation_add_request(xmpp_stanza_t *iq, const struct moderation *moderation);

/* What a room tells its occupants. Believe it only from the bare address of a room. */
bool moderation_parse(xmpp_stanza_t *message, struct moderation *ret);
/* Adds it as both versions spell it. */
void moderation_add(xmpp_stanza_t *message, const struct moderation *moderation);

/* The <moderated/> of version :1 in PARENT. False: there is none. */
bool moderator_parse(xmpp_stanza_t *parent, struct moderator *ret);
void moderator_add(xmpp_stanza_t *parent, const struct moderator *moderator);
