/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens, mostly bad ones. They are made here, byte by byte, with OpenSSL, so that the library
 * under test is not its own witness. */
#include "config.h"

#include <check.h>
#include <glib/gstdio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "bridge/account/token.h"
#include "bridge/base/base64url.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "tests/unit/unit.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static char *encode(const void *bytes, size_t length)
{
    char *text = g_base64_encode(bytes, length);
    g_strdelimit(text, "+", '-');
    g_strdelimit(text, "/", '_');
    *strchrnul(text, '=') = '\0';
    return text;
}

static char *signed_part(const char *header, const char *payload)
{
    g_autofree char *first = encode(header, strlen(header));
    g_autofree char *second = encode(payload, strlen(payload));
    return g_strdup_printf("%s.%s", first, second);
}

static char *join(const char *text, const void *signature, size_t length)
{
    g_autofree char *last = encode(signature, length);
    return g_strdup_printf("%s.%s", text, last);
}

static char *hmac_token(const char *header, const char *payload, const char *secret)
{
    g_autofree char *text = signed_part(header, payload);
    guchar digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (const guchar *)text, strlen(text), digest,
         &length);
    return join(text, digest, length);
}

static char *key_token(const char *header, const char *payload, EVP_PKEY *key)
{
    g_autofree char *text = signed_part(header, payload);
    guchar signature[1024];
    size_t length = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ck_assert_int_eq(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
    ck_assert_int_eq(
        EVP_DigestSign(context, signature, &length, (const guchar *)text, strlen(text)), 1);
    EVP_MD_CTX_free(context);
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
        const guchar *p = signature;
        ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)length);
        guchar raw[64];
        BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32);
        ECDSA_SIG_free(pair);
        return join(text, raw, sizeof raw);
    }
    return join(text, signature, length);
}

static char *public_pem(EVP_PKEY *key)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *data = NULL;
    PEM_write_bio_PUBKEY(memory, key);
    long length = BIO_get_mem_data(memory, &data);
    char *pem = g_strndup(data, (gsize)length);
    BIO_free(memory);
    return pem;
}

static struct options *settings;
static char *good; /* payload that is valid for an hour */

static void set_up(void)
{
    settings = options_new();
    g_free(settings->auth_key);
    settings->auth_key = g_strdup(SECRET);
    good = g_strdup_printf("{\"sub\":\"u1\",\"exp\":%" G_GINT64_FORMAT "}",
                           clock_wall() / G_USEC_PER_SEC + 3600);
}

static void tear_down(void)
{
    options_free(settings);
    g_free(good);
}

static bool verify(const char *token)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(token_verifier) verifier = token_verifier_new(settings, &error);
    ck_assert_msg(verifier != NULL, "%s", error ? error->message : "");
    struct token_claims claims = {0};
    const char *reason = NULL;
    bool valid = token_verify(verifier, token, &claims, &reason);
    ck_assert_int_eq(valid, reason == NULL);
    ck_assert_int_eq(valid, claims.subject != NULL);
    token_claims_clear(&claims);
    return valid;
}

static bool verify_payload(const char *payload)
{
    g_autofree char *token = hmac_token(HS256, payload, SECRET);
    return verify(token);
}

START_TEST(a_good_token_tells_its_claims)
{
    gint64 expires = clock_wall() / G_USEC_PER_SEC + 60;
    g_autofree char *payload =
        g_strdup_printf("{\"sub\":\"u1\",\"exp\":%" G_GINT64_FORMAT ",\"username\":\"ann\","
                        "\"name\":\"Ann \\u00e9\",\"picture\":5}",
                        expires);
    g_autofree char *token = hmac_token(HS256, payload, SECRET);
    g_autoptr(token_verifier) verifier = token_verifier_new(settings, NULL);
    struct token_claims claims;
    const char *reason;
    ck_assert(token_verify(verifier, token, &claims, &reason));
    ck_assert_str_eq(claims.subject, "u1");
    ck_assert_str_eq(claims.username, "ann");
    ck_assert_str_eq(claims.name, "Ann \u00e9");
    ck_assert_ptr_null(claims.picture);
    ck_assert_int_eq(claims.expires, (expires + settings->auth_leeway) * G_USEC_PER_SEC);
    token_claims_clear(&claims);
}
END_TEST

