/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0359 unique and stable stanza ids. */
#pragma once

#include "xep/stanza.h"

/* The origin-id, borrowed, or NULL. */
const char *origin_id_parse(xmpp_stanza_t *message);
void origin_id_add(xmpp_stanza_t *message, const char *id);

/* The stanza-id that BY (an address, compared byte by byte) assigned, borrowed, or NULL. Believe it
 * only from an entity that advertises NS_SID. */
const char *stanza_id_parse(xmpp_stanza_t *message, const char *by);
/* A copy of MESSAGE without the stanza-ids whose "by" is in one of DOMAINS (NULL-terminated), or is
 * no address at all: nobody but us may assign those. The caller owns it. */
xmpp_stanza_t *stanza_id_strip(xmpp_stanza_t *message, const char *const *domains);
