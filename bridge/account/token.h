/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON Web Tokens (RFC 7519), verified with one fixed algorithm per configured key. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"

struct options;

struct token_verifier;
typedef struct token_verifier token_verifier;

/* Loads the key(s) that OPTIONS name (auth_algorithm, auth_key, auth_jwks_file…). Keys that cannot
 * be used are left out, as long as one can. */
struct token_verifier *token_verifier_new(const struct options *options, GError **error);
void token_verifier_free(struct token_verifier *verifier);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(token_verifier, token_verifier_free)

unsigned token_verifier_key_count(const struct token_verifier *verifier);
bool token_verifier_has_key(const struct token_verifier *verifier,
                            guint32 mark); /* see token_claims */

/* Which key was left out, and why: NUMBER from 0, NULL behind the last one. *ret_fault: there is
 * something wrong with it, else it is for other purposes. Borrowed. */
const char *token_verifier_note(const struct token_verifier *verifier, unsigned number,
                                bool *ret_fault);

#define TOKEN_MAX 8192 /* bytes; a longer token is refused unread */

struct token_claims {
    char *subject;  /* never NULL or empty, at most 255 bytes, XML-safe UTF-8 */
    char *username; /* NULL when absent or not usable */
    char *name;
    char *picture;
    char *account;  /* what bound_login_claim says; NULL when it is absent or not usable */
    gint64 issued;  /* iat, at most now; wall clock, microseconds; 0: it does not say, or says what
                       cannot be */
    gint64 expires; /* the same, leeway included; at most CLOCK_WALL_MAX */
    guint32 key;    /* mark of the key that has signed it */
    const char *remark; /* static text: what is odd about an accepted token; or NULL */
    /* Of what is signed: whoever has a token can give it another good signature (ECDSA), and that
     * must not make it another token, or a revoked one would live on. */
    struct uuid digest;
};
void token_claims_clear(struct token_claims *claims);

/* True and *ret_claims (caller clears) if TOKEN is valid at clock_wall(). Otherwise false and
 * *ret_reason, static text that tells the caller of the API nothing but the kind of fault. */
bool token_verify(const struct token_verifier *verifier, const char *token,
                  struct token_claims *ret_claims, const char **ret_reason);