START_TEST(another_algorithm_is_refused)
{
    static const char *const headers[] = {"{\"alg\":\"none\"}",
                                          "{\"alg\":\"None\"}",
                                          "{\"alg\":\"NONE\"}",
                                          "{\"alg\":\"\"}",
                                          "{}",
                                          "{\"alg\":null}",
                                          "{\"alg\":5}",
                                          "{\"alg\":\"hs256\"}",
                                          "{\"alg\":\"HS512\"}",
                                          "{\"alg\":\"RS256\"}",
                                          "{\"alg\":\"HS256\",\"alg\":\"none\"}",
                                          "{\"alg\":\"none\",\"alg\":\"HS256\"}",
                                          "{\"alg\":\"HS256\\u0000\"}",
                                          "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
                                          "{\"alg\":\"HS256\",\"kid\":5}",
                                          "[]",
                                          "x",
                                          ""};
    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_autofree char *token = hmac_token(headers[i], good, SECRET);
        ck_assert_msg(!verify(token), "%s", headers[i]);
        g_autofree char *text = signed_part(headers[i], good);
        g_autofree char *bare = g_strconcat(text, ".", NULL);
        ck_assert_msg(!verify(bare), "%s without signature", headers[i]);
    }
}
END_TEST

START_TEST(what_a_header_points_to_is_not_followed)
{
    static const char *const headers[] = {
        "{\"alg\":\"HS256\",\"kid\":\"../../../dev/null\"}",
        "{\"alg\":\"HS256\",\"kid\":\"' OR 1=1 --\"}",
        "{\"alg\":\"HS256\",\"jku\":\"http://127.0.0.1/keys\"}",
        "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"\"}}",
        "{\"alg\":\"HS256\",\"x5u\":\"http://127.0.0.1/\"}"};
    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_autofree char *right = hmac_token(headers[i], good, SECRET);
        g_autofree char *empty = hmac_token(headers[i], good, "");
        ck_assert_msg(verify(right), "%s", headers[i]); /* ignored */
        ck_assert_msg(!verify(empty), "%s", headers[i]);
    }
}
END_TEST

START_TEST(a_signature_has_one_spelling)
{
    g_autofree char *token = hmac_token(HS256, good, SECRET);
    size_t length = strlen(token);
    ck_assert(verify(token));
    for (size_t cut = 1; cut <= 44; cut++) {
        g_autofree char *shorter = g_strndup(token, length - cut);
        ck_assert(!verify(shorter));
    }
    static const char *const tails[] = {"=", "==", "A", "AA", "AAAA", ".", ".x", " ", "\n", "%3D"};
    for (size_t i = 0; i < G_N_ELEMENTS(tails); i++) {
        g_autofree char *longer = g_strconcat(token, tails[i], NULL);
        ck_assert_msg(!verify(longer), "%s", tails[i]);
    }
    /* 43 characters carry 258 bits: the last two must be zero. */
    for (const char *c = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"; *c;
         c++) {
        g_autofree char *other = g_strdup(token);
        other[length - 1] = *c;
        ck_assert_int_eq(verify(other), *c == token[length - 1]);
    }
    g_autofree char *wrong = hmac_token(HS256, good, SECRET "x");
    ck_assert(!verify(wrong));
}
END_TEST

START_TEST(malformed_tokens_are_refused)
{
    static const char *const tokens[] = {"",
                                         ".",
                                         "..",
                                         "...",
                                         "a",
                                         "a.b",
                                         "a.b.c",
                                         "a.b.c.d",
                                         "eyJhbGciOiJIUzI1NiJ9",
                                         "eyJhbGciOiJIUzI1NiJ9..",
                                         "tsk_0123",
                                         "\xff.\xff.\xff"};
    for (size_t i = 0; i < G_N_ELEMENTS(tokens); i++)
        ck_assert_msg(!verify(tokens[i]), "%s", tokens[i]);
    g_autofree char *million = g_strnfill(1024 * 1024, 'A');
    ck_assert(!verify(million));
    million[100] = million[5000] = '.';
    ck_assert(!verify(million));
}
END_TEST

