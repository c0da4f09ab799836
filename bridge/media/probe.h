/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ffmpeg and ffprobe say about a sound or a video, read. The file that they read came from
 * outside, and so what they say is believed within bounds. Pure code. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define PROBE_DURATION_MAX (2147483647 / 1000) /* seconds; who says more is not believed */

struct probe {
    double seconds;    /* of the file, as it says; 0: it does not say. Finite, not below 0 */
    int width, height; /* of the first picture as it is shown, 0 to 65535; 0: there is none */
    bool opus;         /* a sound of it is */
    bool copies;       /* pictures and sounds are what every client can show */
};

/* The JSON of ffprobe, LENGTH bytes. False: it is none, or there is neither sound nor picture. */
bool probe_read(const char *text, size_t length, struct probe *ret);

/* The segments that a playlist of byte ranges (HLS) names: [[milliseconds, offset, bytes], …], a
 * new reference. NULL: none. */
json_t *probe_segments(const char *text, size_t length);

/* How many seconds were made, as the last word of ffmpeg -progress says; 0: it does not say. */
double probe_progress(const char *text, size_t length);
