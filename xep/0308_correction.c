/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0308 last message correction. */
#include "config.h"

#include "xep/0308_correction.h"

const char *correction_parse(xmpp_stanza_t *message)
{
    xmpp_stanza_t *element = stanza_child_having(message, "replace", NS_CORRECTION, "id");
    return element ? stanza_attr(element, "id") : NULL;
}

void correction_add(xmpp_stanza_t *message, const char *id)
{
    stanza_set(stanza_add(message, "replace", NS_CORRECTION), "id", id);
}
