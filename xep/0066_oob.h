/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0066 out of band data: a link beside a message. Clients show what it leads to when the body
 * is the link and nothing else. */
#pragma once

#include "xep/stanza.h"

/* The link, borrowed; NULL: there is none. */
const char *oob_parse(xmpp_stanza_t *message);
void oob_add(xmpp_stanza_t *message, const char *url);
