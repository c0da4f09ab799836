/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0203 delayed delivery. */
#include "config.h"

#include "xep/0203_delay.h"
#include "xep/time.h"

bool delay_parse(xmpp_stanza_t *stanza, struct delay *ret)
{
    for (xmpp_stanza_t *child = stanza_first(stanza); child; child = stanza_next(child)) {
        const char *stamp =
            stanza_is(child, "delay", NS_DELAY) ? stanza_attr(child, "stamp") : NULL;
        int64_t us;
        if (stamp && xep_time_parse(stamp, &us)) {
            *ret = (struct delay){.stamp_us = us, .from = stanza_attr(child, "from")};
            return true;
        }
    }
    return false;
}

void delay_add(xmpp_stanza_t *stanza, const struct delay *delay)
{
    g_autofree char *stamp = xep_time_format(delay->stamp_us);
    xmpp_stanza_t *element = stanza_add(stanza, "delay", NS_DELAY);
    stanza_set(element, "from", delay->from);
    stanza_set(element, "stamp", stamp);
}