START_TEST(times_are_checked)
{
    gint64 now = clock_wall() / G_USEC_PER_SEC, leeway = settings->auth_leeway;
    const struct {
        const char *format;
        gint64 time;
        bool valid;
    } cases[] = {
        {"{\"sub\":\"u\",\"exp\":%" G_GINT64_FORMAT "}", now + 60, true},
        {"{\"sub\":\"u\",\"exp\":%" G_GINT64_FORMAT "}", now - leeway + 30, true},
        {"{\"sub\":\"u\",\"exp\":%" G_GINT64_FORMAT "}", now - leeway - 1, false},
        {"{\"sub\":\"u\",\"exp\":-%" G_GINT64_FORMAT "}", now, false},
        {"{\"sub\":\"u\",\"exp\":\"%" G_GINT64_FORMAT "\"}", now + 60, false},
        {"{\"sub\":\"u\",\"iat\":%" G_GINT64_FORMAT "}", now, false},
        {"{\"sub\":\"u\",\"exp\":null,\"iat\":%" G_GINT64_FORMAT "}", now, false},
        {"{\"sub\":\"u\",\"exp\":1e300,\"iat\":%" G_GINT64_FORMAT "}", now, true},
        {"{\"sub\":\"u\",\"exp\":1e12,\"nbf\":%" G_GINT64_FORMAT "}", now + leeway - 5, true},
        {"{\"sub\":\"u\",\"exp\":1e12,\"nbf\":%" G_GINT64_FORMAT "}", now + leeway + 60, false},
        {"{\"sub\":\"u\",\"exp\":1e12,\"nbf\":\"%" G_GINT64_FORMAT "\"}", now, false},
        {"{\"sub\":\"u\",\"exp\":1,\"exp\":%" G_GINT64_FORMAT "}", now + 60, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, cases[i].time);
        g_auto(GStrv) parts = g_strsplit(cases[i].format, "%" G_GINT64_FORMAT, 2);
        g_autofree char *payload = g_strjoinv(number, parts);
        ck_assert_msg(verify_payload(payload) == cases[i].valid, "%s", payload);
    }
}
END_TEST

static struct token_claims claims_of(const char *payload)
{
    g_autoptr(token_verifier) verifier = token_verifier_new(settings, NULL);
    g_autofree char *token = hmac_token(HS256, payload, SECRET);
    struct token_claims claims = {0};
    const char *reason = NULL;
    ck_assert_msg(token_verify(verifier, token, &claims, &reason), "%s: %s", payload, reason);
    return claims;
}

/* A sign-out ends what was issued before: a time that cannot be must not outlive it. */
START_TEST(a_time_of_issue_that_cannot_be_counts_as_the_oldest)
{
    gint64 now = clock_wall() / G_USEC_PER_SEC, leeway = settings->auth_leeway;
    g_autofree char *milliseconds = g_strdup_printf("%" G_GINT64_FORMAT, now * 1000);
    g_autofree char *ahead = g_strdup_printf("%" G_GINT64_FORMAT, now + 600);
    g_autofree char *beyond = g_strdup_printf("%" G_GINT64_FORMAT, now + leeway + 5);
    const char *const odd[] = {
        milliseconds,     ahead,  beyond, "1e300", "9223372036854775807", "-1",
        "\"1763700000\"", "null", "[1]",  "true"};
    for (size_t i = 0; i < G_N_ELEMENTS(odd); i++) {
        g_autofree char *payload =
            g_strdup_printf("{\"sub\":\"u\",\"exp\":4e9,\"iat\":%s}", odd[i]);
        struct token_claims claims = claims_of(payload);
        ck_assert_msg(claims.issued == 0 && claims.remark, "%s", payload);
        token_claims_clear(&claims);
    }
    const gint64 usual[] = {now, now - 100000, now + leeway - 5, 0};
    for (size_t i = 0; i < G_N_ELEMENTS(usual); i++) {
        g_autofree char *payload =
            g_strdup_printf("{\"sub\":\"u\",\"exp\":4e9,\"iat\":%" G_GINT64_FORMAT "}", usual[i]);
        struct token_claims claims = claims_of(payload);
        ck_assert_int_eq(claims.issued / G_USEC_PER_SEC,
                         MIN(usual[i], clock_wall() / G_USEC_PER_SEC));
        ck_assert_ptr_null(claims.remark);
        token_claims_clear(&claims);
    }
}
END_TEST

