/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `trestle token`: tokens for app users and keys for app servers. */
#pragma once

#include <glib.h>

#include "bridge/base/options.h"

#define TOKEN_TTL_MAX (10 * 366 * 86400)
#define TOKEN_REQUEST_INIT                                                                         \
    {                                                                                              \
        .ttl = 3600                                                                                \
    }

/* Exactly one of sub, server_key and revoke is asked for; the others are NULL. */
struct token_request {
    const char *sub;
    const char *username;
    const char *name;
    gint64 ttl; /* seconds */
    const char *server_key;
    const char *scopes; /* NULL: all */
    const char *revoke;
};

/* What is wrong with the request as such, or NULL. */
const char *token_problem(const struct token_request *request);
/* Does it; prints the token or key on stdout and complaints on stderr. Returns the exit status. */
int token_run(const struct options *options, const struct token_request *request);
