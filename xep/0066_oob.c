/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0066 out of band data. */
#include "config.h"

#include "xep/0066_oob.h"

const char *oob_parse(xmpp_stanza_t *message)
{
    xmpp_stanza_t *element = stanza_child(message, "x", NS_OOB);
    const char *url = element ? stanza_child_text(element, "url", NS_OOB) : NULL;
    return url && *url ? url : NULL;
}

void oob_add(xmpp_stanza_t *message, const char *url)
{
    xmpp_stanza_t *element = stanza_add(message, "x", NS_OOB);
    stanza_add_text(element, "url", NS_OOB, url);
}
