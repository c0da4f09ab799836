/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0060 publish-subscribe. */
#include "config.h"

#include <string.h>

#include "xep/0004_data_forms.h"
#include "xep/0060_pubsub.h"

bool pubsub_request_parse(xmpp_stanza_t *iq, struct pubsub_request *ret)
{
    const char *type = stanza_attr(iq, "type");
    xmpp_stanza_t *pubsub = stanza_child(iq, "pubsub", NS_PUBSUB);
    xmpp_stanza_t *items = pubsub ? stanza_child(pubsub, "items", NS_PUBSUB) : NULL;
    const char *node = items ? stanza_attr(items, "node") : NULL;
    if (!type || strcmp(type, "get") != 0 || !node || !*node)
        return false;
    struct pubsub_request request = {.node = node};
    for (xmpp_stanza_t *item = stanza_first(items); item; item = stanza_next(item)) {
        if (!stanza_is(item, "item", NS_PUBSUB))
            continue;
        if (request.item_count++ == 0)
            request.item = stanza_attr(item, "id");
    }
    *ret = request;
    return true;
}

void pubsub_request_add(xmpp_stanza_t *iq, const char *node, const char *item)
{
    xmpp_stanza_t *items = stanza_add(stanza_add(iq, "pubsub", NS_PUBSUB), "items", NS_PUBSUB);
    stanza_set(items, "node", node);
    if (item)
        stanza_set(stanza_add(items, "item", NS_PUBSUB), "id", item);
    else
        stanza_set(items, "max_items", "1");
}

void pubsub_request_all_add(xmpp_stanza_t *iq, const char *node)
{
    xmpp_stanza_t *items = stanza_add(stanza_add(iq, "pubsub", NS_PUBSUB), "items", NS_PUBSUB);
    stanza_set(items, "node", node);
}

void pubsub_create_add(xmpp_stanza_t *iq, const char *node, bool many)
{
    static const char *const options[][2] = {{"pubsub#persist_items", "true"},
                                             {"pubsub#notify_retract", "true"},
                                             {"pubsub#access_model", "whitelist"},
                                             {"pubsub#send_last_published_item", "never"},
                                             {"pubsub#max_items", "max"}};
    xmpp_stanza_t *pubsub = stanza_add(iq, "pubsub", NS_PUBSUB);
    stanza_set(stanza_add(pubsub, "create", NS_PUBSUB), "node", node);
    g_autoptr(data_form) form = data_form_new("submit");
    data_form_put(form, "FORM_TYPE", "hidden", "http://jabber.org/protocol/pubsub#node_config");
    for (size_t i = 0; i < G_N_ELEMENTS(options) - (many ? 0 : 1); i++)
        data_form_put(form, options[i][0], NULL, options[i][1]);
    data_form_add(stanza_add(pubsub, "configure", NS_PUBSUB), form);
}

xmpp_stanza_t *pubsub_publish_add(xmpp_stanza_t *iq, const char *node, const char *id)
{
    xmpp_stanza_t *publish = stanza_add(stanza_add(iq, "pubsub", NS_PUBSUB), "publish", NS_PUBSUB);
    stanza_set(publish, "node", node);
    xmpp_stanza_t *item = stanza_add(publish, "item", NS_PUBSUB);
    stanza_set(item, "id", id);
    return item;
}

xmpp_stanza_t *pubsub_build_result(xmpp_stanza_t *iq, const char *node, xmpp_stanza_t **ret_items)
{
    xmpp_stanza_t *result = stanza_reply_result(iq);
    if (!result)
        return NULL;
    *ret_items = stanza_add(stanza_add(result, "pubsub", NS_PUBSUB), "items", NS_PUBSUB);
    stanza_set(*ret_items, "node", node);
    return result;
}

xmpp_stanza_t *pubsub_build_event(const char *from, const char *to, const char *node,
                                  xmpp_stanza_t **ret_items)
{
    xmpp_stanza_t *message = stanza_new("message", NULL);
    stanza_set(message, "type", "headline");
    stanza_set(message, "from", from);
    stanza_set(message, "to", to);
    *ret_items =
        stanza_add(stanza_add(message, "event", NS_PUBSUB_EVENT), "items", NS_PUBSUB_EVENT);
    stanza_set(*ret_items, "node", node);
    return message;
}

