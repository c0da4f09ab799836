/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0372 references: of a part of a body to somebody or something. */
#pragma once

#include "xep/range.h"

#define REFERENCES_MAX 50

enum reference_type { REFERENCE_MENTION, REFERENCE_DATA };

/* Borrowed. */
struct reference {
    enum reference_type type;
    bool has_range; /* false: it is about the whole message */
    struct text_range range;
    const char *uri;    /* "xmpp:…" of who is mentioned; not empty */
    const char *anchor; /* URI of the message that refers; NULL: this one */
};

/* Reads those of TYPE into RET, as many as it holds, at most REFERENCES_MAX; how many. A mention
 * whose range is none is left out. */
size_t references_parse(xmpp_stanza_t *message, enum reference_type type,
                        struct reference ret[REFERENCES_MAX]);
void reference_add(xmpp_stanza_t *message, const struct reference *reference);
