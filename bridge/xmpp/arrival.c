/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is kept of a stanza that came, beside what it says. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/base/service.h"
#include "bridge/xmpp/arrival.h"
#include "xep/0045_user.h"
#include "xep/0203_delay.h"
#include "xep/0359_ids.h"
#include "xep/stanza_text.h"

#define SENT_LATE (2 * G_USEC_PER_SEC) /* less is on the way, or a clock that is not right */

gint64 arrival_sent_at(const struct options *options, const struct stanza_context *context)
{
    const char *domain = strchr(context->from_bare, '@');
    const char *const by[] = {domain ? domain + 1 : context->from_bare,
                              options->xmpp_server_domain,
                              options->xmpp_domain,
                              context->from_bare,
                              context->from,
                              "",
                              NULL};
    gint64 stamp;
    if (context->filed)
        return context->filed->stamp < clock_wall() - SENT_LATE ? context->filed->stamp : 0;
    return delay_choose(context->stanza, by, clock_wall() - SENT_LATE, &stamp) ? stamp : 0;
}

char *arrival_text(const struct options *options, xmpp_stanza_t *stanza)
{
    const char *ours[] = {service_domain(options, SERVICE_USERS),
                          service_domain(options, SERVICE_ROOMS), NULL};
    const char *to = stanza_attr(stanza, "to");
    g_autoptr(xmpp_stanza_t) copy = stanza_id_strip(stanza, ours);
    if (!to || service_of(options, to) != SERVICE_ROOMS)
        return stanza_to_text(copy, NULL);
    g_autoptr(xmpp_stanza_t) passed_on = muc_user_strip(copy);
    return stanza_to_text(passed_on, NULL);
}
