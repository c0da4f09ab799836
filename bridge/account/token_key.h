/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys that tokens are verified with: a shared secret, PEM public keys, a JSON Web Key Set (RFC
 * 7517). The one reader of them, for the daemon, for doctor and for check-config. Only token.c uses
 * this. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct options;

enum token_algorithm { TOKEN_HS256, TOKEN_RS256, TOKEN_ES256, TOKEN_ALGORITHM_MAX };

struct token_key {
    char *id;    /* kid; NULL: it has none */
    char *bytes; /* the secret, or a PEM public key; NUL-terminated */
    int length;
    guint32 mark; /* follows from the bytes; never 0 */
};

/* A key that was left out. */
struct token_key_note {
    char *text;    /* which one, and why */
    bool is_fault; /* else it is just not meant for the configured algorithm */
};

struct token_keys {
    enum token_algorithm algorithm;
    GArray *keys;  /* struct token_key, at least one */
    GArray *notes; /* struct token_key_note */
};
typedef struct token_keys token_keys;

/* "HS256" and so on; exactly what the header of a token must say. */
const char *token_algorithm_name(enum token_algorithm algorithm);

/* The keys of OPTIONS that fit the algorithm; the caller frees them. A key that does not fit, or is
 * malformed or too weak (secret under 32 bytes, RSA under 2048 bits, another curve than P-256), is
 * left out and noted (RFC 7517 section 5). NULL and *error, which has the notes, if none is left,
 * or if an option is missing or contradicts another. */
struct token_keys *token_keys_load(const struct options *options, GError **error);
void token_keys_free(struct token_keys *keys); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(token_keys, token_keys_free)
