/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0249 direct invitations to rooms. */
#include "config.h"

#include <string.h>

#include "xep/0249_direct_invitation.h"

bool direct_invitation_parse(xmpp_stanza_t *message, struct direct_invitation *ret)
{
    xmpp_stanza_t *x = stanza_child_having(message, "x", NS_INVITATION, "jid");
    if (!x)
        return false;
    const char *goes_on = stanza_attr(x, "continue");
    *ret = (struct direct_invitation){
        .room = stanza_attr(x, "jid"),
        .password = stanza_attr(x, "password"),
        .reason = stanza_attr(x, "reason"),
        .goes_on = goes_on && (strcmp(goes_on, "true") == 0 || strcmp(goes_on, "1") == 0),
        .thread = stanza_attr(x, "thread"),
    };
    return true;
}

void direct_invitation_add(xmpp_stanza_t *message, const struct direct_invitation *invitation)
{
    xmpp_stanza_t *x = stanza_add(message, "x", NS_INVITATION);
    stanza_set(x, "jid", invitation->room);
    stanza_set(x, "password", invitation->password);
    stanza_set(x, "reason", invitation->reason);
    stanza_set(x, "continue", invitation->goes_on ? "true" : NULL);
    stanza_set(x, "thread", invitation->thread);
}
