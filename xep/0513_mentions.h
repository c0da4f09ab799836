/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0513 explicit mentions: of parts of a body, to somebody or everybody. */
#pragma once

#include "xep/range.h"

#define MENTIONS_MAX 50

/* Borrowed. Who is meant, by one of them: an occupant of a room, an address, or everybody. */
struct mention {
    struct text_range range;
    const char *occupant; /* XEP-0421; or NULL */
    const char *uri;      /* "xmpp:…"; or NULL */
    bool everybody;
};

/* Reads those that mean somebody into RET, as many as it holds; how many. One without a range is
 * left out. */
size_t mentions_parse(xmpp_stanza_t *message, struct mention ret[MENTIONS_MAX]);
void mention_add(xmpp_stanza_t *message, const struct mention *mention);
