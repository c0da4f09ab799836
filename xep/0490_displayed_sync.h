/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0490 message displayed synchronization: items of the node NS_DISPLAYED_SYNC whose ids are the
 * addresses of conversations. */
#pragma once

#include "xep/stanza.h"

/* Up to which message somebody has read, borrowed. Neither is empty. */
struct displayed_sync {
    const char *id; /* stanza-id */
    const char *by; /* the archive that gave it: the room, or the account itself */
};

/* Reads the payload of an item. False: it is none that can be used. */
bool displayed_sync_parse(xmpp_stanza_t *payload, struct displayed_sync *ret);
void displayed_sync_add(xmpp_stanza_t *item, const struct displayed_sync *displayed);
