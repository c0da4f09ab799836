/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Character checks and constant-time comparison. */
#include "config.h"

#include <glib.h>
#include <openssl/crypto.h>
#include <string.h>

#include "bridge/base/text.h"

static bool is_xml_char(gunichar c)
{
    return c == 0x9 || c == 0xa || c == 0xd || (c >= 0x20 && c <= 0xd7ff) ||
           (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

bool text_is_xml_safe(const char *text, size_t length)
{
    const char *end = text + length;
    for (const char *p = text; p < end;) {
        unsigned char byte = (unsigned char)*p;
        if (byte >= 0x20 && byte < 0x80) {
            p++;
            continue;
        }
        gunichar c = byte < 0x80 ? byte : g_utf8_get_char_validated(p, end - p);
        if (c == (gunichar)-1 || c == (gunichar)-2 || !is_xml_char(c))
            return false;
        p += g_utf8_skip[byte];
    }
    return true;
}

const char *text_bounded(const char *text, size_t most)
{
    return text && *text && strnlen(text, most + 1) <= most ? text : NULL;
}

bool text_is_language(const char *text)
{
    size_t part = 0;
    if (!g_ascii_isalpha(text[0]))
        return false;
    for (const char *p = text; *p; p++) {
        part = *p == '-' ? 0 : part + 1;
        if (part > 8 || (*p == '-' ? p[1] == '-' || !p[1] : !g_ascii_isalnum(*p)))
            return false;
    }
    return true;
}

bool text_equal_constant_time(const char *a, const char *b)
{
    size_t length = strlen(a);
    return length == strlen(b) && CRYPTO_memcmp(a, b, length) == 0;
}

#define DISTANCE_MAX 64

unsigned text_distance(const char *a, const char *b)
{
    size_t a_length = MIN(strlen(a), DISTANCE_MAX);
    size_t b_length = MIN(strlen(b), DISTANCE_MAX);
    unsigned row[DISTANCE_MAX + 1];
    for (unsigned j = 0; j <= b_length; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a_length; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            bool same = g_ascii_tolower(a[i - 1]) == g_ascii_tolower(b[j - 1]);
            unsigned replace = diagonal + (same ? 0 : 1);
            diagonal = row[j];
            row[j] = MIN(replace, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_length];
}

void text_print_wrapped(FILE *out, const char *prefix, const char *text, size_t width)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    size_t column = 0;
    for (guint i = 0; words[i]; i++) {
        size_t length = strlen(words[i]);
        if (column > 0 && column + 1 + length > width) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, "%s%s", column == 0 ? prefix : " ", words[i]);
        column += (column == 0 ? strlen(prefix) : 1) + length;
    }
    fputc('\n', out);
}
