/* SPDX-License-Identifier: GPL-3.0-or-later */
/* muc#admin, XEP-0045. */
#include "config.h"

#include <string.h>

#include "xep/0045_admin.h"

static void read_items(xmpp_stanza_t *query, struct muc_admin *admin)
{
    for (xmpp_stanza_t *child = stanza_first(query); child; child = stanza_next(child)) {
        struct muc_item item;
        if (!stanza_is(child, "item", NS_MUC_ADMIN))
            continue;
        if (admin->items->len == MUC_ADMIN_ITEMS_MAX) {
            admin->has_more = true;
            return;
        }
        if (muc_item_parse(child, &item))
            g_array_append_val(admin->items, item);
        else
            admin->has_bad = true;
    }
}

static struct muc_admin *read_query(xmpp_stanza_t *iq, bool is_set)
{
    xmpp_stanza_t *query = stanza_child(iq, "query", NS_MUC_ADMIN);
    if (!query)
        return NULL;
    struct muc_admin *admin = g_new0(struct muc_admin, 1);
    admin->is_set = is_set;
    admin->items = g_array_new(FALSE, FALSE, sizeof(struct muc_item));
    read_items(query, admin);
    return admin;
}

static bool is_iq(xmpp_stanza_t *stanza, const char *type)
{
    return stanza_is(stanza, "iq", NS_CLIENT) && g_strcmp0(stanza_attr(stanza, "type"), type) == 0;
}

struct muc_admin *muc_admin_parse(xmpp_stanza_t *iq)
{
    bool is_set = is_iq(iq, "set");
    return is_set || is_iq(iq, "get") ? read_query(iq, is_set) : NULL;
}

struct muc_admin *muc_admin_parse_result(xmpp_stanza_t *iq)
{
    return is_iq(iq, "result") ? read_query(iq, false) : NULL;
}

void muc_admin_free(struct muc_admin *admin)
{
    if (!admin)
        return;
    g_array_unref(admin->items);
    g_free(admin);
}

void muc_admin_add(xmpp_stanza_t *iq, const struct muc_item *items, size_t count)
{
    xmpp_stanza_t *query = stanza_add(iq, "query", NS_MUC_ADMIN);
    for (size_t i = 0; i < count; i++)
        muc_item_add(query, &items[i]);
}
