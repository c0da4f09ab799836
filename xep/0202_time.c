/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0202 entity time. */
#include "config.h"

#include <string.h>

#include "xep/0202_time.h"
#include "xep/time.h"

xmpp_stanza_t *entity_time_build_result(xmpp_stanza_t *iq, int64_t now_us)
{
    xmpp_stanza_t *result = stanza_reply_result(iq);
    if (!result)
        return NULL;
    g_autofree char *utc = xep_time_format(now_us);
    xmpp_stanza_t *time = stanza_add(result, "time", NS_TIME);
    stanza_add_text(time, "tzo", NS_TIME, "+00:00");
    stanza_add_text(time, "utc", NS_TIME, utc);
    return result;
}

bool entity_time_parse(xmpp_stanza_t *iq, int64_t *ret_us, const char **ret_offset)
{
    xmpp_stanza_t *time = stanza_child(iq, "time", NS_TIME);
    const char *utc = time ? stanza_child_text(time, "utc", NS_TIME) : NULL;
    if (!utc || !xep_time_parse(utc, ret_us))
        return false;
    *ret_offset = stanza_child_text(time, "tzo", NS_TIME);
    return true;
}
