/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions of accounts. */
#pragma once

#include "bridge/bound/bound_part.h"

/* The session of JID (bare), made if there is none; NULL: not at a host of ours, or there are too
 * many. */
struct bound_session *bound_session_get(struct bound *bound, const char *jid);
struct bound_session *bound_session_find(const struct bound *bound, const char *jid); /* or NULL */
void bound_session_free(gpointer session);
/* Binds, unbinds and shows presence where it is due. */
void bound_sessions_tick(struct bound *bound, gint64 now);
/* SESSION is to be bound for a while, whoever watches. */
void bound_session_want(struct bound_session *session);
/* Whether it is to stay. */
void bound_session_watch(struct bound_session *session, bool watched);
/* Its user has signed out, EVERYWHERE or at one device: unless somebody is here otherwise, or it is
 * watched and was not signed out everywhere, it ends. */
void bound_session_signed_out(struct bound_session *session, bool everywhere);
/* It is not bound any more, whatever was thought. */
void bound_session_lost(struct bound_session *session);
/* Those of HOST (NULL: of all). */
void bound_sessions_lost(struct bound *bound, const struct bound_host *host);
/* The host has ended SESSION for REASON. */
void bound_session_ended(struct bound_session *session, const char *reason);
