/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mediated invitations, XEP-0045 sections 7.8.2 and 7.9: asked of a room, which passes them on. */
#pragma once

#include "xep/stanza.h"

#define INVITATIONS_MAX 64 /* people in one request */

enum invitation_kind { INVITATION_INVITE, INVITATION_DECLINE };

/* Borrowed; what is not said is NULL. */
struct invitation {
    enum invitation_kind kind;
    const char *to;   /* of what is asked of a room: who is meant */
    const char *from; /* of what a room passes on: who it comes from */
    const char *reason;
    bool goes_on;         /* a conversation of two goes on in the room */
    const char *thread;   /* in that thread */
    const char *password; /* of the room; the same in all of one message */
};

/* Reads those of MESSAGE, each with "to" or "from", into RET; how many. What is beyond the limit
 * above is left out: *ret_more tells. */
size_t invitations_parse(xmpp_stanza_t *message, struct invitation ret[INVITATIONS_MAX],
                         bool *ret_more);
/* Adds one <x/> with COUNT of them. */
void invitations_add(xmpp_stanza_t *message, const struct invitation *invitations, size_t count);
