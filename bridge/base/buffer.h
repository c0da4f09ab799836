/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growing byte buffer that is born with a ceiling. Appending past the ceiling sets `overflow`,
 * leaves the content as it was and makes every later append a no-op, so that a writer checks once,
 * at the end. The content is always NUL-terminated. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct buffer {
    char *data;
    size_t length;
    size_t capacity;
    size_t ceiling; /* largest permitted length, in bytes */
    bool overflow;
};
typedef struct buffer buffer;

#define BUFFER_INIT(bytes)                                                                         \
    {                                                                                              \
        .ceiling = (bytes)                                                                         \
    }

void buffer_init(struct buffer *buf, size_t ceiling);
void buffer_clear(struct buffer *buf); /* frees the content; the buffer may be reused */
void buffer_reset(struct buffer *buf); /* length 0, keeps the memory */
void buffer_expect(struct buffer *buf, size_t more); /* makes room at once for what is to come */
bool buffer_append_growing(struct buffer *buf, const void *bytes, size_t length);
bool buffer_append_string(struct buffer *buf, const char *text);
bool buffer_append_printf(struct buffer *buf, const char *format, ...) G_GNUC_PRINTF(2, 3);
void buffer_consume(struct buffer *buf, size_t length); /* drops LENGTH bytes from the front */
char *buffer_take(struct buffer *buf,
                  size_t *ret_length); /* caller frees with g_free; never NULL */
GBytes *buffer_take_bytes(struct buffer *buf);

/* Here, for a page calls it thousands of times and there mostly is room. */
static inline bool buffer_append(struct buffer *buf, const void *bytes, size_t length)
{
    if (buf->overflow || buf->capacity - buf->length <= length)
        return buffer_append_growing(buf, bytes, length);
    memcpy(buf->data + buf->length, bytes, length);
    buf->length += length;
    buf->data[buf->length] = '\0';
    return true;
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(buffer, buffer_clear)
