/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One spelling for a domain that has several. `xn--bcher-kva.example` and `bücher.example` are one
 * (RFC 5890 section 2.3.2.1: A-labels and U-labels); servers pass on either. Inside there are only
 * U-labels, as jid_prepare() has them. On the wire a server is called what it calls itself, for it
 * may know no other name. */
#pragma once

#include "xep/stanza.h"

struct labels;

struct labels *labels_new(void);
void labels_free(struct labels *labels);

/* Brings `from` and `to` of STANZA, which has come in, into our spelling, and remembers the other
 * one of `from`, for 4096 domains at most. */
void labels_arrive(struct labels *labels, xmpp_stanza_t *stanza);

/* The address TO as its server spells it; newly allocated. NULL: as we do. */
char *labels_leave(const struct labels *labels, const char *to);
/* The same for the stanza XML of LENGTH bytes. */
char *labels_leave_text(const struct labels *labels, const char *xml, size_t length);
