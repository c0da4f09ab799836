/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0184 message delivery receipts. */
#include "config.h"

#include "xep/0184_receipts.h"

bool receipt_is_requested(xmpp_stanza_t *message)
{
    return stanza_attr(message, "id") && stanza_child(message, "request", NS_RECEIPTS) &&
           !stanza_child(message, "received", NS_RECEIPTS);
}

const char *receipt_parse(xmpp_stanza_t *message)
{
    xmpp_stanza_t *received = stanza_child_having(message, "received", NS_RECEIPTS, "id");
    if (received)
        return stanza_attr(received, "id");
    return stanza_child(message, "received", NS_RECEIPTS) ? stanza_attr(message, "id") : NULL;
}

void receipt_add_request(xmpp_stanza_t *message)
{
    stanza_add(message, "request", NS_RECEIPTS);
}

void receipt_add_received(xmpp_stanza_t *message, const char *id)
{
    stanza_set(stanza_add(message, "received", NS_RECEIPTS), "id", id);
}
