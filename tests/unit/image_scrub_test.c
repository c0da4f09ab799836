/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is taken out of pictures, and what stays: of each in tests/vectors/pictures. */
#include "config.h"

#include <string.h>

#include "bridge/base/image.h"
#include "bridge/image/scrub.h"
#include "tests/unit/unit.h"

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

static bool holds(const GByteArray *bytes, const char *text)
{
    return memmem(bytes->data, bytes->len, text, strlen(text)) != NULL;
}

/* What is left is the same picture, as it is to be turned, and to take out of it once more changes
 * nothing. False: it is no picture that is read. */
static bool check_picture(const char *name)
{
    g_autoptr(GBytes) file = load(name);
    gsize length = 0;
    const void *data = g_bytes_get_data(file, &length);
    struct image_head before, after;
    if (!image_read_head(data, length, &before))
        return false;
    g_autoptr(GByteArray) clean = image_scrub(data, length);
    ck_assert_msg(clean && image_read_head(clean->data, clean->len, &after), "%s", name);
    ck_assert_msg(before.format == after.format && before.width == after.width &&
                      before.height == after.height && before.orientation == after.orientation,
                  "%s", name);
    g_autoptr(GByteArray) again = image_scrub(clean->data, clean->len);
    ck_assert_msg(again && again->len == clean->len &&
                      memcmp(again->data, clean->data, clean->len) == 0,
                  "%s", name);
    /* What stands behind the end is no part of it. */
    static const guint8 behind[] = "PK\3\4 another file";
    g_autoptr(GByteArray) longer = g_byte_array_new();
    g_byte_array_append(longer, data, (guint)length);
    g_byte_array_append(longer, behind, sizeof behind);
    g_autoptr(GByteArray) cut = image_scrub(longer->data, longer->len);
    ck_assert_msg(cut && !holds(cut, "another file"), "%s", name);
    /* Whatever is missing of it, nothing is read beyond it. */
    for (gsize left = 0; left < length; left += 1 + left / 64) {
        g_autofree void *part = g_memdup2(data, left);
        GByteArray *rest = image_scrub(part, left);
        if (rest)
            g_byte_array_unref(rest);
    }
    return true;
}

START_TEST(pictures_stay_what_they_are)
{
    const char *source = g_getenv("srcdir");
    g_autofree char *path =
        g_build_filename(source ? source : ".", "tests", "vectors", "pictures", NULL);
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;
    unsigned count = 0;
    ck_assert_ptr_nonnull(folder);
    while ((name = g_dir_read_name(folder)))
        count += check_picture(name);
    ck_assert_uint_gt(count, 10);
}
END_TEST

START_TEST(what_tells_where_is_taken_out)
{
    /* A JPEG of one component, with Exif that turns it and says more, XMP, IPTC, a comment. */
    static const char jpeg[] = "\xff\xd8"
                               "\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
                               "\xff\xe1\0\x2a"
                               "Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
                               "at home"
                               "\0"
                               "\xff\xe1\0\x0e"
                               "http://ns.ad"
                               "\xff\xed\0\x0b"
                               "Photoshop"
                               "\xff\xfe\0\x0f"
                               "at 52N and 4E"
                               "\xff\xdb\0\x05\0aa"
                               "\xff\xc0\0\x0b\x08\0\x10\0\x10\1\1\x11\0"
                               "\xff\xda\0\x08\1\1\0\0\x3f\0"
                               "pixels\xff\0more"
                               "\xff\xd9"
                               "behind it";
    struct image_head head;
    g_autoptr(GByteArray) clean = image_scrub(jpeg, sizeof jpeg - 1);
    ck_assert_ptr_nonnull(clean);
    ck_assert(image_read_head(clean->data, clean->len, &head));
    ck_assert_uint_eq(head.orientation, 6);
    ck_assert(holds(clean, "JFIF") && holds(clean, "pixels"));
    ck_assert(!holds(clean, "at home") && !holds(clean, "http") && !holds(clean, "Photoshop"));
    ck_assert(!holds(clean, "52N") && !holds(clean, "behind"));
}
END_TEST

UNIT_MAIN("image_scrub", pictures_stay_what_they_are, what_tells_where_is_taken_out)
