/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How good and how large smaller pictures are, and that large JPEGs show before they are there. */
#include "config.h"

#include <gd.h>
#include <glib.h>
#include <math.h>
#include <string.h>

#include "bridge/base/image.h"
#include "bridge/image/parts.h"
#include "bridge/image/picture_part.h"
#include "bridge/image/progress.h"
#include "tests/unit/unit.h"

#define WIDTH 1200
#define HEIGHT 900

static guint8 channel(double wave, unsigned grain)
{
    return (guint8)CLAMP(128 + 100 * wave + (grain % 13) - 6, 0, 255);
}

/* Soft colours, some edges, and grain, as a camera has them; a JPEG of the best quality. */
static GBytes *photo_make(int width, int height)
{
    gdImagePtr image = gdImageCreateTrueColor(width, height);
    unsigned grain = 1;
    ck_assert_ptr_nonnull(image);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            grain = grain * 1103515245 + 12345;
            int colour =
                gdTrueColor(channel(sin(x / 90.0), grain >> 8), channel(cos(y / 70.0), grain >> 12),
                            channel(sin((x + y) / 130.0), grain >> 16));
            gdImageSetPixel(image, x, y, colour);
        }
    }
    for (int i = 1; i < 12; i++)
        gdImageFilledEllipse(image, i * width / 12, height / 2, width / 30, height / 3,
                             gdTrueColor(20 * i, 250 - 20 * i, 40));
    int length = 0;
    void *data = gdImageJpegPtr(image, &length, 95);
    gdImageDestroy(image);
    return g_bytes_new_with_free_func(data, (gsize)length, gdFree, data);
}

/* Whether it has the head of progressive frames (SOF2). */
static bool is_progressive(const guint8 *data, size_t length)
{
    for (size_t i = 2; i + 4 < length && data[i] == 0xff && data[i + 1] != 0xda;
         i += 2 + (size_t)(data[i + 2] << 8 | data[i + 3])) {
        if (data[i + 1] == 0xc2)
            return true;
    }
    return false;
}

/* How near A is to B, in decibels; 99: the same. */
static double psnr(gdImagePtr a, gdImagePtr b)
{
    double sum = 0;
    ck_assert(gdImageSX(a) == gdImageSX(b) && gdImageSY(a) == gdImageSY(b));
    for (int y = 0; y < gdImageSY(a); y++) {
        for (int x = 0; x < gdImageSX(a); x++) {
            int one = gdImageGetTrueColorPixel(a, x, y), two = gdImageGetTrueColorPixel(b, x, y);
            int red = gdTrueColorGetRed(one) - gdTrueColorGetRed(two);
            int green = gdTrueColorGetGreen(one) - gdTrueColorGetGreen(two);
            int blue = gdTrueColorGetBlue(one) - gdTrueColorGetBlue(two);
            sum += red * red + green * green + blue * blue;
        }
    }
    double error = sum / (3.0 * gdImageSX(a) * gdImageSY(a));
    return error > 0 ? 10 * log10(255.0 * 255.0 / error) : 99;
}

static gdImagePtr jpeg_read(const void *data, size_t length)
{
    return gdImageCreateFromJpegPtr((int)length, (void *)(guintptr)data);
}

static struct {
    GBytes *photo;
    size_t lengths[16];
    const char *names[16];
    unsigned count;
} seen;

static bool part_check(const struct part *part)
{
    gsize length = 0;
    const void *bytes = g_bytes_get_data(seen.photo, &length);
    bool jpeg = strcmp(part->type, "image/jpeg") == 0;
    gdImagePtr whole = jpeg_read(bytes, length);
    gdImagePtr wanted = picture_scale(whole, MAX(part->width, part->height));
    gdImagePtr got =
        jpeg ? jpeg_read(part->data, part->length)
             : gdImageCreateFromWebpPtr((int)part->length, (void *)(guintptr)part->data);
    ck_assert_msg(wanted && got, "%s", part->name);
    double near = psnr(wanted, got);
    double bits = 8.0 * (double)part->length / (part->width * part->height);
    g_print("%s: %zu bytes, %.2f bits a pixel, %.1f dB\n", part->name, part->length, bits, near);
    ck_assert_msg(near > 28, "%s: %.1f dB", part->name, near);
    ck_assert_msg(bits < 3, "%s: %.2f bits a pixel", part->name, bits);
    ck_assert_msg(!jpeg || is_progressive(part->data, part->length), "%s", part->name);
    seen.names[seen.count] = g_intern_string(part->name);
    seen.lengths[seen.count++] = part->length;
    gdImageDestroy(whole);
    gdImageDestroy(wanted);
    gdImageDestroy(got);
    return true;
}

