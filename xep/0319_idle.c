/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0319 last user interaction in presence. */
#include "config.h"

#include "xep/0319_idle.h"
#include "xep/time.h"

bool idle_parse(xmpp_stanza_t *presence, int64_t *ret_since_us)
{
    xmpp_stanza_t *element = stanza_child_having(presence, "idle", NS_IDLE, "since");
    const char *since = element ? stanza_attr(element, "since") : NULL;
    return since && xep_time_parse(since, ret_since_us);
}

void idle_add(xmpp_stanza_t *presence, int64_t since_us)
{
    g_autofree char *since = xep_time_format(since_us);
    stanza_set(stanza_add(presence, "idle", NS_IDLE), "since", since);
}
