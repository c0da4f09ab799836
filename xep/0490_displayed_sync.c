/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0490 message displayed synchronization. */
#include "config.h"

#include "xep/0490_displayed_sync.h"

bool displayed_sync_parse(xmpp_stanza_t *payload, struct displayed_sync *ret)
{
    xmpp_stanza_t *stanza_id = stanza_is(payload, "displayed", NS_DISPLAYED_SYNC)
                                   ? stanza_child_having(payload, "stanza-id", NS_SID, "id")
                                   : NULL;
    const char *by = stanza_id ? stanza_attr(stanza_id, "by") : NULL;
    if (!by || !*by)
        return false;
    *ret = (struct displayed_sync){.id = stanza_attr(stanza_id, "id"), .by = by};
    return true;
}

void displayed_sync_add(xmpp_stanza_t *item, const struct displayed_sync *displayed)
{
    xmpp_stanza_t *element = stanza_add(item, "displayed", NS_DISPLAYED_SYNC);
    xmpp_stanza_t *stanza_id = stanza_add(element, "stanza-id", NS_SID);
    stanza_set(stanza_id, "by", displayed->by);
    stanza_set(stanza_id, "id", displayed->id);
}
