/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loading of verification keys. Keys are checked here, once, so that verification only ever sees a
 * key that fits the one configured algorithm. One bad entry of a list takes no other with it. */
#include "config.h"

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <string.h>

#include "bridge/account/secret.h"
#include "bridge/account/token_key.h"
#include "bridge/base/base64url.h"
#include "bridge/base/error.h"
#include "bridge/base/options.h"

#define SECRET_MIN 32 /* bytes; RFC 7518 section 3.2 */
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define JWKS_BYTES_MAX 262144
#define KEYS_MAX 64
#define KEYS_PER_ID_MAX 4 /* each is tried with a token that names it */
#define NAMED_MAX 64      /* characters of a kid in a note */
#define NOTES_TOLD 8      /* in an error; all are logged where some key is good */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OSSL_PARAM, OSSL_PARAM_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIGNUM, BN_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

const char *token_algorithm_name(enum token_algorithm algorithm)
{
    static const char *const names[TOKEN_ALGORITHM_MAX] = {"HS256", "RS256", "ES256"};
    return names[algorithm];
}

static void key_clear(gpointer data)
{
    struct token_key *key = data;
    if (key->bytes)
        OPENSSL_cleanse(key->bytes, (size_t)key->length);
    g_free(key->bytes);
    g_free(key->id);
}

static void note_clear(gpointer data)
{
    g_free(((struct token_key_note *)data)->text);
}

static struct token_keys *keys_new(enum token_algorithm algorithm)
{
    struct token_keys *keys = g_new(struct token_keys, 1);
    *keys = (struct token_keys){.algorithm = algorithm,
                                .keys = g_array_new(FALSE, TRUE, sizeof(struct token_key)),
                                .notes = g_array_new(FALSE, TRUE, sizeof(struct token_key_note))};
    g_array_set_clear_func(keys->keys, key_clear);
    g_array_set_clear_func(keys->notes, note_clear);
    return keys;
}

void token_keys_free(struct token_keys *keys)
{
    if (!keys)
        return;
    g_array_unref(keys->keys);
    g_array_unref(keys->notes);
    g_free(keys);
}

static bool option_refuse(GError **error, const char *message)
{
    g_set_error_literal(error, TRESTLE_ERROR_DOMAIN, ERROR_INTERNAL, message);
    return false;
}

/* Where a key stands, for a note. */
struct place {
    const char *list; /* "key_file" or "jwks_file" */
    unsigned number;  /* of the key in it, from 1 */
    const char *id;   /* kid, or NULL */
};

static void leave_out(struct token_keys *keys, const struct place *place, bool is_fault,
                      const char *why)
{
    g_autofree char *id =
        place->id ? g_utf8_substring(place->id, 0, MIN(g_utf8_strlen(place->id, -1), NAMED_MAX))
                  : NULL;
    struct token_key_note note = {.text = g_strdup_printf("%s: key %u%s%s%s %s", place->list,
                                                          place->number, id ? " (kid '" : "",
                                                          id ? id : "", id ? "')" : "", why),
                                  .is_fault = is_fault};
    g_array_append_val(keys->notes, note);
    ERR_clear_error();
}

/* Why KEY cannot be used with ALGORITHM, or NULL. *ret_fault: it is meant for it. */
static const char *key_problem(EVP_PKEY *key, enum token_algorithm algorithm, bool *ret_fault)
{
    char group[32] = "";
    *ret_fault = false;
    if (algorithm == TOKEN_RS256) {
        int bits = EVP_PKEY_get_bits(key);
        if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
            return "is no RSA key, which RS256 needs";
        *ret_fault = true;
        return bits < RSA_BITS_MIN   ? "is shorter than 2048 bits"
               : bits > RSA_BITS_MAX ? "is longer than 8192 bits"
                                     : NULL;
    }
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
        EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1 ||
        strcmp(group, "prime256v1") != 0)
        return "is no EC key on the curve P-256, which ES256 needs";
    return NULL;
}

