/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0297 stanza forwarding. */
#include "config.h"

#include <string.h>

#include "xep/0297_forward.h"

bool forward_parse(xmpp_stanza_t *parent, struct forward *ret)
{
    xmpp_stanza_t *forwarded = stanza_child(parent, "forwarded", NS_FORWARD);
    if (!forwarded)
        return false;
    for (xmpp_stanza_t *child = stanza_first(forwarded); child; child = stanza_next(child)) {
        if (strcmp(stanza_ns(child), NS_CLIENT) != 0)
            continue;
        struct forward forward = {.stanza = child};
        forward.has_delay = delay_parse(forwarded, &forward.delay);
        *ret = forward;
        return true;
    }
    return false;
}

void forward_take(xmpp_stanza_t *parent, xmpp_stanza_t *stanza, const struct delay *delay)
{
    xmpp_stanza_t *forwarded = stanza_add(parent, "forwarded", NS_FORWARD);
    if (delay)
        delay_add(forwarded, delay);
    stanza_take(forwarded, stanza);
}

void forward_add(xmpp_stanza_t *parent, xmpp_stanza_t *stanza, const struct delay *delay)
{
    xmpp_stanza_t *copy = xmpp_stanza_copy(stanza);
    if (!copy)
        g_error("out of memory");
    forward_take(parent, copy, delay);
}
