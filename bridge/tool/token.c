/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Minting of tokens and server keys. Only the SHA-256 of a server key (of its whole text, tsk_
 * included) reaches the database, so the printed line is the only copy. */
#include "config.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/account/mint.h"
#include "bridge/account/secret.h"
#include "bridge/base/text.h"
#include "bridge/base/words.h"
#include "bridge/tool/admin_sql.h"
#include "bridge/tool/token.h"

#define NAME_MAX_BYTES 255
#define ALL_SCOPES "users,send,tickets"

static const char *const known_scopes[] = WORDS_ARRAY(KEY_SCOPES);

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
        return "--scopes knows " WORDS_COMMAS(KEY_SCOPES) "; separated by commas";
    const char *names[] = {request->sub, request->username, request->name, request->server_key,
                           request->revoke};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i] && !is_name(names[i]))
            return "ids and names must have 1 to 255 bytes of UTF-8 without control characters";
    }
    return NULL;
}

static int create_key(const struct options *options, const struct token_request *request)
{
    guint8 hash[SHA256_DIGEST_LENGTH];
    char *key = server_key_new();
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
    const struct mint_claims claims = {request->sub, request->username, request->name,
                                       request->ttl};
    g_autofree char *token = token_mint(options, &claims, &problem);
    if (token)
        printf("%s\n", token);
    else
        fprintf(stderr, "trestle: %s\n", problem);
    return token ? EXIT_SUCCESS : EXIT_FAILURE;
}