static char *key_to_pem(EVP_PKEY *key)
{
    g_autoptr(BIO) memory = BIO_new(BIO_s_mem());
    char *data = NULL;
    if (!memory || PEM_write_bio_PUBKEY(memory, key) != 1)
        return NULL;
    long length = BIO_get_mem_data(memory, &data);
    return g_strndup(data, (gsize)length);
}

static bool is_same_id(const char *a, const char *b)
{
    return g_strcmp0(a, b) == 0;
}

/* Takes BYTES over. */
static void add_key(struct token_keys *keys, const struct place *place, char *bytes)
{
    struct token_key key = {.id = g_strdup(place->id), .bytes = bytes};
    unsigned namesakes = 0;
    const char *why = bytes ? NULL : "cannot be written as PEM";
    for (guint i = 0; bytes && i < keys->keys->len; i++) {
        const struct token_key *other = &g_array_index(keys->keys, struct token_key, i);
        if (is_same_id(other->id, key.id) && strcmp(other->bytes, bytes) == 0)
            why = "is there twice";
        namesakes += is_same_id(other->id, key.id);
    }
    if (!why && namesakes >= KEYS_PER_ID_MAX)
        why = key.id ? "is the fifth with this kid" : "is the fifth without a kid";
    if (!why && keys->keys->len >= KEYS_MAX)
        why = "is one too many: 64 are kept";
    if (why) {
        leave_out(keys, place, true, why);
        key_clear(&key);
        return;
    }
    key.length = (int)strlen(bytes);
    struct uuid digest = secret_digest(bytes);
    memcpy(&key.mark, digest.bytes, sizeof key.mark);
    key.mark = MAX(key.mark, 1);
    g_array_append_val(keys->keys, key);
}

/* Adds KEY (NULL: it could not be read, for the reason MALFORMED), or notes why not. The PEM is
 * written anew, so that exactly one key and nothing else reaches libjwt. */
static void offer_key(struct token_keys *keys, const struct place *place, EVP_PKEY *key,
                      const char *malformed)
{
    bool is_fault = true;
    const char *problem = key ? key_problem(key, keys->algorithm, &is_fault) : malformed;
    if (problem)
        leave_out(keys, place, is_fault, problem);
    else
        add_key(keys, place, key_to_pem(key));
}

/* A file may hold several, one behind the other: the old and the new one of a rotation. */
static void add_pems(struct token_keys *keys, const char *pem)
{
    g_autoptr(BIO) memory = BIO_new_mem_buf(pem, -1);
    struct place place = {"key_file", 0, NULL};
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long length = 0;
    while (memory && PEM_read_bio(memory, &name, &header, &der, &length) == 1) {
        const unsigned char *p = der;
        bool is_public = strcmp(name, PEM_STRING_PUBLIC) == 0;
        g_autoptr(EVP_PKEY) key = is_public ? d2i_PUBKEY(NULL, &p, length) : NULL;
        place.number++;
        offer_key(keys, &place, key,
                  is_public ? "is malformed"
                            : "is no public key ('openssl pkey -pubout' makes one)");
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    if (place.number == 0) {
        place.number = 1;
        leave_out(keys, &place, true, "is no PEM public key ('openssl pkey -pubout' makes one)");
    }
    ERR_clear_error();
}

/* Bytes of a base64url member of a JWK, or NULL. */
static guchar *member_bytes(json_t *jwk, const char *name, size_t *ret_length)
{
    json_t *value = json_object_get(jwk, name);
    if (!json_is_string(value))
        return NULL;
    return base64url_decode(json_string_value(value), json_string_length(value), ret_length);
}

static EVP_PKEY *key_from_parameters(const char *type, OSSL_PARAM_BLD *builder)
{
    g_autoptr(OSSL_PARAM) parameters = OSSL_PARAM_BLD_to_param(builder);
    g_autoptr(EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        return NULL;
    return key;
}

static EVP_PKEY *rsa_from_jwk(json_t *jwk)
{
    size_t n_length = 0, e_length = 0;
    g_autofree guchar *n_bytes = member_bytes(jwk, "n", &n_length);
    g_autofree guchar *e_bytes = member_bytes(jwk, "e", &e_length);
    if (!n_bytes || !e_bytes || n_length > RSA_BITS_MAX / 8 || e_length > 8)
        return NULL;
    g_autoptr(BIGNUM) n = BN_bin2bn(n_bytes, (int)n_length, NULL);
    g_autoptr(BIGNUM) e = BN_bin2bn(e_bytes, (int)e_length, NULL);
    g_autoptr(OSSL_PARAM_BLD) builder = OSSL_PARAM_BLD_new();
    if (!n || !e || !builder || !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) ||
        !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e))
        return NULL;
    return key_from_parameters("RSA", builder);
}

