/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decimal numbers of 128 bits. */
#include "config.h"

#include <string.h>

#include "bridge/bound/uid.h"

#define DIGITS_MAX 39

/* NUMBER, big-endian, becomes ten times as much and DIGIT; false: it does not fit. */
static bool number_push(guint8 number[16], unsigned digit)
{
    unsigned carry = digit;
    for (int i = 15; i >= 0; i--) {
        unsigned part = number[i] * 10u + carry;
        number[i] = (guint8)(part & 0xff);
        carry = part >> 8;
    }
    return carry == 0;
}

bool uid_parse(const char *text, struct uuid *ret_uid)
{
    struct uuid uid = {{0}};
    if (uuid_parse(text, ret_uid))
        return true;
    size_t length = strlen(text);
    if (length == 0 || length > DIGITS_MAX || strspn(text, "0123456789") != length)
        return false;
    for (const char *at = text; *at; at++) {
        if (!number_push(uid.bytes, (unsigned)(*at - '0')))
            return false;
    }
    *ret_uid = uid;
    return true;
}

/* NUMBER becomes a tenth; yields the digit that is left. */
static unsigned number_pop(guint8 number[16])
{
    unsigned left = 0;
    for (int i = 0; i < 16; i++) {
        unsigned part = left << 8 | number[i];
        number[i] = (guint8)(part / 10);
        left = part % 10;
    }
    return left;
}

char *uid_decimal(const struct uuid *uid)
{
    static const struct uuid nothing = {{0}};
    struct uuid rest = *uid;
    char digits[DIGITS_MAX + 1];
    size_t at = DIGITS_MAX;
    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + number_pop(rest.bytes));
    while (at > 0 && memcmp(&rest, &nothing, sizeof rest) != 0);
    return g_strdup(digits + at);
}

void uid_of_text(const char *owner, const char *sender, const char *id, struct uuid *ret_uid)
{
    const char *parts[] = {owner, sender, id};
    guint8 digest[32];
    gsize length = sizeof digest;
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_checksum_update(checksum, (const guchar *)parts[i], -1);
        g_checksum_update(checksum, (const guchar *)"", 1);
    }
    g_checksum_get_digest(checksum, digest, &length);
    memcpy(ret_uid->bytes, digest, sizeof ret_uid->bytes);
    ret_uid->bytes[6] = (guint8)((ret_uid->bytes[6] & 0x0f) | 0x80); /* version 8: one's own */
    ret_uid->bytes[8] = (guint8)((ret_uid->bytes[8] & 0x3f) | 0x80);
}
