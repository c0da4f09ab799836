/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ffprobe and ffmpeg say, and the samples of a sound: whatever comes, what is read of it keeps
 * its bounds. The same bytes are taken for each of them. */
#include "config.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "bridge/media/probe.h"
#include "bridge/media/wave.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void probe_check(const char *text, size_t size)
{
    struct probe probe;
    if (probe_read(text, size, &probe) &&
        (!isfinite(probe.seconds) || probe.seconds < 0 || probe.width < 0 || probe.width > 65535 ||
         probe.height < 0 || probe.height > 65535 ||
         (probe.copies &&
          (MIN(probe.width, probe.height) > 720 || MAX(probe.width, probe.height) > 1280))))
        abort();
    double made = probe_progress(text, size);
    if (!isfinite(made) || made < 0)
        abort();
}

static void segments_check(const char *text, size_t size)
{
    size_t i;
    const json_t *segment;
    json_t *segments = probe_segments(text, size);
    if (json_array_size(segments) > 5000 || (segments && json_array_size(segments) == 0))
        abort();
    json_array_foreach(segments, i, segment)
    {
        json_int_t time = json_integer_value(json_array_get(segment, 0));
        json_int_t at = json_integer_value(json_array_get(segment, 1));
        json_int_t length = json_integer_value(json_array_get(segment, 2));
        if (time < 0 || time > 86400000 || at < 0 || length <= 0 || length > G_MAXINT64 - at)
            abort();
    }
    json_decref(segments);
}

static void wave_check(const uint8_t *data, size_t size)
{
    size_t count = size / sizeof(gint16);
    gsize length = 0;
    g_autofree gint16 *samples = g_new(gint16, count + 1);
    memcpy(samples, data, count * sizeof(gint16));
    g_autofree char *drawn = wave_draw(samples, count);
    if ((count > 0) != (drawn != NULL))
        abort();
    if (!drawn)
        return;
    g_autofree guchar *points = g_base64_decode(drawn, &length);
    bool silent = true;
    guint8 loudest = 0;
    for (size_t i = 0; i < count; i++)
        silent = silent && samples[i] == 0;
    for (size_t i = 0; i < length; i++)
        loudest = MAX(loudest, points[i]);
    if (length != MIN(count, WAVE_POINTS) || loudest != (silent ? 0 : 255))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    probe_check((const char *)data, size);
    segments_check((const char *)data, size);
    wave_check(data, size);
    return 0;
}
