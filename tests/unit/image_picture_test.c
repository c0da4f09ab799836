/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is promised for pictures holds for each format: tests/vectors/pictures has the same picture,
 * 16 × 12, the left half red, the right half blue, the corner at the top left green, as each format
 * can have it. */
#include "config.h"

#include <gd.h>
#include <glib.h>
#include <string.h>

#include "bridge/base/image.h"
#include "bridge/image/picture.h"
#include "tests/unit/unit.h"

#define TOLERANCE 40 /* of lossy formats */

static GBytes *load(const char *name)
{
    const char *source = g_getenv("srcdir");
    g_autofree char *path =
        g_build_filename(source ? source : ".", "tests", "vectors", "pictures", name, NULL);
    char *data = NULL;
    gsize length = 0;
    ck_assert_msg(g_file_get_contents(path, &data, &length, NULL), "%s", path);
    return g_bytes_new_take(data, length);
}

/* What is made of a file, as an app sees it. */
static gdImagePtr make(GBytes *file, const char *name)
{
    struct picture picture;
    gsize length = 0;
    const void *bytes = g_bytes_get_data(file, &length);
    ck_assert_msg(picture_make(bytes, length, &picture), "%s", name);
    gdImagePtr image = gdImageCreateFromPngPtr((int)picture.png_length, picture.png);
    ck_assert_ptr_nonnull(image);
    picture_clear(&picture);
    return image;
}

static gdImagePtr make_file(const char *name)
{
    g_autoptr(GBytes) file = load(name);
    return make(file, name);
}

static bool is_near(int value, int wanted)
{
    return ABS(value - wanted) <= TOLERANCE;
}

/* r, g, b; T: transparent; upper-case R, G, B: half transparent; ?: something else. */
static char letter_of(gdImagePtr image, int x, int y)
{
    static const struct {
        char letter;
        int red, green, blue;
    } colours[] = {{'r', 200, 30, 30}, {'g', 30, 200, 30}, {'b', 30, 30, 200}};
    int pixel = gdImageTrueColorPixel(image, x, y);
    int alpha = gdTrueColorGetAlpha(pixel);
    if (alpha == gdAlphaTransparent)
        return 'T';
    for (size_t i = 0; i < G_N_ELEMENTS(colours); i++)
        if (is_near(gdTrueColorGetRed(pixel), colours[i].red) &&
            is_near(gdTrueColorGetGreen(pixel), colours[i].green) &&
            is_near(gdTrueColorGetBlue(pixel), colours[i].blue))
            return alpha == 0 ? colours[i].letter : g_ascii_toupper(colours[i].letter);
    return '?';
}

/* The corners of IMAGE, line by line. */
static void expect_corners(gdImagePtr image, const char *name, const char *wanted)
{
    int right = gdImageSX(image) - 2;
    int bottom = gdImageSY(image) - 2;
    char got[] = {letter_of(image, 1, 1), letter_of(image, right, 1), letter_of(image, 1, bottom),
                  letter_of(image, right, bottom), '\0'};
    ck_assert_msg(strcmp(got, wanted) == 0, "%s: %s, not %s", name, got, wanted);
}

static void expect_size(gdImagePtr image, const char *name, int width, int height)
{
    ck_assert_msg(gdImageSX(image) == width && gdImageSY(image) == height, "%s: %d × %d", name,
                  gdImageSX(image), gdImageSY(image));
}

START_TEST(each_kind_of_each_format_is_read)
{
    static const struct {
        const char *name, *corners;
    } files[] = {
        {"baseline.jpg", "gbrb"},        {"progressive.jpg", "gbrb"},  {"cmyk.jpg", "gbrb"},
        {"plain.png", "gbrb"},           {"palette.png", "gbrb"},      {"alpha.png", "GBRB"},
        {"palette-alpha.png", "Tbrb"},   {"colour-key.png", "Tbrb"},   {"16-bit.png", "gbrb"},
        {"16-bit-alpha.png", "GBRB"},    {"interlaced.png", "gbrb"},   {"animated.png", "gbrb"},
        {"plain.gif", "gbrb"},           {"interlaced.gif", "gbrb"},   {"alpha.gif", "Tbrb"},
        {"animated.gif", "gbrb"},        {"frame-inside.gif", "TTTT"}, {"lossy.webp", "gbrb"},
        {"lossless.webp", "gbrb"},       {"alpha.webp", "GBRB"},       {"animated.webp", "gbrb"},
        {"animated-lossy.webp", "gbrb"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        gdImagePtr image = make_file(files[i].name);
        expect_size(image, files[i].name, 16, 12);
        expect_corners(image, files[i].name, files[i].corners);
        gdImageDestroy(image);
    }
}
END_TEST

START_TEST(greys_stay_grey)
{
    static const char *const files[] = {"grey.jpg", "grey.png"};
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        gdImagePtr image = make_file(files[i]);
        int left = gdImageTrueColorPixel(image, 1, 10);
        int right = gdImageTrueColorPixel(image, 14, 10);
        ck_assert(is_near(gdTrueColorGetRed(left), 81) && is_near(gdTrueColorGetRed(right), 49));
        ck_assert_int_eq(gdTrueColorGetRed(left), gdTrueColorGetBlue(left));
        gdImageDestroy(image);
    }
}
END_TEST

