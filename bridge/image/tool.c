/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/image/fence.h"
#include "bridge/image/tool.h"

#define FFMPEG "/usr/bin/ffmpeg"
#define FFPROBE "/usr/bin/ffprobe"
#define INPUT "/proc/self/fd/3"
#define OUTPUT "/proc/self/fd/4"

/* What may be read: formats that people send, none that names other files. */
#define FORMATS "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,ogg,wav,flac,mp3,aac,avi,mpegts,amr,aiff,caf"
#define QUIET "-nostdin", "-v", "error", "-y", "-protocol_whitelist", "file,pipe"
#define FROM "-format_whitelist", FORMATS, "-threads", "1", "-i", INPUT
/* How much was made, to standard output, now and then and at the end. */
#define TOLD "-progress", "pipe:1", "-stats_period", "30"
#define BARE "-map_metadata", "-1", "-map_chapters", "-1", "-threads", "1"

/* One file, of which the playlist on standard output names parts. */
#define STREAM                                                                                     \
    "-f", "hls", "-hls_time", "4", "-hls_playlist_type", "vod", "-hls_flags", "single_file",       \
        "-hls_segment_filename", OUTPUT, "pipe:1"

static const struct {
    const char *name;
    const char *arguments[56];
} tools[] = {
    {"probe",
     {FFPROBE, "-v", "error", "-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS,
      "-show_entries",
      "format=duration,format_name:stream=codec_type,codec_name,width,height,pix_fmt,avg_frame_rate"
      ":stream_side_data=rotation",
      "-of", "json", INPUT}},
    {"wave", {FFMPEG, QUIET, FROM, "-vn", "-ac", "1", "-ar", "4000", "-f", "s16le", "pipe:1"}},
    {"ogg", {FFMPEG, QUIET, FROM, "-vn", "-c:a", "copy", BARE, "-f", "ogg", "pipe:1"}},
    {"poster",
     {FFMPEG, QUIET, FROM, "-an", "-frames:v", "1", "-vf",
      "scale='min(1280,iw)':'min(1280,ih)':force_original_aspect_ratio=decrease", BARE, "-c:v",
      "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p", "-f", "image2pipe", "pipe:1"}},
    {"copy",
     {FFMPEG, QUIET, TOLD, FROM, "-map", "0:v:0", "-map", "0:a:0?", "-c", "copy", BARE, "-movflags",
      "+faststart", "-f", "mp4", OUTPUT}},
    {"stream",
     {FFMPEG, QUIET, FROM, "-map", "0:v:0", "-map", "0:a:0?", "-c", "copy", BARE, STREAM}},
    {"low",
     {FFMPEG,
      QUIET,
      FROM,
      "-map",
      "0:v:0",
      "-map",
      "0:a:0?",
      "-vf",
      "scale='if(gt(iw,ih),min(640,iw),min(360,iw))':'if(gt(iw,ih),min(360,ih),min(640,ih))'"
      ":force_original_aspect_ratio=decrease:force_divisible_by=2",
      "-c:v",
      "libx264",
      "-preset",
      "veryfast",
      "-crf",
      "28",
      "-c:a",
      "aac",
      "-b:a",
      "64k",
      BARE,
      STREAM}},
    {"mp4",
     {FFMPEG,
      QUIET,
      TOLD,
      FROM,
      "-map",
      "0:v:0",
      "-map",
      "0:a:0?",
      "-vf",
      "scale='if(gt(iw,ih),min(1280,iw),min(720,iw))':'if(gt(iw,ih),min(720,ih),min(1280,ih))'"
      ":force_original_aspect_ratio=decrease:force_divisible_by=2,fps=30",
      "-c:v",
      "libx264",
      "-preset",
      "veryfast",
      "-crf",
      "24",
      "-pix_fmt",
      "yuv420p",
      "-c:a",
      "aac",
      "-b:a",
      "96k",
      BARE,
      "-movflags",
      "+faststart",
      "-f",
      "mp4",
      OUTPUT}},
};

int tool_run(const char *what)
{
    static char *const nothing[] = {NULL};
    if (strcmp(what, "wall") == 0)
        return fence_keeps_files() ? 0 : 1;
    for (size_t i = 0; i < G_N_ELEMENTS(tools); i++) {
        const char *const *arguments = tools[i].arguments;
        if (strcmp(tools[i].name, what) != 0)
            continue;
        if (!fence_enter())
            return 2;
        execve(arguments[0], (char *const *)(guintptr)arguments, nothing);
        return 127;
    }
    return 1;
}
