/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON output (RFC 8259) into a bounded buffer. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"

void json_writer_init(struct json_writer *json, struct buffer *buf)
{
    json->buf = buf;
    json->comma = false;
}

static void value_begins(struct json_writer *json)
{
    if (json->comma)
        buffer_append(json->buf, ",", 1);
    json->comma = true;
}

void json_begin_object(struct json_writer *json)
{
    value_begins(json);
    buffer_append(json->buf, "{", 1);
    json->comma = false;
}

void json_end_object(struct json_writer *json)
{
    buffer_append(json->buf, "}", 1);
    json->comma = true;
}

void json_begin_array(struct json_writer *json)
{
    value_begins(json);
    buffer_append(json->buf, "[", 1);
    json->comma = false;
}

void json_end_array(struct json_writer *json)
{
    buffer_append(json->buf, "]", 1);
    json->comma = true;
}

void json_key(struct json_writer *json, const char *key)
{
    value_begins(json);
    buffer_append(json->buf, "\"", 1);
    buffer_append_string(json->buf, key);
    buffer_append(json->buf, "\":", 2);
    json->comma = false;
}

static const char *short_escape(unsigned char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

/* Eight bytes, each the same. */
#define EACH(byte) (G_GUINT64_CONSTANT(0x0101010101010101) * (byte))
/* The highest bit of each byte of WORD that is less than LIMIT, which is at most 0x80. What a
 * borrow from a byte before adds says that such a byte is there. */
#define LESS(word, limit) (((word)-EACH(limit)) & ~(word)&EACH(0x80))

/* The first byte from P on that does not stand in a string as it is; END: there is none. */
static const char *find_escaped(const char *p, const char *end)
{
    for (guint64 word; end - p >= (ptrdiff_t)sizeof word; p += sizeof word) {
        memcpy(&word, p, sizeof word);
        if (LESS(word, 0x20) | LESS(word ^ EACH('"'), 1) | LESS(word ^ EACH('\\'), 1))
            break;
    }
    while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
        p++;
    return p;
}

void json_put_string(struct json_writer *json, const char *text)
{
    if (!text) {
        json_put_null(json);
        return;
    }
    value_begins(json);
    buffer_append(json->buf, "\"", 1);
    const char *run = text, *end = text + strlen(text);
    for (const char *p = find_escaped(run, end); p < end; p = find_escaped(run, end)) {
        unsigned char c = (unsigned char)*p;
        const char *escape = short_escape(c);
        buffer_append(json->buf, run, (size_t)(p - run));
        if (escape)
            buffer_append(json->buf, escape, 2);
        else
            buffer_append_printf(json->buf, "\\u%04x", c);
        run = p + 1;
    }
    buffer_append(json->buf, run, (size_t)(end - run));
    buffer_append(json->buf, "\"", 1);
}

void json_put_null(struct json_writer *json)
{
    value_begins(json);
    buffer_append(json->buf, "null", 4);
}

void json_put_raw(struct json_writer *json, const char *text, size_t length)
{
    value_begins(json);
    buffer_append(json->buf, text, length);
}

void json_put_integer(struct json_writer *json, gint64 value)
{
    char text[24]; /* a page has thousands: printing costs ten times as much */
    char *begin = text + sizeof text;
    guint64 rest = value < 0 ? 0 - (guint64)value : (guint64)value;
    do
        *--begin = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0)
        *--begin = '-';
    json_put_raw(json, begin, (size_t)(text + sizeof text - begin));
}

void json_put_boolean(struct json_writer *json, bool value)
{
    value_begins(json);
    buffer_append(json->buf, value ? "true" : "false", value ? 4 : 5);
}

void json_put_time(struct json_writer *json, gint64 wall)
{
    char text[CLOCK_TIMESTAMP_SIZE + 2] = "\"";
    if (!wall) {
        json_put_null(json);
        return;
    }
    clock_format(wall, text + 1);
    text[CLOCK_TIMESTAMP_SIZE] = '"';
    json_put_raw(json, text, CLOCK_TIMESTAMP_SIZE + 1);
}

void json_member_string(struct json_writer *json, const char *key, const char *text)
{
    json_key(json, key);
    json_put_string(json, text);
}

void json_member_integer(struct json_writer *json, const char *key, gint64 value)
{
    json_key(json, key);
    json_put_integer(json, value);
}

void json_member_boolean(struct json_writer *json, const char *key, bool value)
{
    json_key(json, key);
    json_put_boolean(json, value);
}

void json_member_time(struct json_writer *json, const char *key, gint64 wall)
{
    json_key(json, key);
    json_put_time(json, wall);
}

void json_member_raw(struct json_writer *json, const char *key, const char *text)
{
    json_key(json, key);
    if (text)
        json_put_raw(json, text, strlen(text));
    else
        json_put_null(json);
}
