/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Presence of contacts on XMPP, as each hosted user who may see it was told: resources and what
 * they come to. The state alone, without stanzas, sockets, link or database. Bounded per contact
 * and in all. */
#pragma once

#include "bridge/base/id.h"
#include "bridge/presence/status.h"

struct contact_presences;

#define AVAILABLE_RESOURCES_MAX 16

struct available_resource {
    char *full_jid;
    bool away;
    bool in_call;
    char *caps_node; /* XEP-0115 with hash sha-1; NULL: none */
    char *caps_ver;
};

/* One contact as one user sees it. */
struct contact_presence {
    struct status_entry shown;
    struct uuid user;     /* who sees */
    struct uuid id;       /* who is seen */
    gint64 number;        /* of the latter */
    char *jid;            /* bare */
    GPtrArray *resources; /* struct available_resource * */
    bool known;           /* has been heard of since the link came up */
    gint64 last_seen;     /* wall clock, microseconds; 0: not known */
    unsigned questions;   /* about its resources that wait to be asked; the owner's own */
};

/* TELL is called when what is shown of a contact has changed: contact->shown.told. */
struct contact_presences *contact_presences_new(void (*tell)(const struct contact_presence *contact,
                                                             void *data),
                                                void *data, gint64 now);
void contact_presences_free(struct contact_presences *contacts);

/* USER wants to see the contact JID from now on; borrowed, NULL when there are too many. */
struct contact_presence *contact_presence_watch(struct contact_presences *contacts,
                                                const struct uuid *user, const char *jid,
                                                const struct uuid *id, gint64 number);
/* USER does not want to see JID any more. With TELL the user is told that nothing is known. */
void contact_presence_unwatch(struct contact_presences *contacts, const struct uuid *user,
                              const char *jid, bool tell);
void contact_presences_unwatch_all(struct contact_presences *contacts, const struct uuid *user);

struct contact_presence *contact_presence_find(const struct contact_presences *contacts,
                                               const struct uuid *user, const char *jid);
/* USER NULL: all users. EACH must not change who is watched. */
void contact_presences_foreach(const struct contact_presences *contacts, const struct uuid *user,
                               void (*each)(struct contact_presence *contact, void *data),
                               void *data);

/* A resource came or changed; RESOURCE's strings are borrowed. */
void contact_presence_available(struct contact_presences *contacts,
                                struct contact_presence *contact,
                                const struct available_resource *resource, gint64 idle_since,
                                gint64 now);
/* FULL_JID (bare: all of them) went; LAST_SEEN is 0 when that is not known. */
void contact_presence_unavailable(struct contact_presences *contacts,
                                  struct contact_presence *contact, const char *full_jid,
                                  gint64 last_seen, gint64 now);
/* When the contact was last there, if nobody is there now. */
void contact_presence_last_seen(struct contact_presences *contacts,
                                struct contact_presence *contact, gint64 last_seen, gint64 now);

/* Nobody knows any more: the link went down. */
void contact_presences_unknown(struct contact_presences *contacts, gint64 now);

void contact_presences_advance(struct contact_presences *contacts, gint64 now);
