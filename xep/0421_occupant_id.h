/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0421 occupant identifiers. */
#pragma once

#include "xep/stanza.h"

/* Borrowed, NULL when there is none. Believe it only from a room. */
const char *occupant_id_parse(xmpp_stanza_t *parent);
void occupant_id_add(xmpp_stanza_t *parent, const char *id);
