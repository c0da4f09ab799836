/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets, by OpenSSL. */
#include "config.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

#include "bridge/account/secret.h"
#include "bridge/base/base64url.h"
#include "bridge/base/text.h"

#define SECRET_BYTES 32

char *secret_new(void)
{
    guchar bytes[SECRET_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return NULL;
    char *text = base64url_encode(bytes, sizeof bytes);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return text;
}

char *server_key_new(void)
{
    char *secret = secret_new();
    if (!secret)
        return NULL;
    char *key = g_strconcat(SERVER_KEY_PREFIX, secret, NULL);
    OPENSSL_cleanse(secret, strlen(secret));
    g_free(secret);
    return key;
}

bool secret_is_possible(const char *text, size_t length)
{
    if (length != SECRET_LENGTH)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isalnum(text[i]) && text[i] != '-' && text[i] != '_')
            return false;
    }
    return true;
}

struct uuid secret_digest_bytes(const char *bytes, size_t length)
{
    guchar digest[SHA256_DIGEST_LENGTH];
    struct uuid half;
    SHA256((const guchar *)bytes, length, digest);
    memcpy(&half, digest, sizeof half);
    return half;
}

struct uuid secret_digest(const char *text)
{
    return secret_digest_bytes(text, strlen(text));
}

char *secret_csrf(const char *cookie)
{
    guchar digest[SHA256_DIGEST_LENGTH];
    g_autofree char *text = g_strconcat("csrf\n", cookie, NULL);
    SHA256((const guchar *)text, strlen(text), digest);
    return base64url_encode(digest, SECRET_BYTES);
}

bool secret_equal(const char *a, const char *b)
{
    return a && b && text_equal_constant_time(a, b);
}