xmpp_stanza_t *pubsub_add_item(xmpp_stanza_t *items, const char *id)
{
    xmpp_stanza_t *item = stanza_add(items, "item", stanza_ns(items));
    stanza_set(item, "id", id);
    return item;
}

xmpp_stanza_t *pubsub_build_error(xmpp_stanza_t *iq, const char *type, const char *condition,
                                  const char *pubsub_condition)
{
    xmpp_stanza_t *reply = stanza_reply_error(iq, type, condition, NULL);
    xmpp_stanza_t *error = reply ? stanza_child(reply, "error", stanza_ns(reply)) : NULL;
    if (error)
        stanza_add(error, pubsub_condition, NS_PUBSUB_ERRORS);
    return reply;
}

/* The first item of the list that ELEMENT holds; else that one was taken back: who replaces an item
 * by another says both. */
static bool read_item(xmpp_stanza_t *element, const char *ns, struct pubsub_item *ret)
{
    xmpp_stanza_t *items = element ? stanza_child_having(element, "items", ns, "node") : NULL;
    xmpp_stanza_t *item = items ? stanza_child(items, "item", ns) : NULL;
    xmpp_stanza_t *retracted = items && !item ? stanza_child(items, "retract", ns) : NULL;
    if (item)
        *ret = (struct pubsub_item){stanza_attr(items, "node"), stanza_attr(item, "id"),
                                    stanza_first(item)};
    else if (retracted)
        *ret = (struct pubsub_item){stanza_attr(items, "node"), stanza_attr(retracted, "id"), NULL};
    return item || retracted;
}

/* Whether EVENT says that a node has been emptied, or is no more. */
static bool read_emptied(xmpp_stanza_t *event, struct pubsub_item *ret)
{
    xmpp_stanza_t *gone = stanza_child_having(event, "purge", NS_PUBSUB_EVENT, "node");
    gone = gone ? gone : stanza_child_having(event, "delete", NS_PUBSUB_EVENT, "node");
    if (gone)
        *ret = (struct pubsub_item){stanza_attr(gone, "node"), NULL, NULL};
    return gone != NULL;
}

bool pubsub_event_parse(xmpp_stanza_t *message, struct pubsub_item *ret)
{
    for (xmpp_stanza_t *child = stanza_first(message); child; child = stanza_next(child)) {
        if (stanza_is(child, "event", NS_PUBSUB_EVENT) &&
            (read_item(child, NS_PUBSUB_EVENT, ret) || read_emptied(child, ret)))
            return true;
    }
    return false;
}

bool pubsub_result_parse(xmpp_stanza_t *iq, struct pubsub_item *ret)
{
    const char *type = stanza_attr(iq, "type");
    return type && strcmp(type, "result") == 0 &&
           read_item(stanza_child(iq, "pubsub", NS_PUBSUB), NS_PUBSUB, ret);
}

/* The list that STANZA holds. */
static xmpp_stanza_t *find_items(xmpp_stanza_t *stanza)
{
    xmpp_stanza_t *event = stanza_child(stanza, "event", NS_PUBSUB_EVENT);
    if (event)
        return stanza_child_having(event, "items", NS_PUBSUB_EVENT, "node");
    xmpp_stanza_t *pubsub = stanza_child(stanza, "pubsub", NS_PUBSUB);
    if (!pubsub || g_strcmp0(stanza_attr(stanza, "type"), "result") != 0)
        return NULL;
    return stanza_child_having(pubsub, "items", NS_PUBSUB, "node");
}

GArray *pubsub_items_parse(xmpp_stanza_t *stanza, bool *ret_more)
{
    xmpp_stanza_t *items = find_items(stanza);
    *ret_more = false;
    if (!items)
        return NULL;
    const char *ns = stanza_ns(items);
    GArray *list = g_array_new(FALSE, FALSE, sizeof(struct pubsub_item));
    for (xmpp_stanza_t *child = stanza_first(items); child; child = stanza_next(child)) {
        bool is_item = stanza_is(child, "item", ns);
        struct pubsub_item item = {stanza_attr(items, "node"), stanza_attr(child, "id"),
                                   is_item ? stanza_first(child) : NULL};
        if (!is_item && !stanza_is(child, "retract", ns))
            continue;
        *ret_more = list->len == PUBSUB_ITEMS_MAX;
        if (*ret_more)
            break;
        g_array_append_val(list, item);
    }
    return list;
}
