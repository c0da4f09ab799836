/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0422 message fastening, as far as old retractions and moderations need it. */
#pragma once

#include "xep/stanza.h"

/* Borrowed. */
struct fastening {
    const char *id; /* of the message to which it is fastened; not empty */
    xmpp_stanza_t *payload;
};

/* Reads the first <apply-to/> that holds {NS}NAME. False: there is none. */
bool fastening_parse(xmpp_stanza_t *stanza, const char *name, const char *ns,
                     struct fastening *ret);
/* The result, borrowed, takes the payload. */
xmpp_stanza_t *fastening_add(xmpp_stanza_t *stanza, const char *id);
