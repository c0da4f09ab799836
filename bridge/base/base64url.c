/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GLib's base64 with the other alphabet. It passes over what it does not know; so what it read is
 * written again, and has to be the same. */
#include "config.h"

#include <string.h>

#include "bridge/base/base64url.h"

/* Letter by letter: g_strdelimit() looks each up in a list of what is to be replaced. */
static void letters_change(char *text, char plus, char new_plus, char slash, char new_slash)
{
    for (; *text; text++)
        *text = *text == plus ? new_plus : *text == slash ? new_slash : *text;
}

char *base64url_encode(const void *bytes, size_t length)
{
    char *text = g_base64_encode(bytes, length);
    for (size_t end = strlen(text); end > 0 && text[end - 1] == '='; end--)
        text[end - 1] = '\0';
    letters_change(text, '+', '-', '/', '_');
    return text;
}

guchar *base64url_decode(const char *text, size_t length, size_t *ret_length)
{
    static const char padding[] = "===";
    const size_t size = length + sizeof padding;
    g_autofree char *padded = g_malloc(size);
    gsize count = 0;
    memcpy(padded, text, length);
    g_strlcpy(padded + length, padding + (length + 3) % 4, size - length);
    letters_change(padded, '-', '+', '_', '/');
    g_autofree guchar *bytes = g_base64_decode(padded, &count);
    g_autofree char *again = base64url_encode(bytes, count);
    if (strlen(again) != length || memcmp(again, text, length) != 0)
        return NULL;
    bytes = g_realloc(bytes, count + 1);
    bytes[count] = '\0';
    *ret_length = count;
    return g_steal_pointer(&bytes);
}
