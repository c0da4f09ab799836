/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stanzas on their way into sessions. */
#pragma once

#include "bridge/bound/bound_part.h"

void bound_inject_open(struct bound *bound);
void bound_inject_close(struct bound *bound);
/* Sends STANZA (borrowed) once, or not at all. */
bool bound_inject_once(struct bound_session *session, xmpp_stanza_t *stanza);
/* SESSION is bound: what was to be sent once, and has waited for that, seconds at most, goes out.
 */
void bound_inject_soon(struct bound_session *session);
/* That is dropped. */
void bound_inject_forget(struct bound_session *session);
/* Sends IQ (borrowed, get or set; a random id is set) and calls ANSWER once, later, with the
 * answer, or NULL. */
bool bound_inject_ask(struct bound_session *session, xmpp_stanza_t *iq, unsigned seconds,
                      void (*answer)(xmpp_stanza_t *result, void *data), void *data);
/* An IQ result or error that came for SESSION. */
void bound_inject_answered(struct bound_session *session, xmpp_stanza_t *result);
/* An error came for the wrapper ID. */
void bound_inject_failed(struct bound_host *host, const char *id, xmpp_stanza_t *error);
void bound_inject_tick(struct bound *bound, gint64 now);
/* The link is down: what was not proven is sent again by those who keep it. */
void bound_inject_lost(struct bound *bound);
/* SESSION is bound: what waits for it is sent. */
void bound_inject_resume(struct bound_session *session);
/* Nobody answers SESSION any more. */
void bound_inject_abandon(struct bound_session *session);