START_TEST(an_end_beyond_the_calendar_is_its_last_moment)
{
    static const char *const ends[] = {"253402300799", "253402300800", "1763700000000", "1e300",
                                       "9223372036854775807"};
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *payload = g_strdup_printf("{\"sub\":\"u\",\"exp\":%s}", ends[i]);
        struct token_claims claims = claims_of(payload);
        ck_assert_int_eq(claims.expires, CLOCK_WALL_MAX);
        token_claims_clear(&claims);
    }
}
END_TEST

START_TEST(subjects_are_checked)
{
    static const char *const subjects[] = {"\"\"",         "5",           "null",   "\"a\\u0000b\"",
                                           "\"a\\u0001\"", "\"\\ufffe\"", "[\"u\"]"};
    for (size_t i = 0; i < G_N_ELEMENTS(subjects); i++) {
        g_autofree char *payload = g_strdup_printf("{\"sub\":%s,\"exp\":4e9}", subjects[i]);
        ck_assert_msg(!verify_payload(payload), "%s", payload);
    }
    ck_assert(!verify_payload("{\"exp\":4e9}"));
    ck_assert(!verify_payload("[]"));
    g_autofree char *longest = g_strnfill(255, 's');
    g_autofree char *fits = g_strdup_printf("{\"sub\":\"%s\",\"exp\":4e9}", longest);
    g_autofree char *over = g_strdup_printf("{\"sub\":\"%ss\",\"exp\":4e9}", longest);
    ck_assert(verify_payload(fits));
    ck_assert(!verify_payload(over));
}
END_TEST

START_TEST(issuer_and_audience_are_checked_when_configured)
{
    g_free(settings->auth_issuer);
    g_free(settings->auth_audience);
    settings->auth_issuer = g_strdup("https://id.example.org");
    settings->auth_audience = g_strdup("trestle");
#define CLAIMS "{\"sub\":\"u\",\"exp\":4e9,\"iss\":\"https://id.example.org\""
    ck_assert(verify_payload(CLAIMS ",\"aud\":\"trestle\"}"));
    ck_assert(verify_payload(CLAIMS ",\"aud\":[\"other\",\"trestle\"]}"));
    ck_assert(!verify_payload(CLAIMS ",\"aud\":[\"other\",5]}"));
    ck_assert(!verify_payload(CLAIMS ",\"aud\":[]}"));
    ck_assert(!verify_payload(CLAIMS ",\"aud\":{\"trestle\":1}}"));
    ck_assert(!verify_payload(CLAIMS ",\"aud\":\"trestle2\"}"));
    ck_assert(!verify_payload(CLAIMS "}"));
    ck_assert(!verify_payload("{\"sub\":\"u\",\"exp\":4e9,\"aud\":\"trestle\"}"));
    ck_assert(!verify_payload(
        "{\"sub\":\"u\",\"exp\":4e9,\"aud\":\"trestle\",\"iss\":[\"https://id.example.org\"]}"));
}
END_TEST

static void use_key(const char *algorithm, EVP_PKEY *key)
{
    g_free(settings->auth_algorithm);
    g_free(settings->auth_key);
    settings->auth_algorithm = g_strdup(algorithm);
    settings->auth_key = public_pem(key);
}

START_TEST(rs256_and_its_confusions)
{
    EVP_PKEY *key = EVP_RSA_gen(2048), *other = EVP_RSA_gen(2048);
    use_key("RS256", key);
    g_autofree char *right = key_token("{\"alg\":\"RS256\"}", good, key);
    g_autofree char *stranger = key_token("{\"alg\":\"RS256\"}", good, other);
    g_autofree char *swapped = hmac_token(HS256, good, settings->auth_key);
    g_autofree char *lying = hmac_token("{\"alg\":\"RS256\"}", good, settings->auth_key);
    g_autofree char *empty = hmac_token(HS256, good, "");
    ck_assert(verify(right));
    ck_assert(!verify(stranger));
    ck_assert(!verify(swapped));
    ck_assert(!verify(lying));
    ck_assert(!verify(empty));
    g_autofree char *padded = g_strconcat(right, "==", NULL);
    ck_assert(!verify(padded));
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}
END_TEST

