/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the domain of rooms says of itself (XEP-0030, XEP-0045 section 6), and which rooms it shows.
 */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/registry.h"

static bool reply_send(const struct stanza_context *context, xmpp_stanza_t *reply)
{
    g_autoptr(xmpp_stanza_t) owned = reply;
    if (owned)
        link_send(context->link, owned);
    return true;
}

static bool no_such_thing(const struct stanza_context *context)
{
    return reply_send(context,
                      stanza_reply_error(context->stanza, "cancel", "item-not-found", NULL));
}

static bool on_info(const struct stanza_context *context)
{
    static const struct disco_identity service = {"conference", "text", NULL, "Trestle rooms"};
    const char *node = stanza_attr(context->payload, "node");
    if (node && *node)
        return no_such_thing(context);
    g_autoptr(disco_info) info = disco_info_new(NULL);
    disco_info_put_identity(info, &service);
    xep_registry_put_features(info, XEP_ENTITY_ROOMS);
    return reply_send(context, disco_info_build_result(context->stanza, info));
}

struct listing {
    struct core *core;
    xmpp_stanza_t *stanza; /* reference */
};

static void rooms_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct listing *listing = data;
    g_autoptr(xmpp_stanza_t) stanza = listing->stanza;
    const struct error_info *info = error_info(ERROR_UNAVAILABLE);
    g_autofree struct disco_item *items = NULL;
    g_autoptr(xmpp_stanza_t) reply = NULL;
    if (error == ERROR_NONE) {
        size_t count = (size_t)rows_count(rows);
        items = g_new0(struct disco_item, count + 1);
        for (size_t i = 0; i < count; i++) {
            items[i].jid = rows_text(rows, (int)i, ROOM_PUBLIC_ROOM);
            items[i].name = rows_text(rows, (int)i, ROOM_PUBLIC_NAME);
        }
        reply = disco_items_build_result(stanza, NULL, items, count);
    } else {
        reply = stanza_reply_error(stanza, info->type, info->condition, NULL);
    }
    if (reply)
        stanza_out(listing->core, reply);
}

/* Private rooms are not shown to anybody, members included. */
static bool on_items(const struct stanza_context *context)
{
    struct core *core = context->data;
    const char *node = stanza_attr(context->payload, "node");
    if (node && *node)
        return no_such_thing(context);
    struct listing *listing = g_new0(struct listing, 1);
    listing->core = core;
    listing->stanza = xmpp_stanza_clone(context->stanza);
    archive_query(core->archive, QUERY_ROOM_PUBLIC, NULL, rooms_read, listing);
    return true;
}

/* The domain talks to nobody (RFC 6120 section 10.5.1). */
static bool on_text_to_domain(const struct stanza_context *context)
{
    return reply_send(context,
                      stanza_reply_error(context->stanza, "cancel", "service-unavailable", NULL));
}

static const struct stanza_handler stanzas[] = {
    {"iq", "get", "query", NS_DISCO_INFO, TARGET_ROOMS, .claim = on_info},
    {"iq", "get", "query", NS_DISCO_ITEMS, TARGET_ROOMS, .claim = on_items},
    {"message", "chat|normal|groupchat", NULL, NULL, TARGET_ROOMS, .fallback = on_text_to_domain},
    {0},
};

const struct feature feature_rooms = {.name = "rooms", .stanzas = stanzas};
