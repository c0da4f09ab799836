/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XMPP ping (XEP-0199) of the domains, of hosted users and of their /rest. */
#include "config.h"

#include "bridge/core/feature.h"
#include "bridge/presence/hosted.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/stanza.h"

static bool on_domain(const struct stanza_context *context)
{
    g_autoptr(xmpp_stanza_t) reply = stanza_reply_result(context->stanza);
    if (reply)
        link_send(context->link, reply);
    return true;
}

static void ping_serve(struct hosted_call *call)
{
    hosted_answer(call, stanza_reply_result(call->stanza));
}

static bool on_user(const struct stanza_context *context)
{
    return hosted_serve(context, ping_serve);
}

static const struct stanza_handler stanzas[] = {
    {"iq", "get", "ping", NS_PING, TARGET_DOMAIN | TARGET_ROOMS, .claim = on_domain},
    {"iq", "get", "ping", NS_PING, TARGET_USER | TARGET_RESOURCE, .claim = on_user},
    {0},
};

const struct feature feature_ping = {.name = "ping", .stanzas = stanzas};
