/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens: no crash, and nothing is believed that was not signed. The input is tried as a token, and
 * "header\npayload" is encoded and signed rightly: then the header must say HS256 and the claims
 * that come out must keep their promises. */
#include "config.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/account/token.h"
#include "bridge/base/options.h"
#include "bridge/base/text.h"

#define SECRET "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct token_verifier *verifier_get(void)
{
    static struct token_verifier *verifier;
    if (!verifier) {
        g_autoptr(trestle_options) settings = options_new();
        g_free(settings->auth_key);
        settings->auth_key = g_strdup(SECRET);
        verifier = token_verifier_new(settings, NULL);
    }
    return verifier;
}

static char *encode(const void *bytes, size_t length)
{
    char *text = g_base64_encode(bytes, length);
    g_strdelimit(text, "+", '-');
    g_strdelimit(text, "/", '_');
    *strchrnul(text, '=') = '\0';
    return text;
}

static void try_signed(const char *header, size_t header_length, const char *payload,
                       size_t payload_length)
{
    g_autofree char *first = encode(header, header_length);
    g_autofree char *second = encode(payload, payload_length);
    g_autofree char *text = g_strdup_printf("%s.%s", first, second);
    guchar digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (const guchar *)text, strlen(text), digest,
         &length);
    g_autofree char *third = encode(digest, length);
    g_autofree char *token = g_strdup_printf("%s.%s", text, third);
    struct token_claims claims = {0};
    const char *reason = NULL;
    if (!token_verify(verifier_get(), token, &claims, &reason)) {
        if (!reason || claims.subject)
            abort();
        return;
    }
    size_t subject = strlen(claims.subject);
    if (subject == 0 || subject > 255 || !text_is_xml_safe(claims.subject, subject) ||
        !memmem(header, header_length, "256", 3) || claims.expires <= 0)
        abort();
    token_claims_clear(&claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    struct token_claims claims = {0};
    const char *reason = NULL;
    if (token_verify(verifier_get(), text, &claims, &reason))
        token_claims_clear(&claims); /* only a seed of the corpus can have the secret */
    const char *end = size > 0 ? memchr(data, '\n', size) : NULL;
    if (end) {
        size_t line = (size_t)(end - (const char *)data);
        try_signed((const char *)data, line, end + 1, size - line - 1);
    }
    return 0;
}
