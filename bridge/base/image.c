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
    {"image/jpg", IMAGE_JPEG},  {"image/pjpeg", IMAGE_JPEG}, {"image/jfif", IMAGE_JPEG},
    {"image/x-png", IMAGE_PNG}, {"image/apng", IMAGE_PNG},
};

/* Bytes beyond the end read as 0; who cares asks span_has(). */
static uint32_t byte_at(const struct span *span, size_t at)
{
    return at < span->length ? span->data[at] : 0;
}

static bool span_has(const struct span *span, size_t at, size_t count)
{
    return at <= span->length && count <= span->length - at;
}

static uint32_t read_big16(const struct span *span, size_t at)
{
    return byte_at(span, at) << 8 | byte_at(span, at + 1);
}

static uint32_t read_big32(const struct span *span, size_t at)
{
    return read_big16(span, at) << 16 | read_big16(span, at + 2);
}

static uint32_t read_little16(const struct span *span, size_t at)
{
    return byte_at(span, at) | byte_at(span, at + 1) << 8;
}

static uint32_t read_little24(const struct span *span, size_t at)
{
    return read_little16(span, at) | byte_at(span, at + 2) << 16;
}

static uint32_t read_little32(const struct span *span, size_t at)
{
    return read_little16(span, at) | read_little16(span, at + 2) << 16;
}

static bool span_begins(const struct span *span, size_t at, const char *text, size_t length)
{
    return span_has(span, at, length) && memcmp(span->data + at, text, length) == 0;
}

/* The tag 0x0112 of the first directory of the Exif block of LENGTH bytes at AT; 1 when there is
 * none. Some put JPEG's prefix before it in other formats, too. */
