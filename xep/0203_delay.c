/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0203 delayed delivery. */
#include "config.h"

#include <string.h>

#include "xep/0203_delay.h"
#include "xep/jid.h"
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

static bool is_by(const char *from, const char *by)
{
    if (strcmp(from, by) == 0)
        return true;
    g_autofree char *prepared = *from && *by ? jid_prepare(from) : NULL;
    return prepared && strcmp(prepared, by) == 0;
}

static bool earliest_of(xmpp_stanza_t *stanza, const char *by, int64_t latest_us, int64_t *ret_us)
{
    bool found = false;
    for (xmpp_stanza_t *child = stanza_first(stanza); child; child = stanza_next(child)) {
        const char *stamp =
            stanza_is(child, "delay", NS_DELAY) ? stanza_attr(child, "stamp") : NULL;
        const char *from = stanza_attr(child, "from");
        int64_t us;
        if (!stamp || !xep_time_parse(stamp, &us) || us < XEP_TIME_EARLIEST || us > latest_us ||
            (found && us >= *ret_us) || !is_by(from ? from : "", by))
            continue;
        *ret_us = us;
        found = true;
    }
    return found;
}

bool delay_choose(xmpp_stanza_t *stanza, const char *const *by, int64_t latest_us, int64_t *ret_us)
{
    for (; *by; by++) {
        if (earliest_of(stanza, *by, latest_us, ret_us))
            return true;
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
