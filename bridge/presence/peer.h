/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Presence of contacts on XMPP, as each hosted user who may see it was told: resources and what
 * they come to. The state alone, without stanzas, sockets, link or database. Bounded per contact
 * and in all. */
#pragma once

#include "bridge/base/id.h"
#include "bridge/presence/status.h"

struct peers;

#define PEER_RESOURCES_MAX 16

struct peer_resource {
    char *full_jid;
    bool away;
    bool in_call;
    char *caps_node; /* XEP-0115 with hash sha-1; NULL: none */
    char *caps_ver;
};

/* One contact as one user sees it. */
struct peer {
    struct status_entry shown;
    struct uuid user;     /* who sees */
    struct uuid id;       /* who is seen */
    gint64 number;        /* of the latter */
    char *jid;            /* bare */
    GPtrArray *resources; /* struct peer_resource * */
    bool known;           /* has been heard of since the link came up */
    gint64 last_seen;     /* wall clock, microseconds; 0: not known */
    unsigned questions;   /* about its resources that wait to be asked; the owner's own */
};

/* TELL is called when what is shown of a contact has changed: peer->shown.told. */
struct peers *peers_new(void (*tell)(const struct peer *peer, void *data), void *data, gint64 now);
void peers_free(struct peers *peers);

/* USER wants to see the contact JID from now on; borrowed, NULL when there are too many. */
struct peer *peer_watch(struct peers *peers, const struct uuid *user, const char *jid,
                        const struct uuid *id, gint64 number);
/* Not any more; with TELL the user is told that nothing is known. */
void peer_unwatch(struct peers *peers, const struct uuid *user, const char *jid, bool tell);
void peers_unwatch_all(struct peers *peers, const struct uuid *user);

struct peer *peer_find(const struct peers *peers, const struct uuid *user, const char *jid);
/* USER NULL: all users. EACH must not change who is watched. */
void peers_foreach(const struct peers *peers, const struct uuid *user,
                   void (*each)(struct peer *peer, void *data), void *data);

/* A resource came or changed; RESOURCE's strings are borrowed. */
void peer_available(struct peers *peers, struct peer *peer, const struct peer_resource *resource,
                    gint64 idle_since, gint64 now);
/* FULL_JID (bare: all of them) went; LAST_SEEN is 0 when that is not known. */
void peer_unavailable(struct peers *peers, struct peer *peer, const char *full_jid,
                      gint64 last_seen, gint64 now);
/* When the contact was last there, if nobody is there now. */
void peer_last_seen(struct peers *peers, struct peer *peer, gint64 last_seen, gint64 now);

/* Nobody knows any more: the link went down. */
void peers_unknown(struct peers *peers, gint64 now);

void peers_advance(struct peers *peers, gint64 now);
