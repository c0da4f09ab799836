/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strict base64url decoding. */
#include "config.h"

#include "bridge/account/base64url.h"

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

guchar *base64url_decode(const char *text, size_t length, size_t *ret_length)
{
    if (length % 4 == 1)
        return NULL;
    g_autofree guchar *bytes = g_malloc(length / 4 * 3 + 3);
    size_t count = 0;
    guint32 bits = 0;
    unsigned pending = 0; /* number of bits in BITS that no byte has taken */
    for (size_t i = 0; i < length; i++) {
        int digit = digit_value(text[i]);
        if (digit < 0)
            return NULL;
        bits = (bits << 6 | (guint32)digit) & 0xffffff;
        pending += 6;
        if (pending >= 8) {
            pending -= 8;
            bytes[count++] = (guchar)(bits >> pending & 0xff);
        }
    }
    if ((bits & ((1u << pending) - 1)) != 0)
        return NULL;
    bytes[count] = '\0';
    *ret_length = count;
    return g_steal_pointer(&bytes);
}
