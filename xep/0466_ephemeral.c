/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0466 ephemeral messages. */
#include "config.h"

#include "xep/0466_ephemeral.h"

bool ephemeral_parse(xmpp_stanza_t *message, uint32_t *ret_seconds)
{
    xmpp_stanza_t *element = stanza_child(message, "ephemeral", NS_EPHEMERAL);
    uint64_t seconds;
    if (!element || !stanza_attr_number(element, "timer", UINT32_MAX, &seconds))
        return false;
    *ret_seconds = (uint32_t)seconds;
    return true;
}

void ephemeral_add(xmpp_stanza_t *message, uint32_t seconds)
{
    stanza_set_number(stanza_add(message, "ephemeral", NS_EPHEMERAL), "timer", seconds);
}
