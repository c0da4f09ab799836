/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounded growing buffer. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bridge/base/buffer.h"

void buffer_init(struct buffer *buf, size_t ceiling)
{
    *buf = (struct buffer)BUFFER_INIT(ceiling);
}

void buffer_clear(struct buffer *buf)
{
    g_free(buf->data);
    buffer_init(buf, buf->ceiling);
}

void buffer_reset(struct buffer *buf)
{
    buf->length = 0;
    buf->overflow = false;
    if (buf->data)
        buf->data[0] = '\0';
}

static bool buffer_grow(struct buffer *buf, size_t more)
{
    if (buf->overflow || more > buf->ceiling - buf->length) {
        buf->overflow = true;
        return false;
    }
    size_t needed = buf->length + more + 1;
    if (needed > buf->capacity) {
        size_t capacity = MAX(buf->capacity * 2, 128);
        buf->capacity = MAX(needed, MIN(capacity, buf->ceiling + 1));
        buf->data = g_realloc(buf->data, buf->capacity);
    }
    return true;
}

void buffer_expect(struct buffer *buf, size_t more)
{
    buffer_grow(buf, MIN(more, buf->ceiling - buf->length));
}

bool buffer_append_growing(struct buffer *buf, const void *bytes, size_t length)
{
    if (!buffer_grow(buf, length))
        return false;
    if (length > 0)
        memcpy(buf->data + buf->length, bytes, length);
    buf->length += length;
    buf->data[buf->length] = '\0';
    return true;
}

bool buffer_append_string(struct buffer *buf, const char *text)
{
    return buffer_append(buf, text, strlen(text));
}

bool buffer_append_printf(struct buffer *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !buffer_grow(buf, (size_t)length))
        return false;
    va_start(arguments, format);
    vsnprintf(buf->data + buf->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buf->length += (size_t)length;
    return true;
}

void buffer_consume(struct buffer *buf, size_t length)
{
    g_return_if_fail(length <= buf->length);
    if (length == 0)
        return;
    memmove(buf->data, buf->data + length, buf->length - length + 1);
    buf->length -= length;
}

char *buffer_take(struct buffer *buf, size_t *ret_length)
{
    char *data = buf->data ? buf->data : g_strdup("");
    if (ret_length)
        *ret_length = buf->length;
    buf->data = NULL;
    buffer_init(buf, buf->ceiling);
    return data;
}

GBytes *buffer_take_bytes(struct buffer *buf)
{
    size_t length = 0;
    char *data = buffer_take(buf, &length);
    return g_bytes_new_take(data, length);
}
