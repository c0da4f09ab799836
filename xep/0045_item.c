/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The <item/> of XEP-0045. */
#include "config.h"

#include "xep/0045_item.h"

bool muc_item_parse(xmpp_stanza_t *element, struct muc_item *ret)
{
    const char *ns = stanza_ns(element);
    xmpp_stanza_t *actor = stanza_child(element, "actor", ns);
    struct muc_item item = {
        .jid = stanza_attr(element, "jid"),
        .nick = stanza_attr(element, "nick"),
        .actor_jid = actor ? stanza_attr(actor, "jid") : NULL,
        .actor_nick = actor ? stanza_attr(actor, "nick") : NULL,
        .reason = stanza_child_text(element, "reason", ns),
    };
    if (!muc_affiliation_find(stanza_attr(element, "affiliation"), &item.affiliation) ||
        !muc_role_find(stanza_attr(element, "role"), &item.role))
        return false;
    *ret = item;
    return true;
}

void muc_item_add(xmpp_stanza_t *parent, const struct muc_item *item)
{
    const char *ns = stanza_ns(parent);
    xmpp_stanza_t *element = stanza_add(parent, "item", ns);
    stanza_set(element, "affiliation", muc_affiliation_name(item->affiliation));
    stanza_set(element, "role", muc_role_name(item->role));
    stanza_set(element, "jid", item->jid);
    stanza_set(element, "nick", item->nick);
    if (item->actor_jid || item->actor_nick) {
        xmpp_stanza_t *actor = stanza_add(element, "actor", ns);
        stanza_set(actor, "jid", item->actor_jid);
        stanza_set(actor, "nick", item->actor_nick);
    }
    if (item->reason)
        stanza_add_text(element, "reason", ns, item->reason);
}