static EVP_PKEY *ec_from_jwk(json_t *jwk)
{
    size_t x_length = 0, y_length = 0;
    g_autofree guchar *x = member_bytes(jwk, "x", &x_length);
    g_autofree guchar *y = member_bytes(jwk, "y", &y_length);
    const char *curve = json_string_value(json_object_get(jwk, "crv"));
    if (!x || !y || x_length != 32 || y_length != 32 || g_strcmp0(curve, "P-256") != 0)
        return NULL;
    guchar point[65] = {0x04};
    memcpy(point + 1, x, 32);
    memcpy(point + 33, y, 32);
    g_autoptr(OSSL_PARAM_BLD) builder = OSSL_PARAM_BLD_new();
    if (!builder ||
        !OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) ||
        !OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
        return NULL;
    return key_from_parameters("EC", builder);
}

/* Whether NAME is absent or says VALUE. */
static bool member_permits(json_t *jwk, const char *name, const char *value)
{
    json_t *member = json_object_get(jwk, name);
    return !member || g_strcmp0(json_string_value(member), value) == 0;
}

static bool may_verify(json_t *jwk)
{
    json_t *operations = json_object_get(jwk, "key_ops"), *operation;
    size_t i;
    json_array_foreach(operations, i, operation)
    {
        if (g_strcmp0(json_string_value(operation), "verify") == 0)
            return true;
    }
    return !operations;
}

/* Why the set's publisher does not mean JWK for ALGORITHM, or NULL. */
static const char *purpose_problem(json_t *jwk, enum token_algorithm algorithm)
{
    const char *type = json_string_value(json_object_get(jwk, "kty"));
    const char *curve = json_string_value(json_object_get(jwk, "crv"));
    if (g_strcmp0(type, algorithm == TOKEN_RS256 ? "RSA" : "EC") != 0)
        return algorithm == TOKEN_RS256 ? "is no RSA key, which RS256 needs"
                                        : "is no EC key, which ES256 needs";
    if (!member_permits(jwk, "alg", token_algorithm_name(algorithm)))
        return "is for another algorithm (alg)";
    if (!member_permits(jwk, "use", "sig") || !may_verify(jwk))
        return "is not for signatures (use, key_ops)";
    if (algorithm == TOKEN_ES256 && curve && strcmp(curve, "P-256") != 0)
        return "is on another curve than P-256, which ES256 needs";
    return NULL;
}

static void add_jwk(struct token_keys *keys, unsigned number, json_t *jwk)
{
    json_t *id = json_object_get(jwk, "kid");
    const struct place place = {"jwks_file", number, json_string_value(id)};
    const char *purpose = purpose_problem(jwk, keys->algorithm);
    if (!json_is_object(jwk)) {
        leave_out(keys, &place, true, "is no object");
    } else if (id && !json_is_string(id)) {
        leave_out(keys, &place, true, "has a kid that is no text");
    } else if (purpose) {
        leave_out(keys, &place, false, purpose);
    } else {
        g_autoptr(EVP_PKEY) key =
            keys->algorithm == TOKEN_RS256 ? rsa_from_jwk(jwk) : ec_from_jwk(jwk);
        offer_key(keys, &place, key,
                  keys->algorithm == TOKEN_RS256 ? "is malformed (n, e)"
                                                 : "is malformed, or no point of the curve (x, y)");
    }
}

