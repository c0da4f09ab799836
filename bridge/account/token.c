/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Token verification. The libraries only ever decide whether a signature is right (OpenSSL that of
 * a shared secret, libjwt the others), and only after this file has read the header and found
 * exactly the configured algorithm; everything a token says is read here, from the very bytes that
 * were signed. */
#include "config.h"

#include <jansson.h>
#include <jwt.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#include "bridge/account/secret.h"
#include "bridge/account/token.h"
#include "bridge/account/token_key.h"
#include "bridge/base/base64url.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/base/text.h"
#include "xep/jid.h"

#define SUBJECT_MAX 255
#define PICTURE_MAX 2048
#define SECONDS_MAX (CLOCK_WALL_MAX / G_USEC_PER_SEC)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

struct token_verifier {
    struct token_keys *keys;
    GPtrArray *macs;         /* EVP_MAC_CTX * with the secret of each key, else empty */
    char *issuer, *audience; /* NULL: not checked */
    char *account;           /* claim that names an account of another server; NULL: none does */
    gint64 leeway;           /* seconds */
};

/* The three segments of a token, decoded. */
struct segments {
    const char *text; /* the token; its first SIGNED_LENGTH bytes are what is signed */
    size_t signed_length;
    json_t *header, *payload;
    guchar *signature;
    size_t signature_length;
};

static void segments_clear(struct segments *parts)
{
    json_decref(parts->header);
    json_decref(parts->payload);
    g_free(parts->signature);
}
typedef struct segments segments;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(segments, segments_clear)

static char *copy_unless_empty(const char *text)
{
    return text && text[0] ? g_strdup(text) : NULL;
}

static void mac_free(gpointer data)
{
    EVP_MAC_CTX_free(data);
}

