/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stanzas that were kept as text, read again. */
#pragma once

#include <stddef.h>

#include "xep/stanza.h"

/* Reads what stanza_to_text() has written: one element, within the limits that a stream has. NULL:
 * TEXT is anything else. The caller owns the result. */
xmpp_stanza_t *stanza_from_text(const char *text, size_t length);
