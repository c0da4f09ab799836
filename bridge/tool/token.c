/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Minting of tokens and server keys. Only the SHA-256 of a server key (of its whole text, tsk_
 * included) reaches the database, so the printed line is the only copy. */
#include "config.h"

#include <jwt.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/base64url.h"
#include "bridge/base/clock.h"
#include "bridge/base/text.h"
#include "bridge/tool/admin_sql.h"
#include "bridge/tool/token.h"

#define NAME_MAX_BYTES 255
#define KEY_PREFIX "tsk_"
#define KEY_BYTES 32
#define ALL_SCOPES "users,send,tickets"

static const char *const known_scopes[] = {"users", "send",      "tickets", "moderate",
                                           "audit", "analytics", "admin",   NULL};

static bool is_name(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= NAME_MAX_BYTES && text_is_xml_safe(text, length);
}

static bool are_scopes(const char *list)
{
    g_auto(GStrv) scopes = g_strsplit(list, ",", -1);
    for (guint i = 0; scopes[i]; i++) {
        if (!g_strv_contains(known_scopes, scopes[i]))
            return false;
    }
    return scopes[0] != NULL;
}

const char *token_problem(const struct token_request *request)
{
    int asked = (request->sub != NULL) + (request->server_key != NULL) + (request->revoke != NULL);
    if (asked != 1)
        return "'token' needs one of --sub, --server-key and --revoke";
    if (!request->sub && (request->username || request->name))
        return "--username and --name go with --sub";
    if (!request->server_key && request->scopes)
        return "--scopes goes with --server-key";
    if (request->scopes && !are_scopes(request->scopes))
        return "--scopes knows users, send, tickets, moderate, audit, analytics and admin, "
               "separated by commas";
    const char *names[] = {request->sub, request->username, request->name, request->server_key,
                           request->revoke};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i] && !is_name(names[i]))
            return "ids and names must have 1 to 255 bytes of UTF-8 without control characters";
    }
    return NULL;
}

static int add_claims(jwt_t *jwt, const struct options *options,
                      const struct token_request *request)
{
    long now = (long)(clock_wall() / G_USEC_PER_SEC);
    int failed = jwt_add_grant(jwt, "sub", request->sub);
    failed |= jwt_add_grant_int(jwt, "iat", now);
    failed |= jwt_add_grant_int(jwt, "exp", now + (long)request->ttl);
    if (*options->auth_issuer)
        failed |= jwt_add_grant(jwt, "iss", options->auth_issuer);
    if (*options->auth_audience)
        failed |= jwt_add_grant(jwt, "aud", options->auth_audience);
    if (request->username)
        failed |= jwt_add_grant(jwt, "username", request->username);
    if (request->name)
        failed |= jwt_add_grant(jwt, "name", request->name);
    return failed;
}

char *token_mint(const struct options *options, const struct token_request *request,
                 const char **ret_problem)
{
    if (strcmp(options->auth_algorithm, "HS256") != 0) {
        *ret_problem = "only HS256 tokens can be made here: for RS256 and ES256 the configured key "
                       "is the public one; whoever holds the private key makes the tokens";
        return NULL;
    }
    jwt_t *jwt = NULL;
    char *token = NULL;
    if (jwt_new(&jwt) == 0 && add_claims(jwt, options, request) == 0 &&
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

/* tsk_ and 32 random bytes in base64url without padding; caller frees. */
static char *make_key(void)
{
    guint8 random[KEY_BYTES];
    if (RAND_bytes(random, sizeof random) != 1)
        return NULL;
    g_autofree char *base64 = base64url_encode(random, sizeof random);
    explicit_bzero(random, sizeof random);
    char *key = g_strconcat(KEY_PREFIX, base64, NULL);
    explicit_bzero(base64, strlen(base64));
    return key;
}

static int create_key(const struct options *options, const struct token_request *request)
{
    guint8 hash[SHA256_DIGEST_LENGTH];
    char *key = make_key();
    if (!key) {
        fputs("trestle: no randomness from the system\n", stderr);
        return EXIT_FAILURE;
    }
    SHA256((const unsigned char *)key, strlen(key), hash);
    const char *scopes = request->scopes ? request->scopes : ALL_SCOPES;
    g_autofree char *problem = admin_sql_create_key(options, request->server_key, hash, scopes);
    if (problem)
        fprintf(stderr, "trestle: server key %s: %s\n", request->server_key, problem);
    else
        printf("%s\n", key);
    explicit_bzero(key, strlen(key));
    g_free(key);
    return problem ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int revoke_key(const struct options *options, const struct token_request *request)
{
    g_autofree char *problem = admin_sql_revoke_key(options, request->revoke);
    if (problem)
        fprintf(stderr, "trestle: server key %s: %s\n", request->revoke, problem);
    return problem ? EXIT_FAILURE : EXIT_SUCCESS;
}

int token_run(const struct options *options, const struct token_request *request)
{
    if (request->server_key)
        return create_key(options, request);
    if (request->revoke)
        return revoke_key(options, request);
    const char *problem = NULL;
    g_autofree char *token = token_mint(options, request, &problem);
    if (token)
        printf("%s\n", token);
    else
        fprintf(stderr, "trestle: %s\n", problem);
    return token ? EXIT_SUCCESS : EXIT_FAILURE;
}
