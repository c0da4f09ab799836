/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0280 message carbons. */
#include "config.h"

#include "xep/0280_carbons.h"
#include "xep/0297_forward.h"

static xmpp_stanza_t *find_copy(xmpp_stanza_t *message)
{
    xmpp_stanza_t *sent = stanza_child(message, "sent", NS_CARBONS);
    return sent ? sent : stanza_child(message, "received", NS_CARBONS);
}

enum carbon carbon_parse(xmpp_stanza_t *message)
{
    xmpp_stanza_t *copy = find_copy(message);
    if (!copy)
        return CARBON_NONE;
    return stanza_is(copy, "sent", NS_CARBONS) ? CARBON_SENT : CARBON_RECEIVED;
}

xmpp_stanza_t *carbon_inner(xmpp_stanza_t *message)
{
    struct forward forward;
    xmpp_stanza_t *copy = find_copy(message);
    return copy && forward_parse(copy, &forward) ? forward.stanza : NULL;
}

xmpp_stanza_t *carbons_build_enable(void)
{
    xmpp_stanza_t *iq = stanza_new_iq("set", NULL, NULL, NULL);
    stanza_add(iq, "enable", NS_CARBONS);
    return iq;
}
