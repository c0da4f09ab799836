/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sounds and videos: how long they are, how loud, their first picture, and a form that every client
 * can show; by ffmpeg, which trestle-media runs with few rights. */
#pragma once

#include "bridge/media/render.h"

/* As picture_render(). facts also: duration (milliseconds), waveform. most_seconds: what it
 * may last, 0: no limit; one that is longer is ERROR_TOO_LARGE. */
struct film_plan {
    struct render_plan render;
    bool video;
    gint64 most_seconds;
    bool streams; /* parts for HLS are made of videos, too */
};

void film_render(const struct film_plan *plan);
void film_stop(void);

/* Says in the log if nothing keeps ffmpeg from files (Landlock). */
void film_start(void);
