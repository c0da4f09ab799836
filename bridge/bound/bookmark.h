/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bookmarks of rooms (XEP-0402), as the account's server has them. */
#pragma once

#include "bridge/bound/bound_part.h"

struct outbox_entry;
struct pubsub_item;

/* Asks for all of SESSION's, which has just been bound. */
void bound_bookmarks_begin(struct bound_session *session);
/* MESSAGE of the account itself tells of some. */
void bound_bookmarks_event(struct bound_session *session, xmpp_stanza_t *message);
/* For a struct outgoing: one is written; the payload is of bound_bookmark_wire() in SQL. */
xmpp_stanza_t *bound_bookmark_build(const struct outbox_entry *entry);
