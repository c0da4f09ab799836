/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jabber:iq:roster, urn:xmpp:blocking */
#include "config.h"

#include <string.h>

#include "xep/roster.h"

xmpp_stanza_t *roster_build_get(void)
{
    xmpp_stanza_t *iq = stanza_new_iq("get", NULL, NULL, NULL);
    stanza_add(iq, "query", NS_ROSTER);
    return iq;
}

xmpp_stanza_t *blocks_build_get(void)
{
    xmpp_stanza_t *iq = stanza_new_iq("get", NULL, NULL, NULL);
    stanza_add(iq, "blocklist", NS_BLOCKING);
    return iq;
}

xmpp_stanza_t *blocks_build_set(bool block, const char *jid)
{
    xmpp_stanza_t *iq = stanza_new_iq("set", NULL, NULL, NULL);
    xmpp_stanza_t *change = stanza_add(iq, block ? "block" : "unblock", NS_BLOCKING);
    stanza_set(stanza_add(change, "item", NS_BLOCKING), "jid", jid);
    return iq;
}

bool roster_parse(xmpp_stanza_t *iq, void (*tell)(const struct roster_item *item, void *data),
                  void *data)
{
    xmpp_stanza_t *query = stanza_child(iq, "query", NS_ROSTER);
    if (!query)
        return false;
    for (xmpp_stanza_t *child = stanza_first(query); child; child = stanza_next(child)) {
        const char *subscription = stanza_attr(child, "subscription");
        struct roster_item item = {.jid = stanza_attr(child, "jid"),
                                   .name = stanza_attr(child, "name"),
                                   .subscription = subscription ? subscription : "none",
                                   .ask = g_strcmp0(stanza_attr(child, "ask"), "subscribe") == 0};
        if (stanza_is(child, "item", NS_ROSTER) && item.jid && *item.jid)
            tell(&item, data);
    }
    return true;
}

enum blocks_change blocks_parse(xmpp_stanza_t *iq, void (*tell)(const char *jid, void *data),
                                void *data)
{
    static const struct {
        const char *name;
        enum blocks_change change;
    } known[] = {{"blocklist", BLOCKS_LIST}, {"block", BLOCKS_ADDED}, {"unblock", BLOCKS_REMOVED}};
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        xmpp_stanza_t *list = stanza_child(iq, known[i].name, NS_BLOCKING);
        bool any = false;
        for (xmpp_stanza_t *child = list ? stanza_first(list) : NULL; child;
             child = stanza_next(child)) {
            const char *jid = stanza_attr(child, "jid");
            if (stanza_is(child, "item", NS_BLOCKING) && jid && *jid) {
                tell(jid, data);
                any = true;
            }
        }
        if (list)
            return known[i].change == BLOCKS_REMOVED && !any ? BLOCKS_CLEARED : known[i].change;
    }
    return BLOCKS_NONE;
}
