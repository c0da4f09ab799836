/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contact list and block list of an account, as its server has them. */
#pragma once

#include "bridge/bound/bound_part.h"

#define ROSTER_KIND "roster." /* what kinds of outgoing changes of the contact list begin with */

/* SESSION is bound: asks for its contact list and block list. */
void bound_mirror_begin(struct bound_session *session);
/* ERROR came for one of our IQs: if that was a change of the contact list, which was noted here
 * when it was sent, the list is asked for again. */
void bound_mirror_refused(struct bound_session *session, xmpp_stanza_t *error);
/* Whether IQ, a request to SESSION, is a push of one of them; it is answered. */
bool bound_mirror_push(struct bound_session *session, xmpp_stanza_t *iq);