/* Made once for each secret: what a MAC takes to be set up is more than a token takes. */
static GPtrArray *macs_new(const struct token_keys *keys)
{
    GPtrArray *macs = g_ptr_array_new_with_free_func(mac_free);
    char sha256[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    for (guint i = 0; keys->algorithm == TOKEN_HS256 && i < keys->keys->len; i++) {
        const struct token_key *key = &g_array_index(keys->keys, struct token_key, i);
        EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
        if (!mac || !EVP_MAC_init(mac, (const guchar *)key->bytes, (size_t)key->length, parameters))
            g_error("no HMAC-SHA256 in OpenSSL");
        g_ptr_array_add(macs, mac);
    }
    EVP_MAC_free(hmac);
    return macs;
}

struct token_verifier *token_verifier_new(const struct options *options, GError **error)
{
    struct token_keys *keys = token_keys_load(options, error);
    if (!keys)
        return NULL;
    struct token_verifier *verifier = g_new0(struct token_verifier, 1);
    verifier->keys = keys;
    verifier->macs = macs_new(keys);
    verifier->issuer = copy_unless_empty(options->auth_issuer);
    verifier->audience = copy_unless_empty(options->auth_audience);
    verifier->account = copy_unless_empty(options->bound_login_claim);
    verifier->leeway = options->auth_leeway;
    return verifier;
}

void token_verifier_free(struct token_verifier *verifier)
{
    if (!verifier)
        return;
    g_ptr_array_unref(verifier->macs);
    token_keys_free(verifier->keys);
    g_free(verifier->issuer);
    g_free(verifier->audience);
    g_free(verifier->account);
    g_free(verifier);
}

static const struct token_key *key_at(const struct token_verifier *verifier, guint i)
{
    return &g_array_index(verifier->keys->keys, struct token_key, i);
}

static guint key_count(const struct token_verifier *verifier)
{
    return verifier->keys->keys->len;
}

const char *token_verifier_note(const struct token_verifier *verifier, unsigned number,
                                bool *ret_fault)
{
    if (number >= verifier->keys->notes->len)
        return NULL;
    const struct token_key_note *note =
        &g_array_index(verifier->keys->notes, struct token_key_note, number);
    *ret_fault = note->is_fault;
    return note->text;
}

unsigned token_verifier_key_count(const struct token_verifier *verifier)
{
    return key_count(verifier);
}

bool token_verifier_has_key(const struct token_verifier *verifier, guint32 mark)
{
    for (guint i = 0; i < key_count(verifier); i++) {
        if (key_at(verifier, i)->mark == mark)
            return true;
    }
    return false;
}

void token_claims_clear(struct token_claims *claims)
{
    g_free(claims->subject);
    g_free(claims->username);
    g_free(claims->name);
    g_free(claims->picture);
    g_free(claims->account);
    *claims = (struct token_claims){0};
}

static json_t *decode_object(const char *text, size_t length)
{
    size_t size = 0;
    g_autofree guchar *bytes = base64url_decode(text, length, &size);
    if (!bytes)
        return NULL;
    /* NUL is not allowed for: a claim that has one is not a claim. */
    json_t *json = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

static bool segments_split(const char *token, struct segments *parts)
{
    const char *first = strchr(token, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;
    if (!second || strchr(second + 1, '.'))
        return false;
    parts->text = token;
    parts->signed_length = (size_t)(second - token);
    parts->header = decode_object(token, (size_t)(first - token));
    parts->payload = decode_object(first + 1, (size_t)(second - first - 1));
    parts->signature = base64url_decode(second + 1, strlen(second + 1), &parts->signature_length);
    return parts->header && parts->payload && parts->signature;
}

static bool has_id(const struct token_verifier *verifier, const char *id)
{
    for (guint i = 0; i < key_count(verifier); i++) {
        if (g_strcmp0(key_at(verifier, i)->id, id) == 0)
            return true;
    }
    return false;
}

/* Whether the key is one that a token with this kid (NULL: none) asks for: the one of that name, of
 * a name that the set does not have one without, or the only one that there is. Of one name there
 * are few (KEYS_PER_ID_MAX). */
static bool is_candidate(const struct token_verifier *verifier, const struct token_key *key,
                         const char *id)
{
    if (key_count(verifier) == 1 && !id)
        return true;
    return g_strcmp0(key->id, id && has_id(verifier, id) ? id : NULL) == 0;
}

/* Not by libjwt 1.10, which compares signatures with strcmp. */
static bool hmac_matches(EVP_MAC_CTX *mac, const struct segments *parts)
{
    guchar digest[EVP_MAX_MD_SIZE];
    size_t length = 0;
    return EVP_MAC_init(mac, NULL, 0, NULL) && /* once more with the same secret */
           EVP_MAC_update(mac, (const guchar *)parts->text, parts->signed_length) &&
           EVP_MAC_final(mac, digest, &length, sizeof digest) &&
           length == parts->signature_length &&
           CRYPTO_memcmp(digest, parts->signature, length) == 0;
}

/* libjwt 1.10 reads past the end of an empty signature. */
static bool length_is_possible(enum token_algorithm algorithm, size_t length)
{
    switch (algorithm) {
    case TOKEN_RS256:
        return length >= 256 && length <= 1024;
    case TOKEN_ES256:
        return length == 64;
    case TOKEN_HS256:
        return length == 32;
    case TOKEN_ALGORITHM_MAX:
    default:
        return false;
    }
}

static bool key_is_right(const struct token_verifier *verifier, guint number,
                         const struct segments *parts)
{
    if (verifier->keys->algorithm == TOKEN_HS256)
        return hmac_matches(verifier->macs->pdata[number], parts);
    const struct token_key *key = key_at(verifier, number);
    jwt_t *jwt = NULL;
    int failed = jwt_decode(&jwt, parts->text, (const guchar *)key->bytes, key->length);
    jwt_free(jwt);
    ERR_clear_error();
    return failed == 0;
}

/* The key by which the token is signed, or NULL. */
static const struct token_key *signing_key(const struct token_verifier *verifier,
                                           const struct segments *parts)
{
    json_t *algorithm = json_object_get(parts->header, "alg");
    json_t *id = json_object_get(parts->header, "kid");
    if (g_strcmp0(json_string_value(algorithm), token_algorithm_name(verifier->keys->algorithm)) !=
            0 ||
        json_object_get(parts->header, "crit") || (id && !json_is_string(id)) ||
        !length_is_possible(verifier->keys->algorithm, parts->signature_length))
        return NULL;
    for (guint i = 0; i < key_count(verifier); i++) {
        const struct token_key *key = key_at(verifier, i);
        if (is_candidate(verifier, key, json_string_value(id)) && key_is_right(verifier, i, parts))
            return key;
    }
    return NULL;
}

/* False if NAME is there and not a number of seconds. */
static bool read_seconds(json_t *payload, const char *name, gint64 fallback, gint64 *ret_seconds)
{
    json_t *value = json_object_get(payload, name);
    *ret_seconds = fallback;
    if (!value)
        return true;
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !(seconds >= 0))
        return false;
    *ret_seconds = seconds > (double)SECONDS_MAX ? SECONDS_MAX : (gint64)seconds;
    return true;
}

/* A sign-out ends what was issued before it. A token that does not say when that was, or says what
 * cannot be, counts as older than any sign-out: were its time believed, it would outlive them. */
static gint64 issued_at(const struct token_verifier *verifier, json_t *payload,
                        const char **ret_remark)
{
    gint64 issued, now = clock_wall();
    bool readable = read_seconds(payload, "iat", 0, &issued);
    if (readable && issued - verifier->leeway <= now / G_USEC_PER_SEC)
        return MIN(issued * G_USEC_PER_SEC, now);
    *ret_remark = readable ? "iat lies in the future; it must be in seconds since 1970"
                           : "iat is no number of seconds since 1970";
    return 0;
}

static const char *check_times(const struct token_verifier *verifier, json_t *payload,
                               gint64 *ret_expires)
{
    gint64 expires, begins, now = clock_wall() / G_USEC_PER_SEC;
    if (!read_seconds(payload, "exp", -1, &expires) || expires < 0 ||
        !read_seconds(payload, "nbf", 0, &begins))
        return "the token has no usable exp or nbf";
    if (expires + verifier->leeway <= now)
        return "the token has expired";
    if (begins - verifier->leeway > now)
        return "the token is not valid yet";
    *ret_expires = clock_clamp((expires + verifier->leeway) * G_USEC_PER_SEC);
    return NULL;
}

static bool audience_matches(json_t *claim, const char *audience)
{
    if (json_is_string(claim))
        return strcmp(json_string_value(claim), audience) == 0;
    size_t i;
    json_t *entry;
    json_array_foreach(claim, i, entry)
    {
        if (g_strcmp0(json_string_value(entry), audience) == 0)
            return true;
    }
    return false;
}

/* The claim's text, or NULL when it is absent, empty, too long or not fit for XML. */
static const char *usable_text(json_t *payload, const char *name, size_t maximum)
{
    json_t *value = json_object_get(payload, name);
    size_t length = json_string_length(value);
    const char *text = json_string_value(value);
    return length > 0 && length <= maximum && text_is_xml_safe(text, length) ? text : NULL;
}

/* An address that its issuer has not verified is one that anybody may have typed (OpenID Connect
 * Core 1.0, 5.1). */
static const char *account_text(const struct token_verifier *verifier, json_t *payload)
{
    json_t *verified = json_object_get(payload, "email_verified");
    if (!verifier->account ||
        (strcmp(verifier->account, "email") == 0 && verified && !json_is_true(verified)))
        return NULL;
    return usable_text(payload, verifier->account, JID_MAX);
}

static const char *check_claims(const struct token_verifier *verifier, json_t *payload,
                                gint64 *ret_expires)
{
    const char *reason = check_times(verifier, payload, ret_expires);
    if (reason)
        return reason;
    if (verifier->issuer &&
        g_strcmp0(json_string_value(json_object_get(payload, "iss")), verifier->issuer) != 0)
        return "the token has another issuer";
    if (verifier->audience &&
        !audience_matches(json_object_get(payload, "aud"), verifier->audience))
        return "the token is for another audience";
    if (!usable_text(payload, "sub", SUBJECT_MAX))
        return "the token has no usable sub";
    return NULL;
}

static bool token_refuse(const char *reason, const char **ret_reason)
{
    *ret_reason = reason;
    return false;
}

bool token_verify(const struct token_verifier *verifier, const char *token,
                  struct token_claims *ret_claims, const char **ret_reason)
{
    if (strnlen(token, TOKEN_MAX + 1) > TOKEN_MAX)
        return token_refuse("the token is too long", ret_reason);
    g_auto(segments) parts = {0};
    if (!segments_split(token, &parts))
        return token_refuse("the token is malformed", ret_reason);
    const struct token_key *key = signing_key(verifier, &parts);
    if (!key)
        return token_refuse("the token's signature cannot be accepted", ret_reason);
    gint64 expires = 0;
    const char *reason = check_claims(verifier, parts.payload, &expires);
    if (reason)
        return token_refuse(reason, ret_reason);
    const char *remark = NULL;
    *ret_claims = (struct token_claims){
        .subject = g_strdup(usable_text(parts.payload, "sub", SUBJECT_MAX)),
        .username = g_strdup(usable_text(parts.payload, "username", TOKEN_MAX)),
        .name = g_strdup(usable_text(parts.payload, "name", TOKEN_MAX)),
        .picture = g_strdup(usable_text(parts.payload, "picture", PICTURE_MAX)),
        .account = g_strdup(account_text(verifier, parts.payload)),
        .issued = issued_at(verifier, parts.payload, &remark),
        .expires = expires,
        .key = key->mark,
        .digest = secret_digest_bytes(parts.text, parts.signed_length),
    };
    ret_claims->remark = remark;
    return true;
}
