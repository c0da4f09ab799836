/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A wall for files, seccomp for the rest: both outlast the exec. */
#include "config.h"

#include <glib.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bridge/image/sandbox.h"
#include "bridge/image/tool.h"
#include "bridge/image/wall.h"

#define FFMPEG "/usr/bin/ffmpeg"
#define FFPROBE "/usr/bin/ffprobe"
#define INPUT "/proc/self/fd/3"
#define OUTPUT "/proc/self/fd/4"
#define MEMORY_MAX (2048UL * 1024 * 1024)
#define SECONDS_MAX 900
#define FILE_MAX (2048UL * 1024 * 1024)

/* What may be read: formats that people send, none that names other files. */
#define FORMATS "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,ogg,wav,flac,mp3,aac,avi,mpegts,amr,aiff,caf"
#define QUIET "-nostdin", "-v", "error", "-y", "-protocol_whitelist", "file,pipe"
#define FROM "-format_whitelist", FORMATS, "-threads", "1", "-i", INPUT
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
     {FFMPEG, QUIET, FROM, "-map", "0:v:0", "-map", "0:a:0?", "-c", "copy", BARE, "-movflags",
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

/* What programs are made of. */
static const char *const program_files[] = {
    "/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives", NULL};

/* Beyond what every program makes. */
static const int tool_calls[] = {
    SCMP_SYS(pwrite64), SCMP_SYS(openat),        SCMP_SYS(prctl),         SCMP_SYS(getrusage),
    SCMP_SYS(statfs),   SCMP_SYS(get_mempolicy), SCMP_SYS(set_mempolicy), SCMP_SYS(mlock),
    SCMP_SYS(munlock),  SCMP_SYS(ftruncate),     SCMP_SYS(execve),
};

static bool calls_forbid(void)
{
    scmp_filter_ctx filter = sandbox_filter_new();
    bool done = filter && sandbox_filter_allow(filter, tool_calls, G_N_ELEMENTS(tool_calls)) &&
                seccomp_load(filter) == 0;
    seccomp_release(filter);
    return done;
}

static int wall_run(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && wall_build(program_files) ? 0 : 1;
}

int tool_run(const char *what)
{
    static char *const nothing[] = {NULL};
    if (strcmp(what, "wall") == 0)
        return wall_run();
    for (size_t i = 0; i < G_N_ELEMENTS(tools); i++) {
        const char *const *arguments = tools[i].arguments;
        if (strcmp(tools[i].name, what) != 0)
            continue;
        close_range(5, ~0U, 0);
        bool limited = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                       sandbox_limit(RLIMIT_CORE, 0) && sandbox_limit(RLIMIT_CPU, SECONDS_MAX) &&
                       (SANITIZED || sandbox_limit(RLIMIT_AS, MEMORY_MAX)) &&
                       sandbox_limit(RLIMIT_FSIZE, FILE_MAX);
        if (limited)
            wall_build(program_files);
        if (!limited || !calls_forbid())
            return 2;
        execve(arguments[0], (char *const *)(guintptr)arguments, nothing);
        return 127;
    }
    return 1;
}
