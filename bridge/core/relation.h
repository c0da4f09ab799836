/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a hosted user and somebody else stand to each other: blocks, privacy, message requests and
 * subscriptions. Messages ask in SQL, in the statement that stores them; this is for what never
 * touches SQL: typing, presence, IQs. Bounded, forgets by itself, and is told of changes. */
#pragma once

#include <stdbool.h>

#include "bridge/base/error.h"
#include "bridge/base/id.h"

struct core;

/* One direction: what OWNER allows the other. */
struct relation_side {
    bool blocks;    /* refuses everything, looking like a user who does not exist */
    bool shows;     /* shows presence */
    bool last_seen; /* shows when they were last there */
    bool profile;   /* shows name and picture */
};

struct relation {
    struct uuid user;         /* nil: there is no such hosted user */
    struct uuid peer;         /* nil: nobody we have heard of */
    struct uuid conversation; /* of the two; nil: none */
    gint64 user_number;
    gint64 peer_number;
    const char *peer_jid;           /* bare JID; NULL when peer is nil */
    bool known;                     /* the peer may know that there is the user */
    struct relation_side user_side; /* what the user allows the peer */
    struct relation_side peer_side; /* what the peer allows the user */
};

/* To the peer, the user must look like one who does not exist. Asked for what the peer sends. */
bool relation_is_silent(const struct relation *relation);

/* RELATION is valid during the call, NULL unless ERROR is ERROR_NONE. */
typedef void (*relation_done)(const struct relation *relation, enum error_code error, void *data);

/* Finds how hosted USER (bare JID) stands to PEER: a bare JID, or as text the id of a user or of a
 * conversation of USER's. DONE is called exactly once, later, and may not rely on what was asked
 * still being so. An unknown user and one who blocks the peer take the same steps and time. */
void relation_find(struct core *core, const char *user, const char *peer, relation_done done,
                   void *data);

/* What is in memory already, valid until the loop turns; NULL: ask. */
const struct relation *relation_peek(const struct core *core, const char *user, const char *peer);

/* Something about USER may have changed: everything that involves USER is asked anew, here and on
 * other instances. */
void relation_forget(struct core *core, const struct uuid *user);
/* Like relation_forget, where another instance has changed it: nobody else is told. */
void relation_changed_elsewhere(struct core *core, const struct uuid *user);

/* Nothing that is remembered counts any more, here. */
void relations_forget_all(struct core *core);

void relations_init(struct core *core);
void relations_clear(struct core *core);
