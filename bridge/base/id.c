/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UUIDv7 generation, text form, hashing. */
#include "config.h"

#include <openssl/rand.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/id.h"

static void random_bytes(guint8 *bytes, size_t length)
{
    if (RAND_bytes(bytes, (int)length) != 1)
        g_error("no randomness from the system");
}

void uuid_generate(struct uuid *ret_id)
{
    /* Random bytes are drawn in blocks: a generator call costs more than an id needs. */
    static guint8 pool[640];
    static size_t used = sizeof pool;
    if (used + 10 > sizeof pool) {
        random_bytes(pool, sizeof pool);
        used = 0;
    }
    guint64 milliseconds = (guint64)clock_wall() / 1000;
    for (int i = 0; i < 6; i++)
        ret_id->bytes[i] = (guint8)(milliseconds >> (40 - 8 * i));
    memcpy(ret_id->bytes + 6, pool + used, 10);
    used += 10;
    ret_id->bytes[6] = (guint8)(0x70 | (ret_id->bytes[6] & 0x0f));
    ret_id->bytes[8] = (guint8)(0x80 | (ret_id->bytes[8] & 0x3f));
}

/* The value of a hexadecimal digit, or -1. A call per character would be most of the parsing. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_parse(const char *text, struct uuid *ret_id)
{
    struct uuid id;
    size_t n = 0;
    for (size_t i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return false;
            continue;
        }
        int digit = hex_digit(text[i]);
        if (digit < 0)
            return false;
        if (n % 2 == 0)
            id.bytes[n / 2] = (guint8)(digit << 4);
        else
            id.bytes[n / 2] = (guint8)(id.bytes[n / 2] | digit);
        n++;
    }
    if (text[36] != '\0')
        return false;
    *ret_id = id;
    return true;
}

/* The eight digits of four bytes; pages hold hundreds of ids. */
static void format_word(const guint8 *bytes, char ret_text[8])
{
    const guint64 each = G_GUINT64_CONSTANT(0x0101010101010101);
    guint32 wire;
    memcpy(&wire, bytes, sizeof wire);
    guint64 digits = GUINT32_FROM_BE(wire); /* from here on spread, to one in each byte */
    digits = (digits << 16 | digits) & G_GUINT64_CONSTANT(0x0000ffff0000ffff);
    digits = (digits << 8 | digits) & G_GUINT64_CONSTANT(0x00ff00ff00ff00ff);
    digits = (digits << 4 | digits) & (each * 0x0f);
    guint64 letters = (digits + each * 6) >> 4 & each;
    digits = GUINT64_TO_BE(digits + each * '0' + letters * ('a' - '0' - 10));
    memcpy(ret_text, &digits, sizeof digits);
}

void uuid_format(const struct uuid *id, char ret_text[UUID_TEXT_SIZE])
{
    char middle[16];
    format_word(id->bytes, ret_text);
    format_word(id->bytes + 4, middle);
    format_word(id->bytes + 8, middle + 8);
    format_word(id->bytes + 12, ret_text + 28);
    for (int group = 0; group < 4; group++) {
        ret_text[8 + 5 * group] = '-';
        memcpy(ret_text + 9 + 5 * group, middle + 4 * group, 4);
    }
    ret_text[UUID_TEXT_SIZE - 1] = '\0';
}

void uuid_generate_text(char ret_text[UUID_TEXT_SIZE])
{
    struct uuid id;
    uuid_generate(&id);
    uuid_format(&id, ret_text);
}

bool uuid_is_nil(const struct uuid *id)
{
    static const struct uuid nil;
    return memcmp(id, &nil, sizeof nil) == 0;
}

guint uuid_hash(gconstpointer id)
{
    guint hash;
    memcpy(&hash, ((const struct uuid *)id)->bytes + 12, sizeof hash);
    return hash;
}

gboolean uuid_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, sizeof(struct uuid)) == 0;
}

char *random_hex(size_t bytes)
{
    g_autofree guint8 *raw = g_malloc(bytes);
    random_bytes(raw, bytes);
    char *text = g_malloc(2 * bytes + 1);
    for (size_t i = 0; i < bytes; i++) {
        text[2 * i] = "0123456789abcdef"[raw[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[raw[i] & 15];
    }
    text[2 * bytes] = '\0';
    return text;
}
