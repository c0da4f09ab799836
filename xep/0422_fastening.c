/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0422 message fastening. */
#include "config.h"

#include "xep/0422_fastening.h"

bool fastening_parse(xmpp_stanza_t *stanza, const char *name, const char *ns, struct fastening *ret)
{
    for (xmpp_stanza_t *child = stanza_first(stanza); child; child = stanza_next(child)) {
        const char *id = stanza_is(child, "apply-to", NS_FASTEN) ? stanza_attr(child, "id") : NULL;
        xmpp_stanza_t *payload = id && *id ? stanza_child(child, name, ns) : NULL;
        if (!payload)
            continue;
        *ret = (struct fastening){.id = id, .payload = payload};
        return true;
    }
    return false;
}

xmpp_stanza_t *fastening_add(xmpp_stanza_t *stanza, const char *id)
{
    xmpp_stanza_t *element = stanza_add(stanza, "apply-to", NS_FASTEN);
    stanza_set(element, "id", id);
    return element;
}
