/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys that tokens are verified with: a shared secret, a PEM public key, or a JSON Web Key Set.
 * Only token.c uses this. */
#pragma once

#include <glib.h>

struct options;

enum token_algorithm { TOKEN_HS256, TOKEN_RS256, TOKEN_ES256, TOKEN_ALGORITHM_MAX };

struct token_key {
    char *id;    /* kid; NULL for the one configured key */
    char *bytes; /* the secret, or a PEM public key; NUL-terminated */
    int length;
};

/* "HS256" and so on; exactly what the header of a token must say. */
const char *token_algorithm_name(enum token_algorithm algorithm);

/* The keys of OPTIONS, struct token_key, freed with their array. NULL and *error if an option is
 * missing or contradicts another, or if a key does not fit the algorithm or is too weak (secret
 * under 32 bytes, RSA under 2048 bits, another curve than P-256). */
GArray *token_keys_load(const struct options *options, enum token_algorithm *ret_algorithm,
                        GError **error);

/* For tests: the keys in the text of a JWK set that fit ALGORITHM. */
GArray *token_keys_from_jwks(const char *text, size_t length, enum token_algorithm algorithm,
                             GError **error);
