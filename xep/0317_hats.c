/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0317 hats. */
#include "config.h"

#include "xep/0317_hats.h"

size_t hats_parse(xmpp_stanza_t *presence, struct hat ret[HATS_MAX])
{
    xmpp_stanza_t *hats = stanza_child(presence, "hats", NS_HATS);
    size_t count = 0;
    for (xmpp_stanza_t *child = hats ? stanza_first(hats) : NULL; child && count < HATS_MAX;
         child = stanza_next(child)) {
        const char *uri = stanza_attr(child, "uri");
        const char *title = stanza_attr(child, "title");
        if (stanza_is(child, "hat", NS_HATS) && uri && *uri && title && *title)
            ret[count++] = (struct hat){.uri = uri, .title = title};
    }
    return count;
}

void hats_add(xmpp_stanza_t *presence, const struct hat *hats, size_t count)
{
    xmpp_stanza_t *element = stanza_add(presence, "hats", NS_HATS);
    for (size_t i = 0; i < count; i++) {
        xmpp_stanza_t *hat = stanza_add(element, "hat", NS_HATS);
        stanza_set(hat, "uri", hats[i].uri);
        stanza_set(hat, "title", hats[i].title);
    }
}
