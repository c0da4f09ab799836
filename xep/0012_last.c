/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0012 last activity. */
#include "config.h"

#include <string.h>

#include "xep/0012_last.h"

bool last_is_request(xmpp_stanza_t *iq)
{
    const char *type = stanza_attr(iq, "type");
    return type && strcmp(type, "get") == 0 && stanza_child(iq, "query", NS_LAST);
}

xmpp_stanza_t *last_build_result(xmpp_stanza_t *iq, uint64_t seconds, const char *status)
{
    xmpp_stanza_t *result = stanza_reply_result(iq);
    if (!result)
        return NULL;
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, seconds);
    stanza_set(stanza_add_text(result, "query", NS_LAST, status), "seconds", number);
    return result;
}

bool last_parse(xmpp_stanza_t *iq, uint64_t *ret_seconds)
{
    xmpp_stanza_t *query = stanza_child(iq, "query", NS_LAST);
    const char *seconds = query ? stanza_attr(query, "seconds") : NULL;
    guint64 value;
    if (!seconds || !g_ascii_string_to_unsigned(seconds, 10, 0, G_MAXUINT64, &value, NULL))
        return false;
    *ret_seconds = value;
    return true;
}
