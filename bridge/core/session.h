/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From credentials to an account. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/error.h"

struct account;
struct core;

/* Who is calling. One token verification is remembered (bounded) until the token expires. */
struct credentials {
    const char *token;     /* after "Bearer "; a JWT, or a server key "tsk_…" */
    const char *on_behalf; /* header Trestle-User: user id or sub, with a server key only; or NULL */
};

struct session {
    struct account *account; /* NULL for a server key that acts for nobody */
    const char *const *scopes; /* of the server key, NULL-terminated; NULL for a user's own token */
    gint64 expires;          /* wall clock, microseconds; G_MAXINT64 for a server key */
};

/* The session of CREDENTIALS if it is known already, without asking the database: the hot path.
 * False if it is not (sign in then). ret_session->account is borrowed: ref it to keep it. */
bool session_lookup(struct core *core, const struct credentials *credentials,
                    struct session *ret_session);

/* SESSION is NULL on failure and CODE says why (ERROR_UNAUTHENTICATED, ERROR_UNAVAILABLE…);
 * DETAIL is static text or NULL. */
typedef void (*session_done)(const struct session *session, enum error_code code,
                             const char *detail, void *data);

/* Verifies, provisions the account when it is new, then calls DONE exactly once, later. */
void session_sign_in(struct core *core, const struct credentials *credentials, session_done done,
                     void *data);

bool session_has_scope(const struct session *session, const char *scope);
