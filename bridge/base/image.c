/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of PNG, JPEG, WebP and GIF. Every read is checked against the end. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/base/image.h"

struct span {
    const uint8_t *data;
    size_t length;
};

static const char *const types[IMAGE_FORMAT_MAX] = {"image/png", "image/jpeg", "image/webp",
                                                    "image/gif"};

/* Other names by which clients call these. */
static const struct {
    const char *name;
    enum image_format format;
} aliases[] = {
    {"image/jpg", IMAGE_JPEG},   {"image/pjpeg", IMAGE_JPEG}, {"image/jfif", IMAGE_JPEG},
    {"image/x-png", IMAGE_PNG}, {"image/apng", IMAGE_PNG},
};

/* Bytes beyond the end read as 0; who cares asks has(). */
static uint32_t byte_at(const struct span *span, size_t at)
{
    return at < span->length ? span->data[at] : 0;
}

static bool has(const struct span *span, size_t at, size_t count)
{
    return at <= span->length && count <= span->length - at;
}

static uint32_t big16(const struct span *span, size_t at)
{
    return byte_at(span, at) << 8 | byte_at(span, at + 1);
}

static uint32_t big32(const struct span *span, size_t at)
{
    return big16(span, at) << 16 | big16(span, at + 2);
}

static uint32_t little16(const struct span *span, size_t at)
{
    return byte_at(span, at) | byte_at(span, at + 1) << 8;
}

static uint32_t little24(const struct span *span, size_t at)
{
    return little16(span, at) | byte_at(span, at + 2) << 16;
}

static uint32_t little32(const struct span *span, size_t at)
{
    return little16(span, at) | little16(span, at + 2) << 16;
}

static bool begins(const struct span *span, size_t at, const char *text, size_t length)
{
    return has(span, at, length) && memcmp(span->data + at, text, length) == 0;
}

static bool read_png(const struct span *span, struct image_head *ret)
{
    if (!begins(span, 12, "IHDR", 4) || !has(span, 0, 33))
        return false;
    ret->width = big32(span, 16);
    ret->height = big32(span, 20);
    return true;
}

static bool read_gif(const struct span *span, struct image_head *ret)
{
    ret->width = little16(span, 6);
    ret->height = little16(span, 8);
    return has(span, 0, 13);
}

static bool read_webp(const struct span *span, struct image_head *ret)
{
    if (begins(span, 12, "VP8X", 4)) {
        ret->width = little24(span, 24) + 1;
        ret->height = little24(span, 27) + 1;
    } else if (begins(span, 12, "VP8L", 4) && byte_at(span, 20) == 0x2f) {
        uint32_t bits = little32(span, 21);
        ret->width = (bits & 0x3fff) + 1;
        ret->height = (bits >> 14 & 0x3fff) + 1;
    } else if (begins(span, 12, "VP8 ", 4) && begins(span, 23, "\x9d\x01\x2a", 3)) {
        ret->width = little16(span, 26) & 0x3fff;
        ret->height = little16(span, 28) & 0x3fff;
    } else {
        return false;
    }
    return has(span, 0, 30);
}

/* The tag 0x0112 of the first directory of an Exif block; 1 when there is none. */
static unsigned read_orientation(const struct span *exif)
{
    bool little = begins(exif, 0, "II*\0", 4);
    if (!little && !begins(exif, 0, "MM\0*", 4))
        return 1;
    size_t at = little ? little32(exif, 4) : big32(exif, 4);
    uint32_t count = little ? little16(exif, at) : big16(exif, at);
    for (uint32_t i = 0; i < count && has(exif, at, 14 + 12 * (size_t)i); i++) {
        size_t entry = at + 2 + 12 * (size_t)i;
        if ((little ? little16(exif, entry) : big16(exif, entry)) != 0x0112)
            continue;
        uint32_t value = little ? little16(exif, entry + 8) : big16(exif, entry + 8);
        return value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}

static bool is_frame(uint32_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* Segments up to the first frame header; each is longer than nothing, so the walk ends. */
static bool read_jpeg(const struct span *span, struct image_head *ret)
{
    for (size_t at = 2; has(span, at, 4) && byte_at(span, at) == 0xff;) {
        uint32_t marker = byte_at(span, at + 1);
        if (marker == 0xff) { /* padding */
            at++;
            continue;
        }
        size_t length = big16(span, at + 2);
        if (length < 2 || marker < 0xc0 || marker == 0xd9 || marker == 0xda)
            return false;
        if (is_frame(marker)) {
            ret->height = big16(span, at + 5);
            ret->width = big16(span, at + 7);
            return has(span, at, 9);
        }
        if (marker == 0xe1 && begins(span, at + 4, "Exif\0\0", 6) && has(span, at, length + 2) &&
            length >= 8) {
            struct span exif = {span->data + at + 10, length - 8};
            ret->orientation = read_orientation(&exif);
        }
        at += 2 + length;
    }
    return false;
}

bool image_read_head(const void *data, size_t length, struct image_head *ret)
{
    struct span span = {data, length};
    struct image_head head = {.orientation = 1};
    bool read = false;
    if (begins(&span, 0, "\x89PNG\r\n\x1a\n", 8)) {
        head.format = IMAGE_PNG;
        read = read_png(&span, &head);
    } else if (begins(&span, 0, "\xff\xd8\xff", 3)) {
        head.format = IMAGE_JPEG;
        read = read_jpeg(&span, &head);
    } else if (begins(&span, 0, "RIFF", 4) && begins(&span, 8, "WEBP", 4)) {
        head.format = IMAGE_WEBP;
        read = read_webp(&span, &head);
    } else if (begins(&span, 0, "GIF87a", 6) || begins(&span, 0, "GIF89a", 6)) {
        head.format = IMAGE_GIF;
        read = read_gif(&span, &head);
    }
    if (!read || head.width == 0 || head.height == 0)
        return false;
    *ret = head;
    return true;
}

bool image_is_bearable(const struct image_head *head)
{
    return head->width <= IMAGE_SIDE_MAX && head->height <= IMAGE_SIDE_MAX &&
           head->width * head->height <= IMAGE_PIXELS_MAX;
}

const char *image_media_type(enum image_format format)
{
    return format < IMAGE_FORMAT_MAX ? types[format] : NULL;
}

static bool type_is(const char *media_type, const char *name)
{
    size_t length = strlen(name);
    return g_ascii_strncasecmp(media_type, name, length) == 0 &&
           (media_type[length] == '\0' || strchr("; \t", media_type[length]));
}

enum image_format image_format_of(const char *media_type)
{
    for (int i = 0; media_type && i < IMAGE_FORMAT_MAX; i++) {
        if (type_is(media_type, types[i]))
            return (enum image_format)i;
    }
    for (size_t i = 0; media_type && i < G_N_ELEMENTS(aliases); i++) {
        if (type_is(media_type, aliases[i].name))
            return aliases[i].format;
    }
    return IMAGE_FORMAT_MAX;
}
