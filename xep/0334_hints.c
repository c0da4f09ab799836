/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0334 message processing hints. */
#include "config.h"

#include <string.h>

#include "xep/0334_hints.h"

static const char *const names[] = {"no-permanent-store", "no-store", "no-copy", "store"};

unsigned hints_parse(xmpp_stanza_t *message)
{
    unsigned hints = 0;
    for (xmpp_stanza_t *child = stanza_first(message); child; child = stanza_next(child)) {
        if (strcmp(stanza_ns(child), NS_HINTS) != 0)
            continue;
        for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
            if (strcmp(stanza_name(child), names[i]) == 0)
                hints |= 1U << i;
    }
    return hints;
}

void hints_add(xmpp_stanza_t *message, unsigned hints)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if (hints & 1U << i)
            stanza_add(message, names[i], NS_HINTS);
}