static bool add_jwks(struct token_keys *keys, const char *path, GError **error)
{
    mode_t mode;
    g_autofree char *text = options_read_file(path, JWKS_BYTES_MAX, &mode, error);
    if (!text) {
        g_prefix_error(error, "[auth] jwks_file: ");
        return false;
    }
    json_error_t problem;
    g_autoptr(json_t) set = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
    if (!set) {
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_INTERNAL,
                    "[auth] jwks_file: is not JSON (line %d: %s)", problem.line, problem.text);
        return false;
    }
    json_t *entries = json_object_get(set, "keys"), *jwk;
    if (!json_is_array(entries))
        return option_refuse(error,
                             "[auth] jwks_file: is no JSON Web Key Set: it has no list \"keys\"");
    size_t i;
    json_array_foreach(entries, i, jwk) add_jwk(keys, (unsigned)i + 1, jwk);
    return true;
}

static bool parse_algorithm(const char *name, enum token_algorithm *ret_algorithm)
{
    for (enum token_algorithm i = 0; i < TOKEN_ALGORITHM_MAX; i++) {
        if (g_strcmp0(name, token_algorithm_name(i)) == 0) {
            *ret_algorithm = i;
            return true;
        }
    }
    return false;
}

static bool is_given(const char *value)
{
    return value && *value;
}

static bool add_secret(struct token_keys *keys, const char *secret, GError **error)
{
    const struct place place = {"key", 1, NULL};
    if (strlen(secret) < SECRET_MIN)
        return option_refuse(error, "[auth] key must have at least 32 bytes for HS256");
    add_key(keys, &place, g_strdup(secret));
    return true;
}

static bool add_configured(struct token_keys *keys, const struct options *options, GError **error)
{
    bool is_secret = keys->algorithm == TOKEN_HS256, has_set = is_given(options->auth_jwks_file);
    if (!is_given(options->auth_key) && !has_set)
        return option_refuse(error, "[auth] needs key, key_file or jwks_file");
    if (is_secret && has_set)
        return option_refuse(
            error, "[auth] jwks_file holds public keys: algorithm must be RS256 or ES256");
    if (is_secret)
        return add_secret(keys, options->auth_key, error);
    if (is_given(options->auth_key))
        add_pems(keys, options->auth_key);
    return !has_set || add_jwks(keys, options->auth_jwks_file, error);
}

/* All that was found, and why none of it can be used. */
static void notes_explain(const struct token_keys *keys, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < MIN(keys->notes->len, NOTES_TOLD); i++)
        g_string_append_printf(text, "%s %s", i ? ";" : ":",
                               g_array_index(keys->notes, struct token_key_note, i).text);
    if (keys->notes->len > NOTES_TOLD)
        g_string_append(text, "; and more");
    g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_INTERNAL,
                "[auth] has no key that can be used with %s%s",
                token_algorithm_name(keys->algorithm), text->str);
}

struct token_keys *token_keys_load(const struct options *options, GError **error)
{
    enum token_algorithm algorithm;
    if (!parse_algorithm(options->auth_algorithm, &algorithm)) {
        option_refuse(error, "[auth] algorithm must be HS256, RS256 or ES256");
        return NULL;
    }
    g_autoptr(token_keys) keys = keys_new(algorithm);
    if (!add_configured(keys, options, error))
        return NULL;
    if (keys->keys->len > 0)
        return g_steal_pointer(&keys);
    notes_explain(keys, error);
    return NULL;
}
