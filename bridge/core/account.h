/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A user who is in memory: signed in, or lately looked up. Reference counted; the registry keeps a
 * bounded number of unused ones. */
#pragma once

#include "bridge/base/id.h"

struct known;

struct account {
    int references;
    struct uuid id;
    char id_text[UUID_TEXT_SIZE];
    struct uuid own_id;     /* digest of the app's own id; nil: not known here */
    char *jid;              /* bare JID */
    gint64 number;          /* users.number: the id for clients that want whole numbers */
    char *full_jid;         /* the one stable resource: jid "/rest" */
    char *name;             /* display name; may be NULL */
    char *json;             /* the User object as REST serves it */
    char photo[41];         /* hash of the picture in its avatar_url; "": it has none of ours */
    bool hosted;            /* has a login and is served by this bridge */
    gint64 created_at;      /* wall clock; 0 until the user has signed in */
    gint64 known_at;        /* clock_monotonic of the last look-up */
    unsigned related;       /* counts relation_forget(): what was asked before that may be untrue */
    struct known *known;    /* remembered sessions; session.c's own */
    GPtrArray *subscribers; /* struct subscriber *, borrowed; NULL when none */
};

typedef struct account trestle_account;

struct account *account_ref(struct account *account);
void account_unref(struct account *account); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(trestle_account, account_unref)
