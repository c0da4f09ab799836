/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens made here, for tools, tests and administrators: applications make their own. */
#include "config.h"

#include <jwt.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/account/mint.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"

static int claims_add(jwt_t *jwt, const struct options *options, const struct mint_claims *claims)
{
    long now = (long)(clock_wall() / G_USEC_PER_SEC);
    int failed = jwt_add_grant(jwt, "sub", claims->sub);
    failed |= jwt_add_grant_int(jwt, "iat", now);
    failed |= jwt_add_grant_int(jwt, "exp", now + (long)claims->ttl);
    if (*options->auth_issuer)
        failed |= jwt_add_grant(jwt, "iss", options->auth_issuer);
    if (*options->auth_audience)
        failed |= jwt_add_grant(jwt, "aud", options->auth_audience);
    if (claims->username)
        failed |= jwt_add_grant(jwt, "username", claims->username);
    if (claims->name)
        failed |= jwt_add_grant(jwt, "name", claims->name);
    return failed;
}

char *token_mint(const struct options *options, const struct mint_claims *claims,
                 const char **ret_problem)
{
    if (strcmp(options->auth_algorithm, "HS256") != 0) {
        *ret_problem = "only HS256 tokens can be made here: for RS256 and ES256 the configured key "
                       "is the public one; whoever holds the private key makes the tokens";
        return NULL;
    }
    jwt_t *jwt = NULL;
    char *token = NULL;
    if (jwt_new(&jwt) == 0 && claims_add(jwt, options, claims) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)options->auth_key,
                    (int)strlen(options->auth_key)) == 0) {
        char *encoded = jwt_encode_str(jwt);
        token = g_strdup(encoded);
        free(encoded);
    }
    jwt_free(jwt);
    if (!token)
        *ret_problem = "the token could not be signed";
    return token;
}
