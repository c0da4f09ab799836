/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making of tokens, where the key of the configuration can sign. */
#pragma once

#include <glib.h>

struct options;

struct mint_claims {
    const char *sub;      /* the app's own id of the user */
    const char *username; /* these may be NULL */
    const char *name;
    gint64 ttl; /* seconds */
};

/* A signed HS256 token, or NULL and *ret_problem (static text); caller frees with g_free. */
char *token_mint(const struct options *options, const struct mint_claims *claims,
                 const char **ret_problem);
