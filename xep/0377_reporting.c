/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0377. */
#include "config.h"

#include <string.h>

#include "xep/0377_reporting.h"

static void ids_read(xmpp_stanza_t *element, struct abuse_report *ret)
{
    for (xmpp_stanza_t *child = stanza_first(element); child; child = stanza_next(child)) {
        const char *id = stanza_is(child, "stanza-id", NS_SID) ? stanza_attr(child, "id") : NULL;
        if (id && ret->id_count < REPORT_IDS_MAX)
            ret->ids[ret->id_count++] = id;
    }
}

bool abuse_report_parse(xmpp_stanza_t *stanza, struct abuse_report *ret)
{
    xmpp_stanza_t *block = stanza_child(stanza, "block", NS_BLOCKING);
    xmpp_stanza_t *item = block ? stanza_child(block, "item", NS_BLOCKING) : NULL;
    xmpp_stanza_t *element = stanza_child(item ? item : stanza, "report", NS_REPORTING);
    const char *reason = element ? stanza_attr(element, "reason") : NULL;
    if (!reason || (block && !item))
        return false;
    const char *last = strrchr(reason, ':');
    *ret = (struct abuse_report){.reason = last ? last + 1 : reason,
                                 .text = stanza_child_text(element, "text", NS_REPORTING)};
    ret->jid = item ? stanza_attr(item, "jid") : stanza_child_text(element, "jid", NS_JID);
    ids_read(element, ret);
    return ret->jid && *ret->jid;
}

void abuse_report_add(xmpp_stanza_t *message, const struct abuse_report *report)
{
    g_autofree char *reason = g_strconcat("urn:xmpp:reporting:", report->reason, NULL);
    xmpp_stanza_t *element = stanza_add(message, "report", NS_REPORTING);
    stanza_set(element, "reason", reason);
    stanza_add_text(element, "jid", NS_JID, report->jid);
}
