/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Software version (XEP-0092) of the domain and of hosted users' /rest. The operating system is
 * nobody's business. */
#include "config.h"

#include "bridge/core/feature.h"
#include "bridge/presence/hosted.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/0092_version.h"

static const struct software_version software = {"Trestle", PACKAGE_VERSION, NULL};

static bool on_domain(const struct stanza_context *context)
{
    g_autoptr(xmpp_stanza_t) reply = version_build_result(context->stanza, &software);
    if (reply)
        link_send(context->link, reply);
    return true;
}

static void version_serve(struct hosted_call *call)
{
    hosted_answer(call, version_build_result(call->stanza, &software));
}

static bool on_client(const struct stanza_context *context)
{
    return hosted_serve(context, version_serve);
}

static const struct stanza_handler stanzas[] = {
    {"iq", "get", "query", NS_VERSION, TARGET_DOMAIN, .claim = on_domain},
    {"iq", "get", "query", NS_VERSION, TARGET_RESOURCE, .claim = on_client},
    {0},
};

const struct feature feature_version = {.name = "version", .stanzas = stanzas};
