/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures as libgd has them, for this folder. */
#pragma once

#include <gd.h>
#include <stdbool.h>
#include <stddef.h>

/* The first frame of LENGTH bytes, upright, its sides at most SIDE. NULL: it cannot be decoded. */
gdImagePtr picture_decode(const void *bytes, size_t length, int side);
/* A copy whose sides are at most SIDE, in true colour. */
gdImagePtr picture_scale(gdImagePtr image, int side);
bool picture_is_opaque(gdImagePtr image);
