/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Takes out of a picture's bytes what is not the picture: where and by what it was taken (Exif,
 * XMP, IPTC, texts), and what stands behind its end. Nothing is encoded again. How it is to be
 * turned stays. */
#pragma once

#include <glib.h>

/* The bytes that are left of the LENGTH bytes at DATA; the caller's. NULL: they cannot be read. */
GByteArray *image_scrub(const void *data, size_t length);
