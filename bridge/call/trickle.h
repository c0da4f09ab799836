/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Candidates of an app on their way to a peer on XMPP. Those that an app says within one turn of
 * the loop go together: one request for each content, since some clients refuse requests about
 * several (XEP-0176 section 5.7). */
#pragma once

#include <jansson.h>

struct call;

/* SIGNAL has a candidate, which goes at the end of the turn if the peer may be told. */
void trickle_out(struct call *call, const json_t *signal);
/* What waits of CALL goes now: something else is to be said that has to come after it. */
void trickle_flush(struct call *call);

void trickle_start(void);
void trickle_stop(void);
