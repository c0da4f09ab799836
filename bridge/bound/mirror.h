/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contact list and block list of an account, as its server has them. */
#pragma once

#include "bridge/bound/bound_part.h"

/* SESSION is bound: asks for its contact list and block list. */
void bound_mirror_begin(struct bound_session *session);
/* Whether IQ, a request to SESSION, is a push of one of them; it is answered. */
bool bound_mirror_push(struct bound_session *session, xmpp_stanza_t *iq);
