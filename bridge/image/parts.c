/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/base/image.h"
#include "bridge/image/parts.h"
#include "bridge/image/picture_part.h"

#define JPEG_QUALITY 82
#define WEBP_QUALITY 80
#define PNG_LEVEL 6
#define WIDE_SIDE 2048

/* A copy on white: JPEG has no transparency. */
static gdImagePtr picture_flatten(gdImagePtr image)
{
    gdImagePtr flat = gdImageCreateTrueColor(gdImageSX(image), gdImageSY(image));
    if (!flat)
        return NULL;
    gdImageFilledRectangle(flat, 0, 0, gdImageSX(image) - 1, gdImageSY(image) - 1,
                           gdTrueColor(255, 255, 255));
    gdImageCopy(flat, image, 0, 0, 0, 0, gdImageSX(image), gdImageSY(image));
    return flat;
}

static void *jpeg_make(gdImagePtr image, int *ret_length)
{
    gdImagePtr flat = picture_flatten(image);
    if (!flat)
        return NULL;
    gdImageInterlace(flat, 1); /* progressive: it shows before all of it is there */
    void *data = gdImageJpegPtr(flat, ret_length, JPEG_QUALITY);
    gdImageDestroy(flat);
    return data;
}

static void *encode_as(gdImagePtr image, const char *type, int *ret_length)
{
    if (strcmp(type, "image/webp") == 0)
        return gdImageWebpPtrEx(image, ret_length, WEBP_QUALITY);
    if (strcmp(type, "image/png") == 0)
        return gdImagePngPtrEx(image, ret_length, PNG_LEVEL);
    return jpeg_make(image, ret_length);
}

struct recipe {
    int side;
    const char *name, *type;
};

static bool part_emit(gdImagePtr image, const struct recipe *recipe,
                      bool (*emit)(const struct part *part))
{
    int length = 0;
    gdImagePtr scaled = picture_scale(image, recipe->side);
    void *data = scaled ? encode_as(scaled, recipe->type, &length) : NULL;
    bool done = false;
    if (data && length > 0) {
        struct part part = {recipe->name,   recipe->type,      data,
                            (size_t)length, gdImageSX(scaled), gdImageSY(scaled)};
        done = emit(&part);
    }
    gdFree(data);
    if (scaled)
        gdImageDestroy(scaled);
    return done;
}

bool parts_make(const void *bytes, size_t length, bool (*emit)(const struct part *part))
{
    static const struct recipe small[] = {
        {600, "600.jpeg", "image/jpeg"}, {600, "600.webp", "image/webp"},
        {300, "300.jpeg", "image/jpeg"}, {300, "300.webp", "image/webp"},
        {150, "150.jpeg", "image/jpeg"}, {150, "150.webp", "image/webp"},
    };
    static const struct recipe wide_jpeg = {WIDE_SIDE, "wide.jpeg", "image/jpeg"};
    static const struct recipe wide_png = {WIDE_SIDE, "wide.png", "image/png"};
    static const struct recipe wide_webp = {WIDE_SIDE, "wide.webp", "image/webp"};
    struct image_head head;
    gdImagePtr image = picture_decode(bytes, length, WIDE_SIDE);
    if (!image || !image_read_head(bytes, length, &head))
        return false;
    bool done = true;
    for (size_t i = 0; done && i < G_N_ELEMENTS(small); i++)
        done = part_emit(image, &small[i], emit);
    if (done && head.format == IMAGE_WEBP)
        done = part_emit(image, picture_is_opaque(image) ? &wide_jpeg : &wide_png, emit);
    else if (done && head.format != IMAGE_GIF)
        done = part_emit(image, &wide_webp, emit);
    gdImageDestroy(image);
    return done;
}
