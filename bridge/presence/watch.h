/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Presence of contacts on XMPP, for hosted users who have sockets and a subscription: told by their
 * servers, asked for by probes (at most 50 a second) when a user comes online and after the link
 * was down. In memory only; without link nothing is known. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct account;
struct core;
struct status;
struct uuid;

struct watch_contact {
    const char *jid; /* bare */
    const struct uuid *id;
    gint64 number;
};

/* ACCOUNT wants to see CONTACT from now on. */
void watch_add(struct core *core, const struct account *account,
               const struct watch_contact *contact);
/* USER does not want to see JID any more, and is told that nothing is known. */
void watch_remove(struct core *core, const struct uuid *user, const char *jid);
/* USER has gone. */
void watch_remove_all(struct core *core, const struct uuid *user);

/* How contact JID is shown to USER; false: not watched. */
bool watch_status(const struct core *core, const struct uuid *user, const char *jid,
                  struct status *ret_status);

/* Whether PEER (bare JID), as USER sees it, is there and each of its resources is known to lack one
 * of FEATURES (NULL at its end). False also while that is not known. */
bool presence_lacks(const struct core *core, const struct uuid *user, const char *peer,
                    const char *const *features);
/* A resource of PEER's that is known to have all FEATURES, as full JID, borrowed until the loop
 * turns; NULL: there is none. */
const char *presence_resource(const struct core *core, const struct uuid *user, const char *peer,
                              const char *const *features);
