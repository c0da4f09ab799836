/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a stranger writes into headers: a cookie that is found is one of ours and stands there once;
 * addresses are read within their bounds; the plain form of an origin is an origin, and its own
 * one. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/account/secret.h"
#include "bridge/base/origin.h"
#include "bridge/http/caller.h"
#include "bridge/http/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_origin(const char *text)
{
    g_autofree char *normal = origin_normal(text);
    g_autofree char *again = normal ? origin_normal(normal) : NULL;
    if (g_strcmp0(normal, again) != 0)
        abort();
    if (normal &&
        (g_hostname_is_non_ascii(normal) || strpbrk(normal, " \t\r\n/?#@*") != strchr(normal, '/')))
        abort();
    origin_host_is_good(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    char value[SECRET_LENGTH + 2];
    memset(value, '!', sizeof value);
    enum cookie_result result = cookie_find(text, value);
    if (value[SECRET_LENGTH + 1] != '!')
        abort();
    if (result == COOKIE_FOUND) {
        g_autofree char *pair = g_strconcat(COOKIE_NAME "=", value, NULL);
        if (!secret_is_possible(value, strlen(value)) || !strstr(text, pair))
            abort();
        g_autofree char *twice = g_strconcat(text, "; ", pair, NULL);
        if (cookie_find(twice, value) != COOKIE_BAD)
            abort();
    }
    guint64 address = limit_address_text(text, strlen(text));
    if (address && strspn(text, "0123456789abcdefABCDEF.:") != strlen(text))
        abort();
    if (address && caller_of_forwarded(text) != address)
        abort();
    caller_of_forwarded(text);
    check_origin(text);
    return 0;
}
