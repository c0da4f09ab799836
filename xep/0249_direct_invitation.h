/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0249 direct invitations to rooms. */
#pragma once

#include "xep/stanza.h"

/* Borrowed; what is not said is NULL. */
struct direct_invitation {
    const char *room; /* as claimed, not empty */
    const char *password;
    const char *reason;
    bool goes_on; /* a conversation of two goes on in the room */
    const char *thread;
};

bool direct_invitation_parse(xmpp_stanza_t *message, struct direct_invitation *ret);
void direct_invitation_add(xmpp_stanza_t *message, const struct direct_invitation *invitation);