START_TEST(es256_takes_its_curve_alone)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256"), *large = EVP_EC_gen("P-384");
    use_key("ES256", key);
    g_autofree char *right = key_token("{\"alg\":\"ES256\"}", good, key);
    g_autofree char *stranger = key_token("{\"alg\":\"ES256\"}", good, other);
    g_autofree char *text = signed_part("{\"alg\":\"ES256\"}", good);
    guchar zeros[64] = {0};
    g_autofree char *zero = join(text, zeros, sizeof zeros);
    g_autofree char *none = join(text, zeros, 0);
    ck_assert(verify(right));
    ck_assert(!verify(stranger));
    ck_assert(!verify(zero));
    ck_assert(!verify(none));
    use_key("ES256", large);
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(token_verifier_new(settings, &error));
    ck_assert_ptr_nonnull(error);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    EVP_PKEY_free(large);
}
END_TEST

/* (r, s) and (r, n - s) are both good signatures: anybody can make the one from the other. */
static char *other_signature(const char *token, EVP_PKEY *key)
{
    const char *dot = strrchr(token, '.');
    size_t length = 0;
    g_autofree guchar *raw = base64url_decode(dot + 1, strlen(dot + 1), &length);
    ck_assert_uint_eq(length, 64);
    BIGNUM *order = NULL, *s = BN_bin2bn(raw + 32, 32, NULL);
    ck_assert_int_eq(EVP_PKEY_get_bn_param(key, "order", &order), 1);
    BN_sub(s, order, s);
    BN_bn2binpad(s, raw + 32, 32);
    BN_free(s);
    BN_free(order);
    g_autofree char *text = g_strndup(token, (gsize)(dot - token));
    return join(text, raw, length);
}

START_TEST(another_signature_is_not_another_token)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    use_key("ES256", key);
    g_autofree char *token = key_token("{\"alg\":\"ES256\"}", good, key);
    g_autofree char *twin = other_signature(token, key);
    g_autofree char *next = key_token("{\"alg\":\"ES256\",\"typ\":\"JWT\"}", good, key);
    g_autoptr(token_verifier) verifier = token_verifier_new(settings, NULL);
    struct token_claims claims[3] = {0};
    const char *const texts[] = {token, twin, next};
    const char *reason;
    ck_assert_str_ne(token, twin);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        ck_assert(token_verify(verifier, texts[i], &claims[i], &reason));
    ck_assert(uuid_equal(&claims[0].digest, &claims[1].digest));
    ck_assert(!uuid_equal(&claims[0].digest, &claims[2].digest));
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        token_claims_clear(&claims[i]);
    EVP_PKEY_free(key);
}
END_TEST

static char *number(EVP_PKEY *key, const char *name, int size)
{
    BIGNUM *value = NULL;
    guchar bytes[512];
    ck_assert_int_eq(EVP_PKEY_get_bn_param(key, name, &value), 1);
    int length = size ? BN_bn2binpad(value, bytes, size) : BN_bn2bin(value, bytes);
    BN_free(value);
    return encode(bytes, (size_t)length);
}

static char *jwk(EVP_PKEY *key, const char *more)
{
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
        g_autofree char *n = number(key, "n", 0), *e = number(key, "e", 0);
        return g_strdup_printf("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}", n, e, more);
    }
    g_autofree char *x = number(key, "qx", 32), *y = number(key, "qy", 32);
    return g_strdup_printf("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s}", x, y,
                           more);
}

static void use_set(const char *algorithm, const char *keys)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("jwks-XXXXXX", &path, NULL);
    ck_assert_int_ge(fd, 0);
    g_close(fd, NULL);
    g_autofree char *text = g_strdup_printf("{\"keys\":[%s]}", keys);
    g_file_set_contents(path, text, -1, NULL);
    if (!strstr(settings->auth_key ? settings->auth_key : "", "BEGIN"))
        g_clear_pointer(&settings->auth_key, g_free); /* of HS256 */
    g_free(settings->auth_algorithm);
    g_free(settings->auth_jwks_file);
    settings->auth_algorithm = g_strdup(algorithm);
    settings->auth_jwks_file = g_steal_pointer(&path);
}

static void drop_set(void)
{
    g_unlink(settings->auth_jwks_file);
    g_clear_pointer(&settings->auth_jwks_file, g_free);
}

