/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0199 XMPP ping. */
#include "config.h"

#include <string.h>

#include "xep/0199_ping.h"

bool ping_is_request(xmpp_stanza_t *iq)
{
    const char *type = stanza_attr(iq, "type");
    return type && strcmp(type, "get") == 0 && stanza_child(iq, "ping", NS_PING);
}

xmpp_stanza_t *ping_build(const char *id, const char *from, const char *to)
{
    xmpp_stanza_t *iq = stanza_new_iq("get", id, from, to);
    stanza_add(iq, "ping", NS_PING);
    return iq;
}
