/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What changes in a session that goes on (XEP-0166 section 7.2, XEP-0176 section 5.8). What an app
 * offers anew is compared with what it has said before, and the difference told to the peer, one
 * content at a time; when nothing of it waits for the peer any more, the app is answered. What the
 * peer changes becomes an offer to the app.
 *
 * call->session has, besides: adding, the mids that the app has added and the peer has not
 * answered; restarting, that the peer is to tell new credentials; stale, that the app has not been
 * offered all that the peer has changed, since another offer waits for its answer. */
#pragma once

#include "bridge/call/jingle.h"

/* ---- The app --------------------------------------------------------------------------------- */

/* It offers anew. */
void change_offered(struct call *call, const json_t *signal);
/* It answers what change_… has offered it. */
void change_answered(struct call *call, const json_t *signal);
/* The peer has refused the request to add MID. */
void change_not_added(struct call *call, const char *mid);

/* ---- The peer, who has said SAID ------------------------------------------------------------- */

/* Whether what it adds meets what we add, and gives way (XEP-0166 section 7.2.16). */
bool change_is_tied(const struct call *call);
/* Whether there is anything that it could accept or reject. */
bool change_waits(const struct call *call);

void change_peer_adds(struct call *call, struct media_description *said);
void change_peer_accepts(struct call *call, struct media_description *said);
void change_peer_rejects(struct call *call, const struct media_description *said);
void change_peer_modifies(struct call *call, const struct media_description *said);
/* False: nothing would be left, so the session is over. */
bool change_peer_removes(struct call *call, const struct media_description *said);
/* REMOTE has its new credentials. */
void change_peer_restarts(struct call *call, struct media_description *remote);