START_TEST(a_key_set_is_chosen_from_by_kid)
{
    EVP_PKEY *rsa = EVP_RSA_gen(2048), *second = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256");
    g_autofree char *a = jwk(rsa, ",\"kid\":\"a\",\"alg\":\"RS256\",\"use\":\"sig\"");
    g_autofree char *b = jwk(second, ",\"kid\":\"b\"");
    g_autofree char *c = jwk(rsa, ",\"kid\":\"c\",\"use\":\"enc\"");
    g_autofree char *d = jwk(rsa, ",\"kid\":\"d\",\"alg\":\"RS512\"");
    g_autofree char *e = jwk(ec, ",\"kid\":\"e\"");
    g_autofree char *all =
        g_strjoin(",", a, b, c, d, e, "{\"kty\":\"oct\",\"k\":\"\",\"kid\":\"f\"}", NULL);
    use_set("RS256", all);
    static const struct {
        const char *header;
        bool valid;
    } cases[] = {
        {"{\"alg\":\"RS256\",\"kid\":\"a\"}", true},
        {"{\"alg\":\"RS256\",\"kid\":\"b\"}", false},
        {"{\"alg\":\"RS256\",\"kid\":\"c\"}", false},
        {"{\"alg\":\"RS256\",\"kid\":\"d\"}", false},
        {"{\"alg\":\"RS256\",\"kid\":\"z\"}", false},
        {"{\"alg\":\"RS256\",\"kid\":\"\"}", false},
        {"{\"alg\":\"RS256\"}", false},
        {"{\"alg\":\"RS256\",\"kid\":[\"a\"]}", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *token = key_token(cases[i].header, good, rsa);
        ck_assert_msg(verify(token) == cases[i].valid, "%s", cases[i].header);
    }
    g_autofree char *empty = hmac_token("{\"alg\":\"HS256\",\"kid\":\"f\"}", good, "");
    ck_assert(!verify(empty));
    drop_set();
    use_set("ES256", all);
    g_autofree char *curve = key_token("{\"alg\":\"ES256\",\"kid\":\"e\"}", good, ec);
    g_autofree char *only = key_token("{\"alg\":\"ES256\"}", good, ec);
    ck_assert(verify(curve));
    ck_assert(verify(only)); /* one key of its kind: no kid is needed */
    drop_set();
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(second);
    EVP_PKEY_free(ec);
}
END_TEST

START_TEST(unfit_keys_are_refused_at_the_start)
{
    EVP_PKEY *weak = EVP_RSA_gen(1024), *ec = EVP_EC_gen("P-256");
    g_autofree char *small = jwk(weak, ",\"kid\":\"a\"");
    g_autofree char *point = jwk(ec, ",\"kid\":\"a\"");
    g_autofree char *off = g_strdup(point);
    strstr(off, "\"x\":\"")[8] ^= 1;
    const struct {
        const char *algorithm, *keys;
    } cases[] = {{"RS256", small}, {"RS256", point}, {"ES256", small}, {"HS256", point},
                 {"ES256", off},   {"ES256", ""},    {"ES256", "{}"},  {"ES256", "null"},
                 {"none", point},  {"ES256", "5"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        use_set(cases[i].algorithm, cases[i].keys);
        g_autoptr(GError) error = NULL;
        ck_assert_msg(!token_verifier_new(settings, &error), "case %zu", i);
        ck_assert_ptr_nonnull(error);
        drop_set();
    }
    g_free(settings->auth_algorithm);
    settings->auth_algorithm = g_strdup("HS256");
    settings->auth_key = g_strndup(SECRET, 31);
    ck_assert_ptr_null(token_verifier_new(settings, NULL));
    g_clear_pointer(&settings->auth_key, g_free);
    ck_assert_ptr_null(token_verifier_new(settings, NULL));
    EVP_PKEY_free(weak);
    EVP_PKEY_free(ec);
}
END_TEST

/* How many keys were left out of the set; each note names what it is about. */
static unsigned notes(const struct token_verifier *verifier, const char *name, unsigned *ret_faults)
{
    const char *text;
    bool is_fault, named = !name;
    unsigned count = 0;
    *ret_faults = 0;
    for (; (text = token_verifier_note(verifier, count, &is_fault)); count++) {
        *ret_faults += is_fault;
        named = named || strstr(text, name);
    }
    ck_assert_msg(named, "no note names %s", name);
    return count;
}

START_TEST(one_bad_key_takes_no_other_with_it)
{
    EVP_PKEY *good_key = EVP_EC_gen("P-256"), *large = EVP_EC_gen("P-384"),
             *rsa = EVP_RSA_gen(1024);
    g_autofree char *right = jwk(good_key, ",\"kid\":\"right\"");
    g_autofree char *x = number(large, "qx", 48), *y = number(large, "qy", 48);
    g_autofree char *p384 = g_strdup_printf(
        "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"%s\",\"y\":\"%s\",\"kid\":\"bad\"}", x, y);
    g_autofree char *weak = jwk(rsa, ",\"kid\":\"bad\"");
    g_autofree char *off = jwk(good_key, ",\"kid\":\"bad\"");
    strstr(off, "\"x\":\"")[8] ^= 1;
    g_autofree char *for_encryption = jwk(good_key, ",\"kid\":\"bad\",\"key_ops\":[\"deriveKey\"]");
    g_autofree char *odd_kid = jwk(good_key, ",\"kid\":5");
    const struct {
        const char *bad;
        unsigned faults;
    } cases[] = {
        {p384, 0},
        {weak, 0},
        {off, 1},
        {for_encryption, 0},
        {odd_kid, 1},
        {"5", 1},
        {"null", 1},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"bad\"}", 1},
        {"{\"kid\":\"bad\"}", 0},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA==\",\"y\":\"AA\",\"kid\":\"bad\"}", 1},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\",\"kid\":\"bad\"}", 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *set = g_strjoin(",", cases[i].bad, right, cases[i].bad, NULL);
        use_set("ES256", set);
        g_autoptr(GError) error = NULL;
        g_autoptr(token_verifier) verifier = token_verifier_new(settings, &error);
        ck_assert_msg(verifier != NULL, "%s: %s", cases[i].bad, error ? error->message : "");
        unsigned faults;
        ck_assert_uint_eq(token_verifier_key_count(verifier), 1);
        ck_assert_uint_eq(
            notes(verifier, strstr(cases[i].bad, "\"bad\"") ? "'bad'" : NULL, &faults), 2);
        ck_assert_msg(faults == 2 * cases[i].faults, "%s", cases[i].bad);
        g_autofree char *token = key_token("{\"alg\":\"ES256\",\"kid\":\"right\"}", good, good_key);
        g_autofree char *named = key_token("{\"alg\":\"ES256\",\"kid\":\"bad\"}", good, good_key);
        ck_assert(verify(token) && !verify(named));
        drop_set();
        use_set("ES256", cases[i].bad); /* alone: the reason is told */
        ck_assert_ptr_null(token_verifier_new(settings, &error));
        ck_assert_msg(strstr(error->message, "key 1"), "%s", error->message);
        drop_set();
    }
    EVP_PKEY_free(good_key);
    EVP_PKEY_free(large);
    EVP_PKEY_free(rsa);
}
END_TEST

