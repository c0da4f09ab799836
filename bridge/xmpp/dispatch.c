/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Address checks, then a walk through the features' tables. */
#include "config.h"

#include <string.h>

#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/jid.h"
#include "xep/ns.h"
#include "xep/stanza.h"

static bool is_on(const struct jid_parts *address, const char *domain)
{
    return address->domain_length == strlen(domain) &&
           g_ascii_strncasecmp(address->domain, domain, address->domain_length) == 0;
}

static enum stanza_target target_of(const char *to)
{
    if (strchr(to, '/'))
        return TARGET_RESOURCE;
    return strchr(to, '@') ? TARGET_USER : TARGET_DOMAIN;
}

static bool is_carbon(xmpp_stanza_t *stanza)
{
    return stanza_child(stanza, "received", NS_CARBONS) || stanza_child(stanza, "sent", NS_CARBONS);
}

/* Why STANZA must not go any further; NULL: it may. */
static const char *objection(const struct options *options, xmpp_stanza_t *stanza)
{
    const char *from = stanza_attr(stanza, "from");
    const char *to = stanza_attr(stanza, "to");
    struct jid_parts parts;
    if (!g_str_equal(stanza_ns(stanza), NS_CLIENT))
        return "foreign-namespace"; /* no stanza, whatever its name is */
    if (!from || !jid_split(from, &parts))
        return "no-sender";
    if (is_on(&parts, options->xmpp_domain))
        return "our-own-sender";
    if (!to || !jid_split(to, &parts) || !is_on(&parts, options->xmpp_domain))
        return "not-for-us";
    if (g_str_equal(stanza_name(stanza), "message") && is_carbon(stanza))
        return "carbon";
    return NULL;
}

static void answer_error(struct link *link, xmpp_stanza_t *stanza, const char *type,
                         const char *condition)
{
    g_autoptr(xmpp_stanza_t) reply = stanza_reply_error(stanza, type, condition, NULL);
    if (reply)
        link_send(link, reply);
}

static xmpp_stanza_t *find_payload(const struct stanza_handler *handler, xmpp_stanza_t *stanza)
{
    if (handler->name)
        return stanza_child(stanza, handler->name, handler->ns);
    xmpp_stanza_t *child = stanza_first(stanza);
    while (child && !g_str_equal(stanza_ns(child), handler->ns))
        child = stanza_next(child);
    return child;
}

/* Whether HANDLER dealt with the stanza. */
static bool offer(const struct stanza_handler *handler, struct stanza_context *context,
                  const char *type)
{
    if (!(handler->targets & context->target) ||
        !g_str_equal(handler->stanza, stanza_name(context->stanza)) ||
        (handler->type && !g_str_equal(handler->type, type)))
        return false;
    bool whole = !handler->name && !handler->ns;
    context->payload = whole ? NULL : find_payload(handler, context->stanza);
    return (whole || context->payload) && handler->handle(context);
}

static bool offer_to_all(const struct stanza_handler *const *handlers,
                         struct stanza_context *context, const char *type)
{
    for (; *handlers; handlers++) {
        for (const struct stanza_handler *handler = *handlers; handler->stanza; handler++) {
            if (offer(handler, context, type))
                return true;
        }
    }
    return false;
}

/* An IQ request must have an id to be answered to and exactly one payload (RFC 6120 section
 * 8.2.3). */
static bool is_legal_request(xmpp_stanza_t *stanza, const char *type)
{
    xmpp_stanza_t *payload = stanza_first(stanza);
    return (g_str_equal(type, "get") || g_str_equal(type, "set")) && stanza_attr(stanza, "id") &&
           payload && !stanza_next(payload);
}

static const char *effective_type(xmpp_stanza_t *stanza)
{
    const char *type = stanza_attr(stanza, "type");
    if (type)
        return type;
    const char *name = stanza_name(stanza);
    if (g_str_equal(name, "message"))
        return "normal";
    return g_str_equal(name, "presence") ? "available" : "";
}

void dispatch_stanza(const struct stanza_handler *const *handlers, struct link *link,
                     const struct options *options, xmpp_stanza_t *stanza, void *data)
{
    const char *wrong = objection(options, stanza);
    if (wrong) {
        metric_add(METRIC_STANZAS_REFUSED, 1);
        log_debug(AREA_STANZA, "dropped", "reason=%s", wrong);
        return;
    }
    const char *type = effective_type(stanza);
    bool iq = g_str_equal(stanza_name(stanza), "iq");
    if (iq && (g_str_equal(type, "result") || g_str_equal(type, "error")))
        return;
    if (iq && !is_legal_request(stanza, type)) {
        answer_error(link, stanza, "modify", "bad-request");
        return;
    }
    const char *from = stanza_attr(stanza, "from");
    const char *to = stanza_attr(stanza, "to");
    g_autofree char *from_bare = g_strndup(from, strcspn(from, "/"));
    g_autofree char *to_bare = g_strndup(to, strcspn(to, "/"));
    struct stanza_context context = {
        .stanza = stanza,
        .from = from,
        .from_bare = from_bare,
        .to = to,
        .to_bare = to_bare,
        .target = target_of(to),
        .link = link,
        .data = data,
    };
    if (!offer_to_all(handlers, &context, type) && iq)
        answer_error(link, stanza, "cancel", "service-unavailable");
}
