/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0461 message replies. */
#pragma once

#include "xep/stanza.h"

#define REPLY_QUOTE_LINES 4   /* lines of the answered message that a quote shows */
#define REPLY_QUOTE_CHARS 300 /* and code points */

/* Borrowed. */
struct reply {
    const char
        *id; /* of the answered message: origin-id or @id, of the room in a room; not empty */
    const char *to; /* who wrote it; NULL: not said */
};

/* False: it is no reply. */
bool reply_parse(xmpp_stanza_t *message, struct reply *ret);
void reply_add(xmpp_stanza_t *message, const struct reply *reply);

/* TEXT, said by NAME, as a quote: each line begins with "> " and the last ends with a line feed.
 * What is beyond the limits above gives way to an ellipsis. Newly allocated. */
char *reply_quote(const char *name, const char *text);
/* Adds the body: QUOTE, said to be there only for who knows no replies, and TEXT. */
void reply_add_body(xmpp_stanza_t *message, const char *quote, const char *text);
/* BODY, which is of MESSAGE, without that quote; newly allocated. */
char *reply_strip(xmpp_stanza_t *message, const char *body);
