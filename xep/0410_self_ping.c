/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0410 MUC self-ping. */
#include "config.h"

#include <string.h>

#include "xep/0410_self_ping.h"
#include "xep/error.h"

/* Section 3.2: errors of the pinged client say that one is in; what a server says of a room that it
 * cannot reach says nothing; all others that one is out. */
static const char *const in_conditions[] = {"service-unavailable", "feature-not-implemented",
                                            "item-not-found", NULL};
static const char *const unknown_conditions[] = {"remote-server-not-found", "remote-server-timeout",
                                                 "resource-constraint",     "internal-server-error",
                                                 "undefined-condition",     NULL};

enum self_ping self_ping_parse(xmpp_stanza_t *answer)
{
    struct stanza_error error;
    if (!stanza_error_parse(answer, &error))
        return g_strcmp0(stanza_attr(answer, "type"), "result") == 0 ? SELF_PING_IN
                                                                     : SELF_PING_UNKNOWN;
    if (g_strv_contains(in_conditions, error.condition))
        return SELF_PING_IN;
    return g_strv_contains(unknown_conditions, error.condition) ? SELF_PING_UNKNOWN : SELF_PING_OUT;
}

xmpp_stanza_t *self_ping_build_answer(xmpp_stanza_t *iq, bool is_in)
{
    return is_in ? stanza_reply_result(iq)
                 : stanza_reply_error(iq, "cancel", "not-acceptable", NULL);
}
