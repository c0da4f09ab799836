/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last check before bytes go onto the link: one illegal stanza would end the stream, and with
 * it everybody's connection to the XMPP network. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "xep/stanza.h"

#define GUARD_STANZA_MAX (512 * 1024) /* bytes; what Prosody accepts by default */

struct guard;

struct guard *guard_new(const char *domain);
void guard_free(struct guard *guard);

/* Whether FROM is an address on our domain and TO is there. */
bool guard_addresses(const struct guard *guard, const char *from, const char *to);
/* Whether STANZA is a message, presence or iq with such addresses. */
bool guard_stanza(const struct guard *guard, xmpp_stanza_t *stanza);
/* Whether the LENGTH bytes at XML are exactly one well-formed message, presence or iq that may go
 * out: namespaces bound, XML characters only, nothing RFC 6120 section 11.1 forbids, legal
 * addresses, not too large. */
bool guard_text(struct guard *guard, const char *xml, size_t length);
