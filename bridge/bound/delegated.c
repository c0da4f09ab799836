/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "bridge/bound/bound.h"
#include "bridge/bound/delegated.h"
#include "bridge/bound/host.h"
#include "bridge/core/core.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/0030_disco.h"
#include "xep/0355_delegation.h"

struct bound_host *bound_delegating_host(const struct stanza_context *context)
{
    const struct bound *bound = bound_of(context->data);
    struct bound_host *host = bound ? bound_host_of(bound, context->from) : NULL;
    return host && strcmp(host->domain, context->from) == 0 ? host : NULL;
}

bool bound_delegated_info(const struct stanza_context *context)
{
    static const char *const features[] = {NS_MAM, NS_MAM "#extended"};
    const char *node;
    bool bare = false;
    const char *ns = bound_delegating_host(context) && disco_info_is_request(context->stanza, &node)
                         ? delegation_node_parse(node, &bare)
                         : NULL;
    if (!ns || strcmp(ns, NS_MAM) != 0)
        return false;
    g_autoptr(disco_info) info = disco_info_new(node);
    for (size_t i = 0; bare && i < G_N_ELEMENTS(features); i++)
        disco_info_put_feature(info, features[i]);
    g_autoptr(xmpp_stanza_t) reply = disco_info_build_result(context->stanza, info);
    if (reply)
        link_send(context->link, reply);
    return true;
}
