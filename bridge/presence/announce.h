/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling XMPP contacts who is online: when the first socket of an account opens, when its last one
 * has been gone for xmpp.presence_grace, again after the link was down, and for users whom an
 * earlier process had shown online. One account at a time, at most 100 a second. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct account;
struct core;

void announce_start(struct core *core); /* from then on sockets are counted */
void announce_stop(struct core *core);

/* ACCOUNT's presence has changed: contacts are told again, if they see it online. */
void announce_again(struct core *core, struct account *account);

/* Whether contacts see ACCOUNT online. */
bool announce_is_online(const struct core *core, const struct account *account);

/* Sends ACCOUNT's current presence to TO. LAST_SEEN (microseconds since 1970; 0: never) is told
 * when it is offline. */
void announce_to(struct core *core, const struct account *account, const char *to,
                 gint64 last_seen);
/* Tells TO that ACCOUNT is unavailable, whatever it is. */
void announce_unavailable_to(struct core *core, const struct account *account, const char *to);
