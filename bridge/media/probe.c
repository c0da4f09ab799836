/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <glib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/media/probe.h"

#define SEGMENTS_MAX 5000
#define BYTES_MAX (1LL << 40)
#define DAY 86400

/* ---- Streams --------------------------------------------------------------------------------- */

static bool segment_is_sane(double seconds, json_int_t offset, json_int_t length)
{
    return seconds >= 0 && seconds <= DAY && offset >= 0 && offset <= BYTES_MAX && length > 0 &&
           length <= BYTES_MAX;
}

json_t *probe_segments(const char *text, size_t length)
{
    g_autofree char *whole = g_strndup(text, length);
    g_auto(GStrv) lines = g_strsplit(whole, "\n", -1);
    json_t *segments = json_array();
    double seconds = 0;
    for (guint i = 0; lines[i] && json_array_size(segments) < SEGMENTS_MAX; i++) {
        json_int_t bytes, offset;
        if (g_str_has_prefix(lines[i], "#EXTINF:"))
            seconds = g_ascii_strtod(lines[i] + strlen("#EXTINF:"), NULL);
        else if (sscanf(lines[i], "#EXT-X-BYTERANGE:%" JSON_INTEGER_FORMAT "@%" JSON_INTEGER_FORMAT,
                        &bytes, &offset) == 2 &&
                 segment_is_sane(seconds, offset, bytes))
            json_array_append_new(
                segments, json_pack("[I, I, I]", (json_int_t)(seconds * 1000), offset, bytes));
    }
    if (json_array_size(segments) > 0)
        return segments;
    json_decref(segments);
    return NULL;
}

double probe_progress(const char *text, size_t length)
{
    static const char key[] = "out_time_us=";
    g_autofree char *whole = g_strndup(text, length);
    const char *last = g_strrstr(whole, key);
    gint64 made = last ? g_ascii_strtoll(last + strlen(key), NULL, 10) : 0;
    return made > 0 ? (double)made / G_USEC_PER_SEC : 0;
}

/* ---- What it is ------------------------------------------------------------------------------ */

static bool text_is(const json_t *object, const char *name, const char *wanted)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && strcmp(text, wanted) == 0;
}

static bool is_turned(const json_t *stream)
{
    const json_t *first = json_array_get(json_object_get(stream, "side_data_list"), 0);
    json_int_t angle = json_integer_value(json_object_get(first, "rotation"));
    return angle % 180 != 0;
}

static bool stream_is_slow(const json_t *stream)
{
    const char *rate = json_string_value(json_object_get(stream, "avg_frame_rate"));
    const char *slash = rate ? strchr(rate, '/') : NULL;
    double times = slash ? atof(rate) / MAX(atof(slash + 1), 1) : 0;
    return times > 0 && times <= 31;
}

static void stream_read(struct probe *ret, const json_t *stream)
{
    ret->opus = ret->opus || text_is(stream, "codec_name", "opus");
    if (!text_is(stream, "codec_type", "video") || ret->width > 0)
        return;
    json_int_t width = json_integer_value(json_object_get(stream, "width"));
    json_int_t height = json_integer_value(json_object_get(stream, "height"));
    bool turned = is_turned(stream);
    ret->width = (int)CLAMP(turned ? height : width, 0, 65535);
    ret->height = (int)CLAMP(turned ? width : height, 0, 65535);
    ret->copies = text_is(stream, "codec_name", "h264") && text_is(stream, "pix_fmt", "yuv420p") &&
                  MIN(width, height) <= 720 && MAX(width, height) <= 1280 && stream_is_slow(stream);
}

/* Every sound of a video that is copied must be one that players know. */
static bool sounds_are_known(const json_t *streams)
{
    size_t i;
    const json_t *stream;
    json_array_foreach(streams, i, stream)
    {
        if (text_is(stream, "codec_type", "audio") && !text_is(stream, "codec_name", "aac"))
            return false;
    }
    return true;
}

bool probe_read(const char *text, size_t length, struct probe *ret)
{
    size_t i;
    const json_t *stream;
    json_t *said = json_loadb(text, length, 0, NULL);
    const json_t *streams = json_object_get(said, "streams");
    const char *duration =
        json_string_value(json_object_get(json_object_get(said, "format"), "duration"));
    double seconds = duration ? g_ascii_strtod(duration, NULL) : 0;
    bool found = json_array_size(streams) > 0;
    if (found) {
        *ret = (struct probe){.seconds = isfinite(seconds) && seconds > 0 ? seconds : 0};
        json_array_foreach(streams, i, stream) stream_read(ret, stream);
        ret->copies = ret->copies && sounds_are_known(streams);
    }
    json_decref(said);
    return found;
}
