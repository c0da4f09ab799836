/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Last activity (XEP-0012): the domain's uptime; of a hosted user, for those who may see
 * when the user was there, 0 while online, else the seconds since. */
#include "config.h"

#include "bridge/base/clock.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/presence/announce.h"
#include "bridge/presence/hosted.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/0012_last.h"

static bool on_domain(const struct stanza_context *context)
{
    const struct core *core = context->data;
    gint64 uptime = (clock_monotonic() - core->started) / G_USEC_PER_SEC;
    g_autoptr(xmpp_stanza_t) reply = last_build_result(context->stanza, (uint64_t)uptime, NULL);
    if (reply)
        link_send(context->link, reply);
    return true;
}

static void serve_idle(struct hosted_call *call)
{
    bool online = announce_is_online(call->core, call->account);
    gint64 seconds = online ? 0 : MAX(call->idle_seconds, 0);
    hosted_answer(call, last_build_result(call->stanza, (uint64_t)seconds, NULL));
}

static void last_serve(struct hosted_call *call)
{
    if (call->side.last_seen)
        hosted_ask_idle(call, serve_idle);
    else
        hosted_refuse(call, ERROR_FORBIDDEN);
}

static bool on_user(const struct stanza_context *context)
{
    return hosted_serve(context, last_serve);
}

static const struct stanza_handler stanzas[] = {
    {"iq", "get", "query", NS_LAST, TARGET_DOMAIN, .claim = on_domain},
    {"iq", "get", "query", NS_LAST, TARGET_USER | TARGET_RESOURCE, .claim = on_user},
    {0},
};

const struct feature feature_last = {.name = "last", .stanzas = stanzas};
