/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the account's clients have read (XEP-0490). */
#pragma once

#include "bridge/bound/bound_part.h"

struct core;

/* Asks how far the other clients of SESSION's account, which has just been bound, have come. */
void bound_displayed_begin(struct bound_session *session);
/* MESSAGE of the account itself tells of it. */
void bound_displayed_event(struct bound_session *session, xmpp_stanza_t *message);
/* USER has read up to MESSAGE in the app. */
void bound_displayed_read(struct core *core, const struct uuid *conversation,
                          const struct uuid *user, const struct uuid *message);
/* Publishes what the app has read since. */
void bound_displayed_tick(struct bound_session *session);
