/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The accounts that are in memory. Pointers returned here are borrowed from the registry: take a
 * reference to keep one beyond the present callback. */
#pragma once

#include "bridge/base/error.h"
#include "bridge/core/account.h"

struct core;

void accounts_init(struct core *core);
void accounts_clear(struct core *core);

struct account *account_find(const struct core *core, const struct uuid *id); /* or NULL */
struct account *account_find_jid(const struct core *core, const char *jid); /* bare JID; or NULL */

/* The account whose own id (the app's, sub of its tokens) has DIGEST, if a sign-in has told; or
 * NULL. */
struct account *account_find_own_id(const struct core *core, const struct uuid *digest);
void account_learn_own_id(struct core *core, struct account *account, const struct uuid *digest);

/* A user as the database has just shown it. Strings are borrowed. */
struct account_row {
    struct uuid id;
    const char *jid;
    const char *name; /* may be NULL */
    const char *json; /* the User object */
    gint64 number;
    bool hosted;
};

/* Puts the row into memory, or refreshes what is there. */
struct account *account_learn(struct core *core, const struct account_row *row);

/* ACCOUNT (borrowed) is NULL when there is no hosted user with that address (ERROR is ERROR_NONE),
 * or when the database is away. */
typedef void (*account_done)(struct account *account, enum error_code error, void *data);

/* Finds the hosted user with bare JID, in memory or in the database. DONE is called exactly once,
 * later. */
void account_lookup_jid(struct core *core, const char *jid, account_done done, void *data);