START_TEST(each_format_with_exif_is_turned_upright)
{
    static const char *const corners[] = {NULL,   "gbrb", "bgbr", "brbg", "rbgb",
                                          "grbb", "rgbb", "bbrg", "bbgr"};
    static const char *const types[] = {"jpg", "png", "webp"};
    for (int orientation = 1; orientation <= 8; orientation++) {
        for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
            g_autofree char *name = g_strdup_printf("turned-%d.%s", orientation, types[i]);
            if (orientation == 1 && i == 0)
                continue; /* baseline.jpg */
            gdImagePtr image = make_file(name);
            expect_size(image, name, orientation < 5 ? 16 : 12, orientation < 5 ? 12 : 16);
            expect_corners(image, name, corners[orientation]);
            gdImageDestroy(image);
        }
    }
    gdImagePtr behind = make_file("turned-6-behind.png");
    expect_corners(behind, "behind", "rgbb");
    gdImageDestroy(behind);
    gdImagePtr animated = make_file("animated-alpha-turned-6.webp");
    expect_corners(animated, "animated", "RGBB");
    gdImageDestroy(animated);
}
END_TEST

START_TEST(a_frame_has_its_place)
{
    gdImagePtr image = make_file("frame-inside.gif");
    ck_assert_int_eq(letter_of(image, 5, 4), 'r');
    ck_assert_int_eq(letter_of(image, 10, 7), 'b');
    ck_assert_int_eq(letter_of(image, 13, 7), 'T');
    gdImageDestroy(image);
}
END_TEST

/* ---- Work ------------------------------------------------------------------------------------ */

/* The file with its bytes from AT on replaced. */
static void expect_refused(const char *name, size_t at, const void *bytes, size_t length)
{
    g_autoptr(GBytes) file = load(name);
    gsize size = 0;
    g_autofree guint8 *data = g_memdup2(g_bytes_get_data(file, &size), g_bytes_get_size(file));
    size = g_bytes_get_size(file);
    memcpy(data + at, bytes, length);
    struct image_head head;
    ck_assert_msg(!image_read_head(data, size, &head) || !image_is_bearable(&head), "%s", name);
}

static size_t find(const char *name, const char *text, size_t length)
{
    g_autoptr(GBytes) file = load(name);
    gsize size = 0;
    const char *data = g_bytes_get_data(file, &size);
    for (size_t i = 0; i + length <= size; i++)
        if (memcmp(data + i, text, length) == 0)
            return i;
    ck_abort_msg("%s", name);
    return 0;
}

START_TEST(frames_larger_than_they_look_are_refused)
{
    size_t gif = find("plain.gif", "\x2c\0\0\0\0", 5);
    expect_refused("plain.gif", gif + 5, "\xff\xff\xff\xff", 4);
    expect_refused("plain.gif", gif + 1, "\xf0\xff\xf0\xff", 4);
    size_t webp = find("animated.webp", "ANMF", 4);
    expect_refused("animated.webp", webp + 8, "\x01\0\0", 3); /* beside the canvas */
    size_t pixels = find("animated.webp", "VP8L", 4);
    expect_refused("animated.webp", pixels + 9, "\xff\xff\xff\x0f", 4);
    expect_refused("animated.webp", pixels, "JUNK", 4);
}
END_TEST

/* A progressive JPEG with its last scan COUNT times more. */
static GBytes *repeat_scan(guint count)
{
    g_autoptr(GBytes) file = load("progressive.jpg");
    gsize size = 0;
    const guint8 *data = g_bytes_get_data(file, &size);
    size_t scan = size;
    for (size_t i = 0; i + 1 < size; i++)
        if (data[i] == 0xff && data[i + 1] == 0xda)
            scan = i;
    GByteArray *many = g_byte_array_new();
    g_byte_array_append(many, data, (guint)size - 2);
    for (guint i = 0; i < count; i++)
        g_byte_array_append(many, data + scan, (guint)(size - 2 - scan));
    g_byte_array_append(many, data + size - 2, 2);
    return g_byte_array_free_to_bytes(many);
}

START_TEST(scans_are_counted)
{
    struct image_head head;
    for (guint count = 0; count <= 13000; count = count ? count * 20 : 5) {
        g_autoptr(GBytes) file = repeat_scan(count);
        gsize size = 0;
        const void *data = g_bytes_get_data(file, &size);
        ck_assert(image_read_head(data, size, &head));
        ck_assert_uint_eq(head.scans, 10 + count);
        ck_assert_int_eq(image_is_bearable(&head), 10 + count <= IMAGE_SCANS_MAX);
    }
    g_autoptr(GBytes) few = repeat_scan(5);
    gdImageDestroy(make(few, "fifteen scans"));
    head = (struct image_head){.width = 4096, .height = 4096, .scans = 16};
    ck_assert(image_is_bearable(&head));
    head.scans++;
    ck_assert(!image_is_bearable(&head));
}
END_TEST

UNIT_MAIN("image_picture", each_kind_of_each_format_is_read, greys_stay_grey,
          each_format_with_exif_is_turned_upright, a_frame_has_its_place,
          frames_larger_than_they_look_are_refused, scans_are_counted)
