/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Minimal JSON member scanner; see scan.h. */
#include "tests/bench/scan.h"

#include <glib.h>
#include <string.h>

/* AT is behind the opening quote; returns the closing one, or END. */
static const char *string_end(const char *at, const char *end)
{
    while (at < end) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        if (quote == NULL)
            return end;
        const char *back = quote;
        while (back > at && back[-1] == '\\')
            back--;
        if ((quote - back) % 2 == 0)
            return quote;
        at = quote + 1;
    }
    return end;
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
        at++;
    return at;
}

static struct scan_field *field_of(struct scan_field *fields, size_t count, unsigned depth,
                                   const char *key, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].depth == depth && fields[i].value == NULL &&
            strncmp(fields[i].key, key, length) == 0 && fields[i].key[length] == '\0')
            return &fields[i];
    return NULL;
}

/* AT is at the first character of a value; sets FIELD unless that opens an object or array.
 * Returns where scanning goes on. */
static const char *take_value(struct scan_field *field, const char *at, const char *end)
{
    if (at >= end || *at == '{' || *at == '[')
        return at;
    if (*at == '"') {
        const char *close = string_end(at + 1, end);
        field->value = at + 1;
        field->length = (size_t)(close - at - 1);
        return close < end ? close + 1 : end;
    }
    field->value = at;
    while (at < end && strchr(",}] \n\r\t", *at) == NULL)
        at++;
    field->length = (size_t)(at - field->value);
    return at;
}

bool scan_json(const char *text, size_t length, struct scan_field *fields, size_t count)
{
    const char *at = text;
    const char *end = text + length;
    unsigned depth = 0;
    size_t missing = count;
    for (size_t i = 0; i < count; i++)
        fields[i].value = NULL;
    while (at < end && missing > 0) {
        char c = *at++;
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        if (c != '"')
            continue;
        const char *key = at;
        const char *close = string_end(at, end);
        at = skip_space(close < end ? close + 1 : end, end);
        if (at >= end || *at != ':')
            continue;
        at = skip_space(at + 1, end);
        struct scan_field *field = field_of(fields, count, depth, key, (size_t)(close - key));
        if (field == NULL)
            continue;
        at = take_value(field, at, end);
        missing -= field->value != NULL;
    }
    return missing == 0;
}

uint64_t scan_number(const char *value, size_t length)
{
    uint64_t number = 0;
    for (size_t i = 0; i < length && g_ascii_isdigit(value[i]); i++)
        number = number * 10 + (uint64_t)(value[i] - '0');
    return number;
}

bool scan_uuid(const char *value, size_t length, uint8_t ret_bytes[16])
{
    if (length != 36)
        return false;
    uint8_t bytes[16];
    size_t nibbles = 0;
    for (size_t i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (value[i] != '-')
                return false;
            continue;
        }
        int digit = g_ascii_xdigit_value(value[i]);
        if (digit < 0)
            return false;
        int byte = nibbles % 2 == 0 ? digit << 4 : bytes[nibbles / 2] | digit;
        bytes[nibbles / 2] = (uint8_t)byte;
        nibbles++;
    }
    memcpy(ret_bytes, bytes, sizeof bytes);
    return true;
}
