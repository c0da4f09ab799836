/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0030 service discovery. */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "xep/0030_disco.h"

static void form_free(void *form)
{
    data_form_free(form);
}

struct disco_info *disco_info_new(const char *node)
{
    struct disco_info *info = g_new0(struct disco_info, 1);
    info->node = node;
    info->identities = g_array_new(FALSE, FALSE, sizeof(struct disco_identity));
    info->features = g_ptr_array_new();
    info->forms = g_ptr_array_new_with_free_func(form_free);
    return info;
}

void disco_info_free(struct disco_info *info)
{
    if (!info)
        return;
    g_array_unref(info->identities);
    g_ptr_array_unref(info->features);
    g_ptr_array_unref(info->forms);
    g_free(info);
}

void disco_info_put_identity(struct disco_info *info, const struct disco_identity *identity)
{
    if (info->identities->len < DISCO_IDENTITIES_MAX)
        g_array_append_vals(info->identities, identity, 1);
}

void disco_info_put_feature(struct disco_info *info, const char *feature)
{
    if (info->features->len < DISCO_FEATURES_MAX)
        g_ptr_array_add(info->features, (gpointer)(uintptr_t)feature);
}

void disco_info_take_form(struct disco_info *info, struct data_form *form)
{
    if (info->forms->len < DISCO_FORMS_MAX)
        g_ptr_array_add(info->forms, form);
    else
        data_form_free(form);
}

static bool is_request(xmpp_stanza_t *iq, const char *ns, const char **ret_node)
{
    const char *type = stanza_attr(iq, "type");
    xmpp_stanza_t *query = stanza_child(iq, "query", ns);
    if (!type || strcmp(type, "get") != 0 || !query)
        return false;
    *ret_node = stanza_attr(query, "node");
    return true;
}

bool disco_info_is_request(xmpp_stanza_t *iq, const char **ret_node)
{
    return is_request(iq, NS_DISCO_INFO, ret_node);
}

void disco_info_add_request(xmpp_stanza_t *iq, const char *node)
{
    stanza_set(stanza_add(iq, "query", NS_DISCO_INFO), "node", node);
}

static void parse_child(struct disco_info *info, xmpp_stanza_t *child)
{
    if (stanza_is(child, "identity", NS_DISCO_INFO)) {
        struct disco_identity identity = {.category = stanza_attr(child, "category"),
                                          .type = stanza_attr(child, "type"),
                                          .lang = stanza_attr(child, "xml:lang"),
                                          .name = stanza_attr(child, "name")};
        if (identity.category && identity.type)
            disco_info_put_identity(info, &identity);
    } else if (stanza_is(child, "feature", NS_DISCO_INFO)) {
        if (stanza_attr(child, "var"))
            disco_info_put_feature(info, stanza_attr(child, "var"));
    } else if (stanza_is(child, "x", NS_DATA) && info->forms->len < DISCO_FORMS_MAX) {
        disco_info_take_form(info, data_form_parse(child));
    }
}

struct disco_info *disco_info_parse(xmpp_stanza_t *iq)
{
    xmpp_stanza_t *query = stanza_child(iq, "query", NS_DISCO_INFO);
    if (!query)
        return NULL;
    struct disco_info *info = disco_info_new(stanza_attr(query, "node"));
    for (xmpp_stanza_t *child = stanza_first(query); child; child = stanza_next(child))
        parse_child(info, child);
    return info;
}

xmpp_stanza_t *disco_info_build_result(xmpp_stanza_t *iq, const struct disco_info *info)
{
    xmpp_stanza_t *result = stanza_reply_result(iq);
    if (!result)
        return NULL;
    xmpp_stanza_t *query = stanza_add(result, "query", NS_DISCO_INFO);
    stanza_set(query, "node", info->node);
    for (guint i = 0; i < info->identities->len; i++) {
        const struct disco_identity *identity =
            &g_array_index(info->identities, struct disco_identity, i);
        xmpp_stanza_t *element = stanza_add(query, "identity", NS_DISCO_INFO);
        stanza_set(element, "category", identity->category);
        stanza_set(element, "type", identity->type);
        stanza_set(element, "xml:lang", identity->lang);
        stanza_set(element, "name", identity->name);
    }
    for (guint i = 0; i < info->features->len; i++)
        stanza_set(stanza_add(query, "feature", NS_DISCO_INFO), "var", info->features->pdata[i]);
    for (guint i = 0; i < info->forms->len; i++)
        data_form_add(query, info->forms->pdata[i]);
    return result;
}

xmpp_stanza_t *disco_items_build_result(xmpp_stanza_t *iq, const char *node,
                                        const struct disco_item *items, size_t count)
{
    xmpp_stanza_t *result = stanza_reply_result(iq);
    if (!result)
        return NULL;
    xmpp_stanza_t *query = stanza_add(result, "query", NS_DISCO_ITEMS);
    stanza_set(query, "node", node);
    for (size_t i = 0; i < count && i < DISCO_ITEMS_MAX; i++) {
        xmpp_stanza_t *item = stanza_add(query, "item", NS_DISCO_ITEMS);
        stanza_set(item, "jid", items[i].jid);
        stanza_set(item, "node", items[i].node);
        stanza_set(item, "name", items[i].name);
    }
    return result;
}

GArray *disco_items_parse(xmpp_stanza_t *iq)
{
    xmpp_stanza_t *query = stanza_child(iq, "query", NS_DISCO_ITEMS);
    if (!query)
        return NULL;
    GArray *items = g_array_new(FALSE, FALSE, sizeof(struct disco_item));
    for (xmpp_stanza_t *child = stanza_first(query); child; child = stanza_next(child)) {
        struct disco_item item = {.jid = stanza_attr(child, "jid"),
                                  .node = stanza_attr(child, "node"),
                                  .name = stanza_attr(child, "name")};
        if (stanza_is(child, "item", NS_DISCO_ITEMS) && item.jid && items->len < DISCO_ITEMS_MAX)
            g_array_append_val(items, item);
    }
    return items;
}
