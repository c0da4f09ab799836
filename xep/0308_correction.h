/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0308 last message correction. */
#pragma once

#include "xep/stanza.h"

/* The id of the first version of what MESSAGE corrects, borrowed; NULL: it corrects nothing. */
const char *correction_parse(xmpp_stanza_t *message);
void correction_add(xmpp_stanza_t *message, const char *id);
