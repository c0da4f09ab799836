/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0359 unique and stable stanza ids. */
#include "config.h"

#include <string.h>

#include "xep/0359_ids.h"
#include "xep/jid.h"

const char *origin_id_parse(xmpp_stanza_t *message)
{
    xmpp_stanza_t *element = stanza_child_having(message, "origin-id", NS_SID, "id");
    return element ? stanza_attr(element, "id") : NULL;
}

void origin_id_add(xmpp_stanza_t *message, const char *id)
{
    stanza_set(stanza_add(message, "origin-id", NS_SID), "id", id);
}

const char *stanza_id_parse(xmpp_stanza_t *message, const char *by)
{
    for (xmpp_stanza_t *child = stanza_first(message); child; child = stanza_next(child)) {
        const char *claimed = stanza_attr(child, "by");
        const char *id = stanza_attr(child, "id");
        if (stanza_is(child, "stanza-id", NS_SID) && claimed && strcmp(claimed, by) == 0 && id &&
            *id)
            return id;
    }
    return NULL;
}

static bool is_claimed(xmpp_stanza_t *child, const void *userdata)
{
    const char *const *domains = userdata;
    if (!stanza_is(child, "stanza-id", NS_SID))
        return false;
    const char *by = stanza_attr(child, "by");
    g_autofree char *folded = by ? jid_prepare(by) : NULL;
    g_autofree char *domain = folded ? jid_domain(folded) : NULL;
    return !domain || g_strv_contains(domains, domain);
}

xmpp_stanza_t *stanza_id_strip(xmpp_stanza_t *message, const char *const *domains)
{
    return stanza_copy_without(message, is_claimed, domains);
}
