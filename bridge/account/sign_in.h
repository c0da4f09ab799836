/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From credentials to an account. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/account/limit.h"
#include "bridge/account/session.h"
#include "bridge/archive/archive.h"
#include "bridge/base/error.h"

struct account;

struct sign_in_try {
    const struct account *account; /* NULL: nobody knows whose it was */
    guint64 address;               /* limit_address(); 0: none */
    const char *kind;              /* token, session, ticket or password; static */
    const char *problem;           /* static; NULL: came in */
};

/* Why a sign-in failed: ERROR_UNAUTHENTICATED, ERROR_FORBIDDEN for a suspended user,
 * ERROR_RATE_LIMITED, ERROR_UNAVAILABLE… */
struct sign_in_problem {
    enum error_code code;
    const char *detail;       /* static text, or NULL */
    struct limit_state limit; /* which limit is used up; count 0: none, or it is not to be told */
};

/* One of the two is NULL. */
typedef void (*session_done)(const struct session *session, const struct sign_in_problem *problem,
                             void *data);

/* Verifies, provisions the account when it is new, then calls DONE exactly once, later. Limits are
 * asked first: whoever is over one costs no question to the database. */
void session_sign_in(struct sessions *sessions, const struct credentials *credentials,
                     session_done done, void *data);

/* ---- Making hosted users, from a token's claims or by a server key --------------------------- */

struct user_claims {
    const char *subject;  /* the app's own id */
    const char *username; /* these may be NULL */
    const char *name;
    const char *picture;
    const char *once; /* what makes the request recognisable: { subject, key, fingerprint } */
};

/* Finds or makes the user; DONE gets one row: id, jid, name, User object, whether it was made,
 * number, and of a request that comes again 1, or 2 if it is another one with the key of an earlier
 * one. No row: the app's own id is the id of another user. */
void user_provision(struct sessions *sessions, const struct user_claims *claims, archive_done done,
                    void *data);

/* What a function that asks access_hold() has found, in COLUMN of its one row. False: *ret_code and
 * *ret_detail (static text) say why its caller may not come in. */
bool access_is_granted(const struct rows *rows, int column, enum error_code *ret_code,
                       const char **ret_detail);
