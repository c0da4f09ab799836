/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of rooms. The same stanza goes to who is in the room, to who enters it as history, and
 * into pages of its archive. */
#pragma once

#include <jansson.h>

#include "xep/stanza.h"

struct options;

/* What every message of a room has around what it says. Borrowed. */
struct groupchat {
    const char *room;        /* bare JID */
    const char *nick;        /* whose message it is; NULL: the room's own */
    const char *to;          /* full JID; NULL: it is in an archive, and to nobody */
    const char *id;          /* the stanza's own; to who sent it, that which it was sent with */
    const char *archive_id;  /* stanza-id by the room (XEP-0359); NULL: it is in no archive */
    const char *occupant_id; /* XEP-0421; NULL for the room itself */
};

/* A message with the envelope alone. */
xmpp_stanza_t *groupchat_new(const struct groupchat *envelope);
/* Puts MESSAGE, of which groupchat_strip() made a copy, into ENVELOPE. */
void groupchat_seal(xmpp_stanza_t *message, const struct groupchat *envelope);

/* The message that is BODY, of one of ours, or CAME, as it came by XMPP (then it is that one).
 * NULL: it is neither. */
xmpp_stanza_t *groupchat_compose(const struct groupchat *envelope, const char *body,
                                 const char *came);
/* The message with FACTS, as room_message_facts() in sql/function/room.sql has them; TO as in the
 * envelope. NULL: they are none. */
xmpp_stanza_t *groupchat_build(const json_t *facts, const char *to);
/* What is no message and is in the archive all the same, with FACTS of room_tell_entry() there: an
 * edit, a reaction. FROM is room/nick, or the room. In a history FACTS have a time, `at`, too. */
xmpp_stanza_t *groupchat_build_entry(const json_t *facts, const char *from, const char *to,
                                     const char *occupant_id);
/* A message as part of a room's history (XEP-0045 section 7.2.13): with a delay. */
xmpp_stanza_t *groupchat_build_history(const json_t *facts, const char *to);

/* A copy of what somebody sent to a room without what only the room may say: whom it is from, its
 * ids, delays of ours. The caller owns it. */
xmpp_stanza_t *groupchat_strip(const struct options *options, xmpp_stanza_t *message);
