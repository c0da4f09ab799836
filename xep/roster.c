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

xmpp_stanza_t *roster_build_set(const struct roster_item *item)
{
    xmpp_stanza_t *iq = stanza_new_iq("set", NULL, NULL, NULL);
    xmpp_stanza_t *put = stanza_add(stanza_add(iq, "query", NS_ROSTER), "item", NS_ROSTER);
    bool removed = g_strcmp0(item->subscription, "remove") == 0;
    stanza_set(put, "jid", item->jid);
    stanza_set(put, "name", removed ? NULL : item->name);
    stanza_set(put, "subscription", removed ? "remove" : NULL);
    for (const char *const *group = item->groups; !removed && group && *group; group++)
        stanza_add_text(put, "group", NS_ROSTER, *group);
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

/* As struct roster_item has them; freed with g_free(). */
static const char **groups_of(xmpp_stanza_t *item)
{
    size_t count = 0;
    for (xmpp_stanza_t *child = stanza_first(item); child; child = stanza_next(child))
        count += stanza_is(child, "group", NS_ROSTER);
    const char **groups = g_new0(const char *, count + 1);
    count = 0;
    for (xmpp_stanza_t *child = stanza_first(item); child; child = stanza_next(child)) {
        if (stanza_is(child, "group", NS_ROSTER))
            groups[count++] = stanza_text(child);
    }
    return groups;
}

bool roster_parse(xmpp_stanza_t *iq, void (*tell)(const struct roster_item *item, void *data),
                  void *data)
{
    xmpp_stanza_t *query = stanza_child(iq, "query", NS_ROSTER);
    if (!query)
        return false;
    for (xmpp_stanza_t *child = stanza_first(query); child; child = stanza_next(child)) {
        const char *subscription = stanza_attr(child, "subscription");
        g_autofree const char **groups = groups_of(child);
        struct roster_item item = {.jid = stanza_attr(child, "jid"),
                                   .name = stanza_attr(child, "name"),
                                   .groups = groups,
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
