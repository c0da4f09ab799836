/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0402 bookmarks of rooms: items of the node NS_BOOKMARKS whose ids are the rooms' addresses.
 */
#pragma once

#include "xep/stanza.h"

/* Borrowed; what is not said is NULL. */
struct bookmark {
    const char *name;
    const char *nick;
    const char *password;
    bool autojoin;
    xmpp_stanza_t *extensions; /* what others keep there: whoever writes an item again keeps it */
};

/* Reads the payload of an item. False: it is none. */
bool bookmark_parse(xmpp_stanza_t *payload, struct bookmark *ret);
/* Adds it to an item; the extensions are copied. */
void bookmark_add(xmpp_stanza_t *item, const struct bookmark *bookmark);
