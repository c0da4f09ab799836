/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures with libgd. */
#include "config.h"

#include <gd.h>
#include <glib.h>

#include "bridge/base/image.h"
#include "bridge/image/picture.h"
#include "bridge/image/picture_part.h"

#define JPEG_QUALITY 85
#define PNG_LEVEL 9
#define PNG_SIDE_LEAST 32

static gdImagePtr decode_frame(enum image_format format, void *bytes, int length)
{
    switch (format) {
    case IMAGE_PNG:
        return gdImageCreateFromPngPtr(length, bytes);
    case IMAGE_JPEG:
        return gdImageCreateFromJpegPtrEx(length, bytes, 0); /* a truncated file is an error */
    case IMAGE_WEBP:
        return gdImageCreateFromWebpPtr(length, bytes);
    case IMAGE_GIF:
        return gdImageCreateFromGifPtr(length, bytes);
    case IMAGE_FORMAT_MAX:
    default:
        return NULL;
    }
}

/* The colour that a PNG calls transparent is left as it is by whatever copies true colours. */
static void clear_transparent(gdImagePtr image)
{
    int colour = gdImageGetTransparent(image);
    if (!gdImageTrueColor(image) || colour < 0)
        return;
    gdImageAlphaBlending(image, 0);
    for (int y = 0; y < gdImageSY(image); y++)
        for (int x = 0; x < gdImageSX(image); x++)
            if ((gdImageTrueColorPixel(image, x, y) & 0xffffff) == (colour & 0xffffff))
                gdImageSetPixel(image, x, y, gdTrueColorAlpha(0, 0, 0, gdAlphaTransparent));
}

/* FRAME, which is taken, at its place on a canvas as large as HEAD says. */
static gdImagePtr frame_place(gdImagePtr frame, const struct image_head *head)
{
    int width = (int)head->width;
    int height = (int)head->height;
    if (!frame || (gdImageSX(frame) == width && gdImageSY(frame) == height))
        return frame;
    gdImagePtr canvas = gdImageCreateTrueColor(width, height);
    if (canvas) {
        gdImageAlphaBlending(canvas, 0);
        gdImageFilledRectangle(canvas, 0, 0, width, height,
                               gdTrueColorAlpha(0, 0, 0, gdAlphaTransparent));
        gdImageCopy(canvas, frame, (int)head->frame_x, (int)head->frame_y, 0, 0, gdImageSX(frame),
                    gdImageSY(frame));
    }
    gdImageDestroy(frame);
    return canvas;
}

/* The first frame of LENGTH bytes, of which HEAD was read. */
static gdImagePtr frame_decode(const struct image_head *head, const char *bytes, size_t length)
{
    const char *at = bytes + head->frame_at;
    size_t size = head->frame_length > 0 ? head->frame_length : length;
    gdImagePtr image = decode_frame(head->format, (void *)(guintptr)at, (int)size);
    if (image)
        clear_transparent(image);
    bool framed = head->format == IMAGE_GIF || head->format == IMAGE_WEBP;
    return framed ? frame_place(image, head) : image;
}

/* A copy whose sides are at most SIDE, in true colour. */
gdImagePtr picture_scale(gdImagePtr image, int side)
{
    int width = gdImageSX(image);
    int height = gdImageSY(image);
    int longest = MAX(MAX(width, height), side);
    int new_width = MAX(1, (int)((gint64)width * side / longest));
    int new_height = MAX(1, (int)((gint64)height * side / longest));
    gdImagePtr scaled = gdImageCreateTrueColor(new_width, new_height);
    if (!scaled)
        return NULL;
    gdImageAlphaBlending(scaled, 0);
    gdImageSaveAlpha(scaled, 1);
    gdImageCopyResampled(scaled, image, 0, 0, 0, 0, new_width, new_height, width, height);
    return scaled;
}

/* As Exif's orientation asks for: mirrored first, then turned. Takes IMAGE. */
static gdImagePtr image_turn(gdImagePtr image, unsigned orientation)
{
    static const float degrees[] = {0, 0, 0, 180, 180, 90, 270, 270, 90};
    if (orientation == 2 || orientation == 4 || orientation == 5 || orientation == 7)
        gdImageFlipHorizontal(image);
    if (degrees[orientation] == 0)
        return image;
    gdImagePtr turned = gdImageRotateInterpolated(image, degrees[orientation], 0);
    gdImageDestroy(image);
    return turned;
}

bool picture_is_opaque(gdImagePtr image)
{
    for (int y = 0; y < gdImageSY(image); y++)
        for (int x = 0; x < gdImageSX(image); x++)
            if (gdTrueColorGetAlpha(gdImageTrueColorPixel(image, x, y)) != gdAlphaOpaque)
                return false;
    return true;
}

static bool image_encode(gdImagePtr image, struct picture *ret)
{
    int length = 0;
    if (picture_is_opaque(image)) {
        ret->type = image_media_type(IMAGE_JPEG);
        ret->data = gdImageJpegPtr(image, &length, JPEG_QUALITY);
    } else {
        ret->type = image_media_type(IMAGE_PNG);
        ret->data = gdImagePngPtrEx(image, &length, PNG_LEVEL);
    }
    ret->length = (size_t)length;
    return ret->data && length > 0;
}

static bool encode_png(gdImagePtr image, struct picture *ret)
{
    for (int side = PICTURE_PNG_SIDE; side >= PNG_SIDE_LEAST; side = side * 3 / 4) {
        gdImagePtr small = picture_scale(image, side);
        int length = 0;
        if (!small)
            return false;
        ret->png = gdImagePngPtrEx(small, &length, PNG_LEVEL);
        ret->png_length = (size_t)length;
        ret->png_width = gdImageSX(small);
        ret->png_height = gdImageSY(small);
        gdImageDestroy(small);
        if (ret->png && length > 0 && length <= PICTURE_PNG_MAX)
            return true;
        gdFree(ret->png);
    }
    return false;
}

gdImagePtr picture_decode(const void *bytes, size_t length, int side)
{
    struct image_head head;
    if (length > G_MAXINT || !image_read_head(bytes, length, &head) || !image_is_bearable(&head))
        return NULL;
    gdImagePtr image = frame_decode(&head, bytes, length);
    if (!image)
        return NULL;
    gdImagePtr scaled = picture_scale(image, side);
    gdImageDestroy(image);
    return scaled ? image_turn(scaled, head.orientation) : NULL;
}

bool picture_make(const void *bytes, size_t length, struct picture *ret)
{
    gdImagePtr scaled = picture_decode(bytes, length, PICTURE_SIDE);
    if (!scaled)
        return false;
    bool made = image_encode(scaled, ret) && encode_png(scaled, ret);
    gdImageDestroy(scaled);
    return made;
}

void picture_clear(struct picture *picture)
{
    gdFree(picture->data);
    gdFree(picture->png);
    *picture = (struct picture){0};
}
