/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0153 vCard-based avatars: the hash in presence. */
#pragma once

#include "xep/stanza.h"

/* HASH: sha-1 of the picture in hex; "" says that there is none. */
void vcard_update_add(xmpp_stanza_t *presence, const char *hash);
/* The hash, "" for no picture; NULL: the presence says nothing about pictures. Borrowed. */
const char *vcard_update_parse(xmpp_stanza_t *presence);