START_TEST(keys_of_one_name_are_tried)
{
    static const char *const names[] = {"", ",\"kid\":\"k\""};
    static const char *const headers[] = {"{\"alg\":\"ES256\"}",
                                          "{\"alg\":\"ES256\",\"kid\":\"k\"}"};
    EVP_PKEY *keys[6];
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        keys[i] = EVP_EC_gen("P-256");
    for (size_t name = 0; name < G_N_ELEMENTS(names); name++) {
        GString *set = g_string_new(NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
            g_autofree char *text = jwk(keys[i], names[name]);
            g_string_append_printf(set, "%s%s", i ? "," : "", text);
        }
        use_set("ES256", set->str);
        g_autoptr(token_verifier) verifier = token_verifier_new(settings, NULL);
        unsigned faults;
        ck_assert_uint_eq(token_verifier_key_count(verifier), 4);
        ck_assert_uint_eq(notes(verifier, "fifth", &faults), 2);
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
            g_autofree char *token = key_token(headers[name], good, keys[i]);
            ck_assert_int_eq(verify(token), i < 4);
        }
        /* A name that the set does not have: only keys without one can be meant. */
        g_autofree char *other = key_token("{\"alg\":\"ES256\",\"kid\":\"z\"}", good, keys[1]);
        ck_assert_int_eq(verify(other), name == 0);
        drop_set();
        g_string_free(set, TRUE);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        EVP_PKEY_free(keys[i]);
}
END_TEST

