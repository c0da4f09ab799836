/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entity time (XEP-0202) of the domain, in UTC. Users are not asked: their time zone is private, so
 * such a request is one that nobody handles. */
#include "config.h"

#include "bridge/base/clock.h"
#include "bridge/core/feature.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/0202_time.h"

static bool on_domain(const struct stanza_context *context)
{
    g_autoptr(xmpp_stanza_t) reply = entity_time_build_result(context->stanza, clock_wall());
    if (reply)
        link_send(context->link, reply);
    return true;
}

static const struct stanza_handler stanzas[] = {
    {"iq", "get", "time", NS_TIME, TARGET_DOMAIN, .claim = on_domain},
    {0},
};

const struct feature feature_time = {.name = "time", .stanzas = stanzas};
