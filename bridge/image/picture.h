/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decoding, scaling and encoding of one picture. Nothing of the original bytes gets into the
 * results: no metadata, no trailing data, the first frame only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define PICTURE_SIDE 512     /* longest side of the picture for apps */
#define PICTURE_PNG_SIDE 192 /* longest side of the one for XMPP, less if it gets too large */
#define PICTURE_PNG_MAX (48 * 1024) /* bytes, so at most 64 KiB in base64 */

struct picture {
    const char *type; /* of DATA: JPEG, or PNG when it has transparency; static */
    void *data;       /* owned, as PNG */
    size_t length;
    void *png;
    size_t png_length;
    int png_width, png_height;
};

/* False: it cannot be decoded; what was made until then is lost with the process. */
bool picture_make(const void *bytes, size_t length, struct picture *ret);
void picture_clear(struct picture *picture);
