/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>

#include "bridge/media/wave.h"

char *wave_draw(const gint16 *samples, size_t count)
{
    int peaks[WAVE_POINTS] = {0};
    guint8 points[WAVE_POINTS];
    size_t length = MIN(count, WAVE_POINTS);
    int loudest = 1;
    for (size_t i = 0; i < count; i++) {
        size_t point = i * length / count;
        peaks[point] = MAX(peaks[point], abs((int)samples[i]));
        loudest = MAX(loudest, peaks[point]);
    }
    for (size_t i = 0; i < length; i++)
        points[i] = (guint8)(peaks[i] * 255 / loudest);
    return length > 0 ? g_base64_encode(points, length) : NULL;
}
