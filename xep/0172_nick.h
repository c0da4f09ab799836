/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0172 user nicknames. */
#pragma once

#include "xep/stanza.h"

void nick_add(xmpp_stanza_t *parent, const char *nick);
/* The nickname that ELEMENT, <nick/>, holds; NULL: it is something else. */
const char *nick_parse(xmpp_stanza_t *element);
