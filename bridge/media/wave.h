/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How loud a sound is, in a few bytes: what players draw. Pure code. */
#pragma once

#include <glib.h>

#define WAVE_POINTS 100

/* COUNT samples as at most WAVE_POINTS bytes, the loudest of each stretch, the loudest of all 255;
 * base64. The caller frees it; NULL: there are none. */
char *wave_draw(const gint16 *samples, size_t count);
