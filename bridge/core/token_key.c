/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loading of verification keys. Keys are checked here, once, so that verification only ever sees a
 * key that fits the one configured algorithm. */
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

#include "bridge/base/error.h"
#include "bridge/base/options.h"
#include "bridge/core/base64url.h"
#include "bridge/core/token_key.h"

#define SECRET_MIN 32 /* bytes; RFC 7518 section 3.2 */
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define JWKS_BYTES_MAX 262144
#define JWKS_KEYS_MAX 64

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

static GArray *keys_new(void)
{
    GArray *keys = g_array_new(FALSE, TRUE, sizeof(struct token_key));
    g_array_set_clear_func(keys, key_clear);
    return keys;
}

static bool refuse(GError **error, const char *message)
{
    g_set_error_literal(error, TRESTLE_ERROR_DOMAIN, ERROR_INTERNAL, message);
    ERR_clear_error();
    return false;
}

static bool key_fits(EVP_PKEY *key, enum token_algorithm algorithm, GError **error)
{
    if (algorithm == TOKEN_RS256) {
        int bits = EVP_PKEY_get_bits(key);
        if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
            return refuse(error, "RS256 needs an RSA public key of 2048 to 8192 bits");
        return true;
    }
    char group[32] = "";
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
        EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1 ||
        strcmp(group, "prime256v1") != 0)
        return refuse(error, "ES256 needs an EC public key on the curve P-256");
    return true;
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

static bool add_key(GArray *keys, const char *id, char *bytes)
{
    if (!bytes)
        return false;
    struct token_key key = {g_strdup(id), bytes, (int)strlen(bytes)};
    g_array_append_val(keys, key);
    return true;
}

/* The configured PEM, written anew so that exactly one key and nothing else reaches libjwt. */
static bool add_pem(GArray *keys, const char *pem, enum token_algorithm algorithm, GError **error)
{
    g_autoptr(BIO) memory = BIO_new_mem_buf(pem, -1);
    g_autoptr(EVP_PKEY) key = PEM_read_bio_PUBKEY(memory, NULL, NULL, NULL);
    if (!key)
        return refuse(error, "[auth] key_file holds no PEM public key");
    return key_fits(key, algorithm, error) && add_key(keys, NULL, key_to_pem(key));
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

static bool usable(json_t *jwk, enum token_algorithm algorithm)
{
    const char *type = json_string_value(json_object_get(jwk, "kty"));
    return g_strcmp0(type, algorithm == TOKEN_RS256 ? "RSA" : "EC") == 0 &&
           member_permits(jwk, "use", "sig") &&
           member_permits(jwk, "alg", token_algorithm_name(algorithm));
}

static bool id_is_new(GArray *keys, const char *id)
{
    for (guint i = 0; i < keys->len; i++) {
        if (g_strcmp0(g_array_index(keys, struct token_key, i).id, id) == 0)
            return false;
    }
    return true;
}

GArray *token_keys_from_jwks(const char *text, size_t length, enum token_algorithm algorithm,
                             GError **error)
{
    g_autoptr(json_t) set = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    json_t *entries = json_object_get(set, "keys");
    if (!json_is_array(entries) || json_array_size(entries) > JWKS_KEYS_MAX) {
        refuse(error, "[auth] jwks_file is not a JSON Web Key Set of at most 64 keys");
        return NULL;
    }
    g_autoptr(GArray) keys = keys_new();
    size_t i;
    json_t *jwk;
    json_array_foreach(entries, i, jwk)
    {
        const char *id = json_string_value(json_object_get(jwk, "kid"));
        if (!usable(jwk, algorithm))
            continue;
        g_autoptr(EVP_PKEY) key = algorithm == TOKEN_RS256 ? rsa_from_jwk(jwk) : ec_from_jwk(jwk);
        if (!key || !id_is_new(keys, id)) {
            refuse(error, "[auth] jwks_file has a malformed key, or two keys with one kid");
            return NULL;
        }
        if (!key_fits(key, algorithm, error) || !add_key(keys, id, key_to_pem(key)))
            return NULL;
    }
    if (keys->len == 0) {
        refuse(error, "[auth] jwks_file has no key for the configured algorithm");
        return NULL;
    }
    return g_steal_pointer(&keys);
}

static GArray *load_jwks(const char *path, enum token_algorithm algorithm, GError **error)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    if (!g_file_get_contents(path, &text, &length, error))
        return NULL;
    if (length > JWKS_BYTES_MAX) {
        refuse(error, "[auth] jwks_file is too large");
        return NULL;
    }
    return token_keys_from_jwks(text, length, algorithm, error);
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

static bool add_configured(GArray *keys, const struct options *options,
                           enum token_algorithm algorithm, GError **error)
{
    if (!options->auth_key || !options->auth_key[0])
        return refuse(error, "[auth] needs key, key_file or jwks_file");
    if (algorithm != TOKEN_HS256)
        return add_pem(keys, options->auth_key, algorithm, error);
    if (strlen(options->auth_key) < SECRET_MIN)
        return refuse(error, "[auth] key must have at least 32 bytes for HS256");
    return add_key(keys, NULL, g_strdup(options->auth_key));
}

GArray *token_keys_load(const struct options *options, enum token_algorithm *ret_algorithm,
                        GError **error)
{
    if (!parse_algorithm(options->auth_algorithm, ret_algorithm)) {
        refuse(error, "[auth] algorithm must be HS256, RS256 or ES256");
        return NULL;
    }
    if (options->auth_jwks_file && options->auth_jwks_file[0]) {
        if (*ret_algorithm == TOKEN_HS256) {
            refuse(error, "[auth] jwks_file holds public keys: algorithm must be RS256 or ES256");
            return NULL;
        }
        return load_jwks(options->auth_jwks_file, *ret_algorithm, error);
    }
    g_autoptr(GArray) keys = keys_new();
    return add_configured(keys, options, *ret_algorithm, error) ? g_steal_pointer(&keys) : NULL;
}
