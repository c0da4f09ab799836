/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks are copied or left out; every length is checked against the end. */
#include "config.h"

#include <string.h>

#include "bridge/base/image.h"
#include "bridge/image/scrub.h"

struct bytes {
    const guint8 *at;
    size_t left;
};

static void bytes_copy(GByteArray *out, struct bytes *in, size_t length)
{
    g_byte_array_append(out, in->at, (guint)length);
    in->at += length;
    in->left -= length;
}

static void bytes_skip(struct bytes *in, size_t length)
{
    in->at += length;
    in->left -= length;
}

/* Exif with the orientation and nothing else, big-endian. */
static void orientation_append(GByteArray *out, unsigned orientation)
{
    const guint8 exif[] = {'M', 'M',  0, '*', 0, 0, 0, 8, 0, 1,
                           1,   0x12, 0, 3,   0, 0, 0, 1, 0, (guint8)orientation,
                           0,   0,    0, 0,   0, 0};
    g_byte_array_append(out, exif, sizeof exif);
}
#define EXIF_SIZE 26

/* ---- JPEG ------------------------------------------------------------------------------------ */

/* Application data that decoders need: JFIF, colour profiles, Adobe's transform. */
static bool jpeg_keeps(guint8 marker, const struct bytes *segment)
{
    if (marker == 0xe2)
        return segment->left >= 16 && memcmp(segment->at + 4, "ICC_PROFILE", 12) == 0;
    bool application = marker >= 0xe1 && marker <= 0xef && marker != 0xee;
    return !application && marker != 0xfe;
}

/* Behind a head of a scan: its data, up to the next marker. */
static bool jpeg_copy_scan(GByteArray *out, struct bytes *in)
{
    for (size_t i = 0; i + 1 < in->left; i++) {
        guint8 next = in->at[i + 1];
        if (in->at[i] == 0xff && next != 0 && next != 0xff && !(next >= 0xd0 && next <= 0xd7)) {
            bytes_copy(out, in, i);
            return true;
        }
    }
    return false;
}

static bool scrub_jpeg(GByteArray *out, struct bytes in, unsigned orientation)
{
    if (in.left < 4)
        return false;
    bytes_copy(out, &in, 2);
    bool turned = orientation == 1;
    while (in.left >= 2 && in.at[0] == 0xff) {
        guint8 marker = in.at[1];
        if (marker == 0xff) {
            bytes_skip(&in, 1);
            continue;
        }
        if (marker == 0xd9) {
            bytes_copy(out, &in, 2);
            return true;
        }
        size_t length = in.left >= 4 ? 2 + ((size_t)in.at[2] << 8 | in.at[3]) : 0;
        if (length < 4 || length > in.left)
            return false;
        if (!turned && marker != 0xe0) { /* behind JFIF */
            const guint8 head[] = {0xff, 0xe1, 0, 2 + 6 + EXIF_SIZE, 'E', 'x', 'i', 'f', 0, 0};
            g_byte_array_append(out, head, sizeof head);
            orientation_append(out, orientation);
            turned = true;
        }
        if (jpeg_keeps(marker, &in))
            bytes_copy(out, &in, length);
        else
            bytes_skip(&in, length);
        if (marker == 0xda && !jpeg_copy_scan(out, &in))
            return false;
    }
    return false;
}

/* ---- PNG ------------------------------------------------------------------------------------- */

