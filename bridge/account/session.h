/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions that are remembered: found again by their credentials, put off by use, revoked. */
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
struct sign_in_try;
struct token_verifier;

/* ERROR_NONE: yes; ERROR_FORBIDDEN; ERROR_UNAVAILABLE: nobody can say. Called once, later. */
typedef void (*session_admitted)(enum error_code error, void *data);

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
    /* Somebody has tried to come in by what is not remembered. NULL: nobody is told. */
    void (*tried)(const struct sign_in_try *attempt, void *data);
    /* USER was signed out everywhere or suspended, by whatever process. NULL: nobody is told. */
    void (*user_revoked)(const struct uuid *user, void *data);
    void *tell_data;
    /* Asks whether the account JID of another server may be used here; NULL: none may. */
    void (*admit)(const char *jid, session_admitted done, void *done_data, void *data);
    void *admit_data;
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

/* Puts off the end of the session of GRANT, if that can be and half of its time is over. False: it
 * cannot, or there is time. Else DONE is called once, later, with when it ends now, which is as
 * before when the database did not say; 0: it will not be put off any more. */
typedef void (*session_kept)(gint64 expires, void *data);
bool session_keep(struct sessions *sessions, const struct grant *grant, session_kept done,
                  void *data);

/* Tells SEEN, during the call, of each token by which ACCOUNT was let in lately and is remembered
 * here, those of cookies and tickets aside; BY_KEY: it was a server key that acted for the user. */
typedef void (*session_seen)(const struct grant *grant, bool by_key, void *data);
void session_each_token(const struct account *account, session_seen seen, void *data);

bool session_has_scope(const struct session *session, const char *scope);