START_TEST(a_pem_file_may_hold_the_old_and_the_new_key)
{
    EVP_PKEY *old = EVP_EC_gen("P-256"), *next = EVP_EC_gen("P-256"), *large = EVP_EC_gen("P-384"),
             *in_set = EVP_EC_gen("P-256");
    use_key("ES256", old);
    g_autofree char *first = g_strdup(settings->auth_key), *second = public_pem(next),
                    *third = public_pem(large);
    g_free(settings->auth_key);
    settings->auth_key =
        g_strconcat(first, third, "-----BEGIN X-----\nAA==\n-----END X-----\n", second, NULL);
    g_autofree char *set = jwk(in_set, ",\"kid\":\"s\"");
    use_set("ES256", set);
    g_autofree char *by_old = key_token("{\"alg\":\"ES256\"}", good, old);
    g_autofree char *by_next = key_token("{\"alg\":\"ES256\"}", good, next);
    g_autofree char *by_set = key_token("{\"alg\":\"ES256\",\"kid\":\"s\"}", good, in_set);
    g_autofree char *by_large = key_token("{\"alg\":\"ES256\",\"kid\":\"s\"}", good, old);
    ck_assert(verify(by_old) && verify(by_next) && verify(by_set) && !verify(by_large));
    g_autoptr(token_verifier) verifier = token_verifier_new(settings, NULL);
    unsigned faults;
    ck_assert_uint_eq(notes(verifier, "P-256", &faults), 2);
    struct token_claims claims;
    const char *reason;
    ck_assert(token_verify(verifier, by_old, &claims, &reason));
    ck_assert(claims.key != 0 && token_verifier_has_key(verifier, claims.key));
    g_free(settings->auth_key);
    settings->auth_key = g_strdup(second);
    g_autoptr(token_verifier) rotated = token_verifier_new(settings, NULL);
    ck_assert(!token_verifier_has_key(rotated, claims.key));
    token_claims_clear(&claims);
    drop_set();
    EVP_PKEY_free(old);
    EVP_PKEY_free(next);
    EVP_PKEY_free(large);
    EVP_PKEY_free(in_set);
}
END_TEST

START_TEST(a_file_that_is_no_set_is_said_to_be_none)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "is not JSON"},
        {"{\"keys\":[", "is not JSON"},
        {"[]", "no list \"keys\""},
        {"{}", "no list \"keys\""},
        {"{\"keys\":{}}", "no list \"keys\""},
        {"{\"keys\":[]}", "no key"},
        {"{\"keys\":[{\"kid\":\"a\",\"kid\":\"b\"}]}", "line 1"},
        {"{\"kty\":\"EC\"}", "no list"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        use_set("ES256", "");
        g_clear_pointer(&settings->auth_key, g_free);
        g_file_set_contents(settings->auth_jwks_file, cases[i].text, -1, NULL);
        g_autoptr(GError) error = NULL;
        ck_assert_ptr_null(token_verifier_new(settings, &error));
        ck_assert_msg(strstr(error->message, cases[i].said), "%s: %s", cases[i].text,
                      error->message);
        drop_set();
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("token");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_good_token_tells_its_claims);
    tcase_add_test(tests, another_algorithm_is_refused);
    tcase_add_test(tests, what_a_header_points_to_is_not_followed);
    tcase_add_test(tests, a_signature_has_one_spelling);
    tcase_add_test(tests, malformed_tokens_are_refused);
    tcase_add_test(tests, times_are_checked);
    tcase_add_test(tests, a_time_of_issue_that_cannot_be_counts_as_the_oldest);
    tcase_add_test(tests, an_end_beyond_the_calendar_is_its_last_moment);
    tcase_add_test(tests, subjects_are_checked);
    tcase_add_test(tests, issuer_and_audience_are_checked_when_configured);
    tcase_add_test(tests, rs256_and_its_confusions);
    tcase_add_test(tests, es256_takes_its_curve_alone);
    tcase_add_test(tests, another_signature_is_not_another_token);
    tcase_add_test(tests, a_key_set_is_chosen_from_by_kid);
    tcase_add_test(tests, unfit_keys_are_refused_at_the_start);
    tcase_add_test(tests, one_bad_key_takes_no_other_with_it);
    tcase_add_test(tests, keys_of_one_name_are_tried);
    tcase_add_test(tests, a_pem_file_may_hold_the_old_and_the_new_key);
    tcase_add_test(tests, a_file_that_is_no_set_is_said_to_be_none);
    Suite *suite = suite_create("core_token");
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
