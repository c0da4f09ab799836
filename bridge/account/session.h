/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From credentials to an account. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/account/grant.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/error.h"

struct account;
struct accounts;
struct options;
struct revocation;
struct revocations;
struct token_verifier;

/* All that are remembered, and what signing in needs. Everything but the tokens, the revocations
 * and the table is borrowed and outlives it. */
struct sessions {
    const struct options *options;
    struct archive *archive; /* NULL until sessions_start */
    struct accounts *accounts;
    struct limiter *limiter;         /* NULL: no limits */
    struct token_verifier *tokens;   /* owned */
    struct revocations *revocations; /* which of them this process has carried out */
    GHashTable *table;               /* token → remembered session, bounded */
    /* Tells the other processes that there is a revocation; NULL: they find out by themselves. */
    void (*tell_revoked)(void *data);
    void *tell_data;
};

/* TOKENS is taken. */
struct sessions *sessions_new(const struct options *options, struct accounts *accounts,
                              struct limiter *limiter, struct token_verifier *tokens);
void sessions_free(struct sessions *sessions); /* NULL is fine */

/* Before the first sign-in; begins to ask for revocations. */
void sessions_start(struct sessions *sessions, struct archive *archive);

/* Takes TOKENS in place of the present ones: whom none of their keys lets in is signed out. */
void sessions_renew_tokens(struct sessions *sessions, struct token_verifier *tokens);

/* Forgets what is remembered; open sockets stay. */
void sessions_forget_all(struct sessions *sessions);

/* Forgets the sessions that are meant, and closes the streams of subscribers. */
void session_revoke(struct sessions *sessions, const struct revocation *revocation);

enum credential_kind {
    CREDENTIAL_TOKEN,  /* behind "Bearer ": a JWT, or a server key "tsk_…" */
    CREDENTIAL_COOKIE, /* of a session that POST /api/session has begun */
    CREDENTIAL_TICKET  /* good once */
};

/* Who is calling. What was found out is remembered (bounded) until it expires or is revoked. */
struct credentials {
    const char *token;
    const char
        *on_behalf; /* header Trestle-User: user id or sub, with a server key only; or NULL */
    enum credential_kind kind;
    enum limit limit; /* that what is asked for will count for */
    bool only_looks;  /* a ticket is not used up: the request is one that changes nothing (HEAD) */
    guint64 address;  /* limit_address() of the caller, for the limit of failed sign-ins; 0: none */
};

struct session {
    struct account *account;   /* NULL for a server key that acts for nobody */
    const char *const *scopes; /* of the server key, NULL-terminated; NULL for a user's own */
    struct grant grant;
    const char *csrf; /* the CSRF token of a cookie's session; else NULL */
};

/* The session of CREDENTIALS if it is known already, without asking the database: the hot path.
 * False if it is not (sign in then). ret_session->account is borrowed: ref it to keep it. */
bool session_lookup(struct sessions *sessions, const struct credentials *credentials,
                    struct session *ret_session);

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

/* Puts off the end of the session of GRANT, if that can be and half of its time is over. False: it
 * cannot, or there is time. Else DONE is called once, later, with when it ends now, which is as
 * before when the database did not say; 0: it will not be put off any more. */
typedef void (*session_kept)(gint64 expires, void *data);
bool session_keep(struct sessions *sessions, const struct grant *grant, session_kept done,
                  void *data);

bool session_has_scope(const struct session *session, const char *scope);

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
