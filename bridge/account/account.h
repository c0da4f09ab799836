/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Users in memory: signed in, or lately looked up. An account is reference counted; the registry of
 * them keeps a bounded number of unused ones. */
#pragma once

#include <glib.h>

#include "bridge/base/id.h"

struct archive;
struct known;

struct account {
    int references;
    struct uuid id;
    char id_text[UUID_TEXT_SIZE];
    struct uuid own_id; /* digest of the app's own id; nil: not known here */
    char *jid;          /* bare JID */
    gint64 number;      /* users.number: the id for clients that want whole numbers */
    char *full_jid; /* the one stable resource: account_address(); that of the session elsewhere */
    char *name;     /* display name; may be NULL */
    char *json;     /* the User object as REST serves it */
    struct uuid facts;      /* digest of what that was made of */
    char photo[41];         /* hash of the picture in its avatar_url; "": it has none of ours */
    bool hosted;            /* has a login and is served by this bridge */
    bool bound;             /* has a login here and a server elsewhere, see bridge/bound */
    gint64 created_at;      /* wall clock; 0 until the user has signed in */
    unsigned related;       /* counts relation_forget(): what was asked before that may be untrue */
    struct known *known;    /* remembered sessions; known.c's own */
    GPtrArray *subscribers; /* struct subscriber *, borrowed; NULL when none */
};

typedef struct account trestle_account;

/* What hosted users are available by, for want of clients of their own. */
#define ACCOUNT_RESOURCE "rest"

/* The full address of the hosted user JID (bare); newly allocated. */
char *account_address(const char *jid);

struct account *account_ref(struct account *account);
void account_unref(struct account *account); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(trestle_account, account_unref)

/* All that are in memory. Pointers returned below are borrowed from here: take a reference to keep
 * one beyond the present callback. */
struct accounts {
    struct archive *archive; /* NULL until accounts_start */
    GHashTable *by_id;       /* struct uuid * → struct account *, owned */
    GHashTable *by_jid;
    GHashTable *by_own_id; /* those that have signed in by token */
    guint crowded;         /* with so many of them, unused ones are dropped */
};

struct accounts *accounts_new(void);
void accounts_free(struct accounts *accounts); /* NULL is fine */

/* Where to look up who is not in memory; before the first account_lookup_jid() (lookup.h). */
void accounts_start(struct accounts *accounts, struct archive *archive);

struct account *account_find(const struct accounts *accounts, const struct uuid *id); /* or NULL */
/* Bare JID; or NULL. */
struct account *account_find_jid(const struct accounts *accounts, const char *jid);

/* The account whose own id (the app's, sub of its tokens) has DIGEST, if a sign-in has told; or
 * NULL. */
struct account *account_find_own_id(const struct accounts *accounts, const struct uuid *digest);
void account_learn_own_id(struct accounts *accounts, struct account *account,
                          const struct uuid *digest);

/* A user as the database has just shown it. Strings are borrowed. */
struct account_row {
    struct uuid id;
    const char *jid;
    const char *name;  /* may be NULL */
    const char *facts; /* JSON of a value of user_view */
    gint64 number;
    bool hosted;
    bool bound;
};

/* Puts the row into memory, or refreshes what is there. */
struct account *account_learn(struct accounts *accounts, const struct account_row *row);
/* By which resource it is in XMPP from now on. */
void account_set_resource(struct account *account, const char *resource);
