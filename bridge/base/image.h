/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a picture says of itself, read without decoding anything. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum image_format { IMAGE_PNG, IMAGE_JPEG, IMAGE_WEBP, IMAGE_GIF, IMAGE_FORMAT_MAX };

struct image_head {
    enum image_format format;
    uint32_t width, height; /* 1 or more; as stored, before it is turned */
    unsigned orientation;   /* 1..8 as the Exif of a JPEG, PNG or WebP has it; else 1 */
    unsigned scans;         /* of a JPEG, how often its decoder goes over all pixels; else 1 */
    /* The first frame of a GIF or an animated WebP on its canvas; else 0, 0. */
    uint32_t frame_x, frame_y;
    /* An animated WebP's first frame, a picture of its own without a file's head; else 0, 0. */
    size_t frame_at, frame_length;
};

#define IMAGE_SIDE_MAX 8192
#define IMAGE_PIXELS_MAX (16 * 1024 * 1024)
#define IMAGE_SCANS_MAX 100                              /* encoders make some ten */
#define IMAGE_WORK_MAX (16 * (uint64_t)IMAGE_PIXELS_MAX) /* pixels times scans */

/* Reads the head of the LENGTH bytes at DATA, and of its blocks what is asked for above. False:
 * none of the formats above, or cut off. */
bool image_read_head(const void *data, size_t length, struct image_head *ret);
/* Whether a picture with that head is small enough to be decoded. */
bool image_is_bearable(const struct image_head *head);

/* The media type of FORMAT, and the format with that media type (parameters after ";" ignored);
 * IMAGE_FORMAT_MAX: none. */
const char *image_media_type(enum image_format format);
enum image_format image_format_of(const char *media_type);
