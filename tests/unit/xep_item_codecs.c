/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Places, and what people keep in their own nodes. */
#include "config.h"

#include "tests/unit/xep_codecs.h"
#include "xep/0060_pubsub.h"
#include "xep/0080_geoloc.h"
#include "xep/0402_bookmarks.h"
#include "xep/0490_displayed_sync.h"
#include "xep/message.h"

static json_t *dump_items(xmpp_stanza_t *stanza)
{
    bool more;
    g_autoptr(GArray) items = pubsub_items_parse(stanza, &more);
    json_t *list = json_array();
    for (guint i = 0; items && i < items->len; i++) {
        const struct pubsub_item *item = &g_array_index(items, struct pubsub_item, i);
        json_array_append_new(list, json_pack("[ss?s?]", item->node, item->id,
                                              item->payload ? stanza_name(item->payload) : NULL));
    }
    return items ? json_pack("{sosb}", "items", list, "more", (int)more)
                 : (json_decref(list), NULL);
}

static json_t *point_json(const struct geo_point *point)
{
    return json_pack("[ffoo]", point->latitude, point->longitude,
                     point->has_altitude ? json_real(point->altitude) : json_null(),
                     point->has_accuracy ? json_real(point->accuracy) : json_null());
}

/* What the body says as a URI, too. */
static json_t *dump_geoloc(xmpp_stanza_t *stanza)
{
    struct geoloc g;
    struct geo_point point;
    const char *body = stanza_child_text(stanza, "body", NS_CLIENT);
    json_t *uri = body && geo_uri_parse(body, &point) ? point_json(&point) : json_null();
    if (!geoloc_parse(stanza, &g))
        return json_pack("{so}", "uri", uri);
    return json_pack("{soso ss?ss?ss?ss?ss? sI}", "uri", uri, "point", point_json(&g.point), "text",
                     g.text, "description", g.description, "locality", g.locality, "country",
                     g.country, "link", g.uri, "us", (json_int_t)g.stamp_us);
}

static xmpp_stanza_t *rebuild_geoloc(xmpp_stanza_t *stanza)
{
    struct geoloc geoloc;
    struct geo_point point;
    const char *body = stanza_child_text(stanza, "body", NS_CLIENT);
    xmpp_stanza_t *message = message_new("chat", NULL, NULL, NULL);
    if (body && geo_uri_parse(body, &point)) {
        g_autofree char *uri = geo_uri_format(&point);
        stanza_add_text(message, "body", NULL, uri);
    }
    if (geoloc_parse(stanza, &geoloc))
        geoloc_add(message, &geoloc);
    return message;
}

/* An event with one item, for its payload. */
static xmpp_stanza_t *event_new(const char *node, xmpp_stanza_t **ret_item)
{
    xmpp_stanza_t *items;
    xmpp_stanza_t *message = pubsub_build_event(NULL, NULL, node, &items);
    *ret_item = pubsub_add_item(items, "r@rooms.example");
    return message;
}

static bool find_bookmark(xmpp_stanza_t *stanza, struct bookmark *ret)
{
    struct pubsub_item item;
    return pubsub_event_parse(stanza, &item) && item.payload && bookmark_parse(item.payload, ret);
}

static json_t *dump_bookmark(xmpp_stanza_t *stanza)
{
    struct bookmark bookmark;
    if (!find_bookmark(stanza, &bookmark))
        return NULL;
    xmpp_stanza_t *kept = bookmark.extensions ? stanza_first(bookmark.extensions) : NULL;
    return json_pack("{ss?ss?ss?sbss?}", "name", bookmark.name, "nick", bookmark.nick, "password",
                     bookmark.password, "autojoin", (int)bookmark.autojoin, "extension",
                     kept ? stanza_name(kept) : NULL);
}

static xmpp_stanza_t *rebuild_bookmark(xmpp_stanza_t *stanza)
{
    struct bookmark bookmark;
    xmpp_stanza_t *item;
    if (!find_bookmark(stanza, &bookmark))
        return NULL;
    xmpp_stanza_t *message = event_new(NS_BOOKMARKS, &item);
    bookmark_add(item, &bookmark);
    return message;
}

static bool find_displayed(xmpp_stanza_t *stanza, struct displayed_sync *ret)
{
    struct pubsub_item item;
    return pubsub_event_parse(stanza, &item) && item.payload &&
           displayed_sync_parse(item.payload, ret);
}

static json_t *dump_displayed(xmpp_stanza_t *stanza)
{
    struct displayed_sync displayed;
    if (!find_displayed(stanza, &displayed))
        return NULL;
    return json_pack("{ssss}", "id", displayed.id, "by", displayed.by);
}

static xmpp_stanza_t *rebuild_displayed(xmpp_stanza_t *stanza)
{
    struct displayed_sync displayed;
    xmpp_stanza_t *item;
    if (!find_displayed(stanza, &displayed))
        return NULL;
    xmpp_stanza_t *message = event_new(NS_DISPLAYED_SYNC, &item);
    displayed_sync_add(item, &displayed);
    return message;
}

const struct xep_codec xep_item_codecs[] = {
    {"0060_items", dump_items, NULL},
    {"0080", dump_geoloc, rebuild_geoloc},
    {"0402", dump_bookmark, rebuild_bookmark},
    {"0490", dump_displayed, rebuild_displayed},
    {0},
};