static size_t length_of(const char *name)
{
    for (unsigned i = 0; i < seen.count; i++) {
        if (strcmp(seen.names[i], name) == 0)
            return seen.lengths[i];
    }
    ck_abort_msg("no %s", name);
    return 0;
}

START_TEST(smaller_pictures_are_small_and_look_the_same)
{
    gsize length = 0;
    seen.photo = photo_make(WIDTH, HEIGHT);
    const void *bytes = g_bytes_get_data(seen.photo, &length);
    ck_assert(parts_make(bytes, length, part_check));
    ck_assert_uint_eq(seen.count, 7);
    ck_assert_uint_lt(length_of("600.webp"), length_of("600.jpeg"));
    ck_assert_uint_lt(length_of("wide.webp"), length / 2);
    ck_assert_uint_lt(length_of("600.jpeg"), length / 4);
    g_bytes_unref(seen.photo);
}
END_TEST

/* JPEG with an Exif block that turns it, behind its first marker. */
static GByteArray *turned(GBytes *jpeg, guint8 orientation)
{
    const guint8 exif[] = {0xff, 0xe1, 0, 34, 'E', 'x',         'i', 'f', 0, 0,    'M', 'M',
                           0,    '*',  0, 0,  0,   8,           0,   1,   1, 0x12, 0,   3,
                           0,    0,    0, 1,  0,   orientation, 0,   0,   0, 0,    0,   0};
    gsize length = 0;
    const guint8 *bytes = g_bytes_get_data(jpeg, &length);
    GByteArray *out = g_byte_array_new();
    g_byte_array_append(out, bytes, 2);
    g_byte_array_append(out, exif, sizeof exif);
    return g_byte_array_append(out, bytes + 2, (guint)(length - 2));
}

START_TEST(large_jpegs_become_progressive_without_loss)
{
    g_autoptr(GBytes) photo = photo_make(WIDTH, HEIGHT);
    g_autoptr(GByteArray) jpeg = turned(photo, 6);
    g_autoptr(GByteArray) made = jpeg_progress(jpeg->data, jpeg->len);
    struct image_head head;
    ck_assert(!is_progressive(jpeg->data, jpeg->len));
    ck_assert_ptr_nonnull(made);
    ck_assert(is_progressive(made->data, made->len));
    ck_assert_uint_lt(made->len, jpeg->len + jpeg->len / 50);
    ck_assert(image_read_head(made->data, made->len, &head) && head.orientation == 6);
    ck_assert(image_is_bearable(&head));
    gdImagePtr one = jpeg_read(jpeg->data, jpeg->len), two = jpeg_read(made->data, made->len);
    ck_assert(psnr(one, two) == 99);
    gdImageDestroy(one);
    gdImageDestroy(two);
    ck_assert_ptr_null(jpeg_progress(made->data, made->len)); /* it is already */
}
END_TEST

START_TEST(what_is_small_or_broken_stays)
{
    gsize length = 0;
    g_autoptr(GBytes) small = photo_make(300, 200);
    g_autoptr(GBytes) photo = photo_make(WIDTH, HEIGHT);
    const guint8 *bytes = g_bytes_get_data(small, &length);
    ck_assert_ptr_null(jpeg_progress(bytes, length));
    bytes = g_bytes_get_data(photo, &length);
    for (size_t cut = 0; cut < length; cut += length / 40 + 1)
        ck_assert_ptr_null(jpeg_progress(bytes, cut));
    GRand *rand = g_rand_new_with_seed(1);
    for (int i = 0; i < 60; i++) { /* whatever it makes of them, it survives */
        g_autofree guint8 *broken = g_memdup2(bytes, length);
        for (int n = 0; n < 4; n++)
            broken[g_rand_int_range(rand, 2, (gint32)(n ? length : 700))] ^=
                (guint8)g_rand_int_range(rand, 1, 256);
        g_autoptr(GByteArray) made = jpeg_progress(broken, length);
        ck_assert(!made || is_progressive(made->data, made->len));
    }
    g_rand_free(rand);
    ck_assert_ptr_null(jpeg_progress((const guint8 *)"GIF89a", 6));
}
END_TEST

UNIT_MAIN("image_parts", smaller_pictures_are_small_and_look_the_same,
          large_jpegs_become_progressive_without_loss, what_is_small_or_broken_stays)
