/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Direct conversations as typing needs them: who the two are, and whether anything may pass. Read
 * once, then kept in memory (bounded), so that what is told of them costs no SQL statement. */
#pragma once

#include <stdbool.h>

#include "bridge/account/account.h"
#include "bridge/base/error.h"

struct core;

struct pair_side {
    struct uuid user;
    gint64 number; /* users.number */
    char *jid;     /* bare */
    bool hosted;
};

struct pair {
    int references;
    struct uuid conversation;
    struct pair_side side[2];
    bool live;  /* no request that waits, and no block, stands between the two */
    bool heard; /* the one who is not hosted has written, acknowledged, typed, or shares presence */
};

typedef struct pair trestle_pair;

struct pair *pair_ref(struct pair *pair);
void pair_unref(struct pair *pair); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(trestle_pair, pair_unref)

/* Which side USER is; 2: neither. */
unsigned pair_side_of(const struct pair *pair, const struct uuid *user);

void pairs_init(struct core *core);
void pairs_clear(struct core *core);

/* What to look for: exactly one of the three. Borrowed. */
struct pair_key {
    const struct uuid *conversation;
    /* USER, and whom the app calls REFERENCE: JSON text as the SQL function user_refer() takes it
     */
    const struct uuid *user;
    const char *reference;
    /* bare JIDs of somebody on XMPP and of a hosted user */
    const char *peer;
    const char *hosted;
};

/* PAIR (borrowed) is NULL when there is none (ERROR is ERROR_NONE), or it could not be read. */
typedef void (*pair_done)(struct pair *pair, enum error_code error, void *data);

/* True: it is known without asking, and *ret_pair is the pair (borrowed), or NULL for none. False:
 * pair_read has to be called. */
bool pair_lookup(const struct core *core, const struct pair_key *key, struct pair **ret_pair);

/* Reads it from the database. DONE is called exactly once, later. */
void pair_read(struct core *core, const struct pair_key *key, pair_done done, void *data);

/* The conversation if it is in memory, borrowed; or NULL. */
struct pair *pair_known(const struct core *core, const struct uuid *conversation);

/* What is known of the conversation has changed: it is read anew when it is needed next. */
void pair_forget(struct core *core, const struct uuid *conversation);

/* Nothing that is known counts any more. */
void pairs_forget_all(struct core *core);

/* How USER stands to others has changed: the same for all conversations of USER. */
void pairs_forget(struct core *core, const struct uuid *user);

/* There is a new conversation: what was asked for in vain may be there now. */
void pairs_grew(struct core *core);
