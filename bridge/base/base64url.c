/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GLib's base64 with the other alphabet. It passes over what it does not know; so what it read is
 * written again, and has to be the same. */
#include "config.h"

#include <string.h>

#include "bridge/base/base64url.h"

char *base64url_encode(const void *bytes, size_t length)
{
    char *text = g_base64_encode(bytes, length);
    text[strcspn(text, "=")] = '\0';
    return g_strdelimit(g_strdelimit(text, "+", '-'), "/", '_');
}

guchar *base64url_decode(const char *text, size_t length, size_t *ret_length)
{
    static const char padding[] = "===";
    g_autofree char *padded =
        g_strdup_printf("%.*s%s", (int)length, text, padding + (length + 3) % 4);
    gsize count = 0;
    g_strdelimit(g_strdelimit(padded, "-", '+'), "_", '/');
    g_autofree guchar *bytes = g_base64_decode(padded, &count);
    g_autofree char *again = base64url_encode(bytes, count);
    if (strlen(again) != length || memcmp(again, text, length) != 0)
        return NULL;
    bytes = g_realloc(bytes, count + 1);
    bytes[count] = '\0';
    *ret_length = count;
    return g_steal_pointer(&bytes);
}
