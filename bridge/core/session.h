/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From credentials to an account. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/error.h"
#include "bridge/core/grant.h"
#include "bridge/core/limit.h"

struct account;
struct core;

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
bool session_lookup(struct core *core, const struct credentials *credentials,
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
void session_sign_in(struct core *core, const struct credentials *credentials, session_done done,
                     void *data);

bool session_has_scope(const struct session *session, const char *scope);