static guint32 crc32_of(const guint8 *data, size_t length)
{
    guint32 crc = 0xffffffff;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void append_big32(GByteArray *out, guint32 number)
{
    guint32 big = GUINT32_TO_BE(number);
    g_byte_array_append(out, (const guint8 *)&big, sizeof big);
}

static void png_append_orientation(GByteArray *out, unsigned orientation)
{
    append_big32(out, EXIF_SIZE);
    guint at = out->len;
    g_byte_array_append(out, (const guint8 *)"eXIf", 4);
    orientation_append(out, orientation);
    append_big32(out, crc32_of(out->data + at, 4 + EXIF_SIZE));
}

static bool scrub_png(GByteArray *out, struct bytes in, unsigned orientation)
{
    static const char dropped[] = "eXIf tEXt zTXt iTXt tIME";
    if (in.left < 8 + 25)
        return false;
    bytes_copy(out, &in, 8);
    while (in.left >= 12) {
        guint32 length =
            (guint32)in.at[0] << 24 | (guint32)in.at[1] << 16 | (guint32)in.at[2] << 8 | in.at[3];
        char name[5] = {0};
        memcpy(name, in.at + 4, 4);
        if (length > in.left - 12)
            return false;
        bool text = strlen(name) == 4 && strstr(dropped, name);
        if (text)
            bytes_skip(&in, 12 + (size_t)length);
        else
            bytes_copy(out, &in, 12 + (size_t)length);
        if (strcmp(name, "IHDR") == 0 && orientation != 1)
            png_append_orientation(out, orientation);
        if (strcmp(name, "IEND") == 0)
            return true;
    }
    return false;
}

/* ---- WebP ------------------------------------------------------------------------------------ */

static void webp_put_size(GByteArray *out, guint at, guint32 size)
{
    guint32 little = GUINT32_TO_LE(size);
    memcpy(out->data + at, &little, sizeof little);
}

static bool scrub_webp(GByteArray *out, struct bytes in, unsigned orientation)
{
    if (in.left < 20)
        return false;
    guint32 promised = (guint32)in.at[4] | (guint32)in.at[5] << 8 | (guint32)in.at[6] << 16 |
                       (guint32)in.at[7] << 24;
    if (promised < 12 || promised > in.left - 8)
        return false;
    in.left = 8 + (size_t)promised;
    bytes_copy(out, &in, 12);
    while (in.left >= 8) {
        guint32 length = (guint32)in.at[4] | (guint32)in.at[5] << 8 | (guint32)in.at[6] << 16 |
                         (guint32)in.at[7] << 24;
        size_t whole = 8 + (size_t)length + (length & 1);
        if (length > in.left - 8)
            return false;
        whole = MIN(whole, in.left);
        bool extended = memcmp(in.at, "VP8X", 4) == 0;
        if (memcmp(in.at, "EXIF", 4) == 0 || memcmp(in.at, "XMP ", 4) == 0)
            bytes_skip(&in, whole);
        else
            bytes_copy(out, &in, whole);
        if (extended && length >= 10) {
            guint8 *flags = &out->data[out->len - whole + 8];
            *flags = (guint8)((*flags & ~0x0c) | (orientation != 1 ? 0x08 : 0));
        }
    }
    if (orientation != 1) {
        const guint8 head[] = {'E', 'X', 'I', 'F', EXIF_SIZE, 0, 0, 0};
        g_byte_array_append(out, head, sizeof head);
        orientation_append(out, orientation);
    }
    webp_put_size(out, 4, out->len - 8);
    return true;
}

/* ---- GIF ------------------------------------------------------------------------------------- */

/* How long a chain of sub-blocks is; 0: it does not end. */
static size_t gif_chain(const guint8 *at, size_t left)
{
    size_t length = 0;
    while (length < left && at[length] > 0)
        length += 1 + (size_t)at[length];
    return length < left ? length + 1 : 0;
}

/* Comments go, and what applications put in; how often it repeats stays. */
static bool gif_keeps(const struct bytes *block)
{
    if (block->at[1] == 0xfe)
        return false;
    return block->at[1] != 0xff ||
           (block->left >= 14 && (memcmp(block->at + 3, "NETSCAPE2.0", 11) == 0 ||
                                  memcmp(block->at + 3, "ANIMEXTS1.0", 11) == 0));
}

/* How long the head of a picture is, with its colours and the size of its codes; 0: it is cut off.
 */
static size_t gif_image_head(const struct bytes *in)
{
    if (in->left < 11)
        return 0;
    size_t colours = in->at[9] & 0x80 ? 3 * ((size_t)2 << (in->at[9] & 7)) : 0;
    return in->left > 11 + colours ? 11 + colours : 0;
}

static bool scrub_gif(GByteArray *out, struct bytes in, unsigned orientation)
{
    (void)orientation;
    if (in.left < 14)
        return false;
    size_t head = 13 + (in.at[10] & 0x80 ? 3 * ((size_t)2 << (in.at[10] & 7)) : 0);
    if (head >= in.left)
        return false;
    bytes_copy(out, &in, head);
    while (in.left >= 3 && (in.at[0] == 0x21 || in.at[0] == 0x2c)) {
        size_t begin = in.at[0] == 0x21 ? 2 : gif_image_head(&in);
        size_t chain = begin ? gif_chain(in.at + begin, in.left - begin) : 0;
        if (!chain)
            return false;
        if (in.at[0] == 0x2c || gif_keeps(&in))
            bytes_copy(out, &in, begin + chain);
        else
            bytes_skip(&in, begin + chain);
    }
    if (in.left == 0 || in.at[0] != 0x3b)
        return false;
    bytes_copy(out, &in, 1);
    return true;
}

GByteArray *image_scrub(const void *data, size_t length)
{
    static bool (*const scrubs[IMAGE_FORMAT_MAX])(GByteArray *, struct bytes, unsigned) = {
        [IMAGE_PNG] = scrub_png,
        [IMAGE_JPEG] = scrub_jpeg,
        [IMAGE_WEBP] = scrub_webp,
        [IMAGE_GIF] = scrub_gif,
    };
    struct image_head head;
    if (length > G_MAXINT || !image_read_head(data, length, &head))
        return NULL;
    GByteArray *out = g_byte_array_sized_new((guint)length);
    if (scrubs[head.format](out, (struct bytes){data, length}, head.orientation))
        return out;
    g_byte_array_unref(out);
    return NULL;
}
