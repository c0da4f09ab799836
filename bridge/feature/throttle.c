/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounds what one XMPP user, and one domain, may send: every stanza has to be admitted here. What
 * is too much is answered with an error that says to come back later, and nobody else sees it. */
#include "config.h"

#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/room/guest_history.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/stanza.h"

static bool bucket_take(struct core *core, const char *name, enum limit limit)
{
    struct limit_state state;
    struct uuid subject = limit_subject_of(name);
    return limiter_take(core->limiter, &subject, limit, &state);
}

/* The server of our own link speaks for itself, and for all its users: as a domain it has no bound.
 */
static bool may_send(struct core *core, const char *bare)
{
    const char *at = strchr(bare, '@');
    const char *domain = at ? at + 1 : bare;
    bool home = strcmp(domain, core->options->xmpp_server_domain) == 0;
    if (home && !at)
        return true;
    return bucket_take(core, bare, LIMIT_XMPP_STANZAS) &&
           (home || bucket_take(core, domain, LIMIT_XMPP_DOMAIN));
}

/* What has no error of its own (presence, and errors themselves) is dropped: it is repeated, or
 * asked for, when things have calmed down. */
static bool on_stanza(const struct stanza_context *context)
{
    struct core *core = context->data;
    if (guest_history_awaits(context->to_bare, context->from) || may_send(core, context->from_bare))
        return false;
    metric_add(METRIC_STANZAS_LIMITED, 1);
    const struct error_info *info = error_info(ERROR_RATE_LIMITED);
    bool answered = strcmp(stanza_name(context->stanza), "presence") != 0;
    g_autoptr(xmpp_stanza_t) reply =
        answered ? stanza_reply_error(context->stanza, info->type, info->condition, NULL) : NULL;
    if (reply)
        link_send(context->link, reply);
    return true;
}

static const struct stanza_handler stanzas[] = {
    {.stanza = "message", .targets = TARGET_EVERY, .admit = on_stanza},
    {.stanza = "presence", .targets = TARGET_EVERY, .admit = on_stanza},
    {.stanza = "iq", .targets = TARGET_EVERY, .admit = on_stanza},
    {0},
};

const struct feature feature_throttle = {.name = "throttle", .stanzas = stanzas};
