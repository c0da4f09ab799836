/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the domain of rooms says of itself (XEP-0030), and that no room is there: it is known to the
 * network before the first one is made. */
#include "config.h"

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
    static const struct disco_identity component = {"component", "generic", NULL, "Trestle rooms"};
    const char *node = stanza_attr(context->payload, "node");
    if (node && *node)
        return no_such_thing(context);
    g_autoptr(disco_info) info = disco_info_new(NULL);
    disco_info_put_identity(info, &component);
    xep_registry_put_features(info, XEP_ENTITY_ROOMS);
    return reply_send(context, disco_info_build_result(context->stanza, info));
}

static bool on_items(const struct stanza_context *context)
{
    const char *node = stanza_attr(context->payload, "node");
    if (node && *node)
        return no_such_thing(context);
    return reply_send(context, disco_items_build_result(context->stanza, NULL, NULL, 0));
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
    {"iq", "get|set", NULL, NULL, TARGET_ROOM | TARGET_OCCUPANT, .fallback = no_such_thing},
    {"message", "chat|normal|groupchat", NULL, NULL, TARGET_ROOMS, .fallback = on_text_to_domain},
    {"message", "chat|normal|groupchat", NULL, NULL, TARGET_ROOM | TARGET_OCCUPANT,
     .fallback = no_such_thing},
    {"presence", "available", NULL, NULL, TARGET_ROOM | TARGET_OCCUPANT, .fallback = no_such_thing},
    {0},
};

const struct feature feature_rooms = {.name = "rooms", .stanzas = stanzas};
