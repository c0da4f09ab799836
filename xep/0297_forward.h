/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0297 stanza forwarding. */
#pragma once

#include "xep/0203_delay.h"

/* Borrowed from the element that was read. */
struct forward {
    xmpp_stanza_t *stanza;
    struct delay delay;
    bool has_delay;
};

/* Reads the <forwarded/> inside PARENT; false without one that holds a stanza. */
bool forward_parse(xmpp_stanza_t *parent, struct forward *ret);
/* Adds <forwarded/> with a copy of STANZA, or with STANZA itself, which is given away; DELAY may be
 * NULL. */
void forward_add(xmpp_stanza_t *parent, xmpp_stanza_t *stanza, const struct delay *delay);
void forward_take(xmpp_stanza_t *parent, xmpp_stanza_t *stanza, const struct delay *delay);