static unsigned read_orientation(const struct span *span, size_t at_block, size_t length)
{
    if (!span_has(span, at_block, length))
        return 1;
    struct span block = {span->data + at_block, length};
    size_t prefix = span_begins(&block, 0, "Exif\0\0", 6) ? 6 : 0;
    const struct span *exif = &(struct span){block.data + prefix, length - prefix};
    bool little = span_begins(exif, 0, "II*\0", 4);
    if (!little && !span_begins(exif, 0, "MM\0*", 4))
        return 1;
    size_t at = little ? read_little32(exif, 4) : read_big32(exif, 4);
    uint32_t count = little ? read_little16(exif, at) : read_big16(exif, at);
    for (uint32_t i = 0; i < count && span_has(exif, at, 14 + 12 * (size_t)i); i++) {
        size_t entry = at + 2 + 12 * (size_t)i;
        if ((little ? read_little16(exif, entry) : read_big16(exif, entry)) != 0x0112)
            continue;
        uint32_t value = little ? read_little16(exif, entry + 8) : read_big16(exif, entry + 8);
        return value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}

/* Chunks up to the end; each has twelve bytes at least. Exif may stand behind the pixels. */
static bool read_png(const struct span *span, struct image_head *ret)
{
    if (!span_begins(span, 12, "IHDR", 4) || !span_has(span, 0, 33))
        return false;
    ret->width = read_big32(span, 16);
    ret->height = read_big32(span, 20);
    for (size_t at = 33; span_has(span, at, 12) && span_has(span, at + 12, read_big32(span, at));
         at += 12 + (size_t)read_big32(span, at)) {
        if (span_begins(span, at + 4, "eXIf", 4))
            ret->orientation = read_orientation(span, at + 8, read_big32(span, at));
    }
    return true;
}

/* Behind the sub-blocks at AT. */
static size_t skip_sub_blocks(const struct span *span, size_t at)
{
    while (byte_at(span, at) > 0)
        at += 1 + (size_t)byte_at(span, at);
    return at + 1;
}

/* The frame that is shown first may be smaller than the screen, and larger: it counts, too. */
static bool read_gif(const struct span *span, struct image_head *ret)
{
    bool colours = byte_at(span, 10) & 0x80;
    size_t at = 13 + (colours ? 3 * ((size_t)2 << (byte_at(span, 10) & 7)) : 0);
    while (byte_at(span, at) == 0x21) /* extensions */
        at = skip_sub_blocks(span, at + 2);
    if (byte_at(span, at) != 0x2c || !span_has(span, at, 10))
        return false;
    ret->frame_x = read_little16(span, at + 1);
    ret->frame_y = read_little16(span, at + 3);
    ret->width = MAX(read_little16(span, 6), ret->frame_x + read_little16(span, at + 5));
    ret->height = MAX(read_little16(span, 8), ret->frame_y + read_little16(span, at + 7));
    return read_little16(span, at + 5) > 0 && read_little16(span, at + 7) > 0;
}

/* The size that the chunk of pixels at AT has. */
static bool read_pixels(const struct span *span, size_t at, uint32_t *ret_width,
                        uint32_t *ret_height)
{
    if (span_begins(span, at, "VP8L", 4) && byte_at(span, at + 8) == 0x2f) {
        uint32_t bits = read_little32(span, at + 9);
        *ret_width = (bits & 0x3fff) + 1;
        *ret_height = (bits >> 14 & 0x3fff) + 1;
        return true;
    }
    *ret_width = read_little16(span, at + 14) & 0x3fff;
    *ret_height = read_little16(span, at + 16) & 0x3fff;
    return span_begins(span, at, "VP8 ", 4) && span_begins(span, at + 11, "\x9d\x01\x2a", 3);
}

/* The first frame of an animation: sixteen bytes, perhaps a chunk of transparency, then the pixels.
 * The frame must lie on the canvas, for the size of that is all that is looked at later. */
static bool read_frame(const struct span *span, size_t at, size_t length, struct image_head *ret)
{
    uint32_t width;
    uint32_t height;
    size_t pixels = at + 16;
    if (length <= 16)
        return false;
    if (span_begins(span, pixels, "ALPH", 4))
        pixels += 8 + (((size_t)read_little32(span, pixels + 4) + 1) & ~(size_t)1);
    ret->frame_x = 2 * read_little24(span, at);
    ret->frame_y = 2 * read_little24(span, at + 3);
    ret->frame_at = at + 16;
    ret->frame_length = length - 16;
    return read_pixels(span, pixels, &width, &height) && ret->frame_x + width <= ret->width &&
           ret->frame_y + height <= ret->height;
}

/* Chunks of an extended file; each has eight bytes at least. */
static bool read_extended(const struct span *span, struct image_head *ret)
{
    bool right = span_has(span, 0, 30);
    ret->width = read_little24(span, 24) + 1;
    ret->height = read_little24(span, 27) + 1;
    for (size_t at = 12; right && span_has(span, at, 8);) {
        size_t length = read_little32(span, at + 4);
        if (!span_has(span, at + 8, length))
            break;
        if (span_begins(span, at, "EXIF", 4))
            ret->orientation = read_orientation(span, at + 8, length);
        else if (span_begins(span, at, "ANMF", 4) && ret->frame_length == 0)
            right = read_frame(span, at + 8, length, ret);
        at += 8 + length + (length & 1);
    }
    return right;
}

static bool read_webp(const struct span *span, struct image_head *ret)
{
    if (span_begins(span, 12, "VP8X", 4))
        return read_extended(span, ret);
    return read_pixels(span, 12, &ret->width, &ret->height) && span_has(span, 0, 30);
}

/* How many scans stand from AT on, wherever: the decoder does not find more in a bad file. */
static unsigned count_scans(const struct span *span, size_t at)
{
    unsigned scans = 0;
    while (span_has(span, at, 2)) {
        const uint8_t *found = memchr(span->data + at, 0xff, span->length - at);
        if (!found)
            break;
        at = (size_t)(found - span->data) + 1;
        scans += byte_at(span, at) == 0xda;
    }
    return MAX(scans, 1);
}

static bool is_frame(uint32_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* Segments up to the first frame header; each is longer than nothing, so the walk ends. */
static bool read_jpeg(const struct span *span, struct image_head *ret)
{
    for (size_t at = 2; span_has(span, at, 4) && byte_at(span, at) == 0xff;) {
        uint32_t marker = byte_at(span, at + 1);
        if (marker == 0xff) { /* padding */
            at++;
            continue;
        }
        size_t length = read_big16(span, at + 2);
        if (length < 2 || marker < 0xc0 || marker == 0xd9 || marker == 0xda)
            return false;
        if (is_frame(marker)) {
            ret->height = read_big16(span, at + 5);
            ret->width = read_big16(span, at + 7);
            ret->scans = count_scans(span, at + 2 + length);
            return span_has(span, at, 9);
        }
        if (marker == 0xe1 && span_begins(span, at + 4, "Exif\0\0", 6))
            ret->orientation = read_orientation(span, at + 4, length - 2);
        at += 2 + length;
    }
    return false;
}

bool image_read_head(const void *data, size_t length, struct image_head *ret)
{
    struct span span = {data, length};
    struct image_head head = {.orientation = 1, .scans = 1};
    bool read = false;
    if (span_begins(&span, 0, "\x89PNG\r\n\x1a\n", 8)) {
        head.format = IMAGE_PNG;
        read = read_png(&span, &head);
    } else if (span_begins(&span, 0, "\xff\xd8\xff", 3)) {
        head.format = IMAGE_JPEG;
        read = read_jpeg(&span, &head);
    } else if (span_begins(&span, 0, "RIFF", 4) && span_begins(&span, 8, "WEBP", 4)) {
        head.format = IMAGE_WEBP;
        read = read_webp(&span, &head);
    } else if (span_begins(&span, 0, "GIF87a", 6) || span_begins(&span, 0, "GIF89a", 6)) {
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
    if (head->width > IMAGE_SIDE_MAX || head->height > IMAGE_SIDE_MAX)
        return false;
    uint64_t pixels = (uint64_t)head->width * head->height;
    return pixels <= IMAGE_PIXELS_MAX && head->scans <= IMAGE_SCANS_MAX &&
           pixels * head->scans <= IMAGE_WORK_MAX;
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
