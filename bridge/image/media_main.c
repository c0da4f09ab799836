/* SPDX-License-Identifier: GPL-3.0-or-later */
/* trestle-media: a picture on standard input becomes what is made of it on standard output, in a
 * process that can do nothing else. The daemon starts one per picture.
 *
 * Output: "trestle-media WIDTH HEIGHT\n", then for each part "NAME TYPE LENGTH WIDTH HEIGHT\n" and
 * its bytes. The part "clean" is the picture itself without what is not the picture. Status 0 if
 * that is there; a picture that is too large to be decoded has no other. For a large JPEG it comes
 * once more at the end, in progressive scans: it takes the place of the first one, which stays if
 * this process is ended on the way there.
 *
 * With an argument it becomes ffmpeg or ffprobe, see tool.h. */
#include "config.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/image.h"
#include "bridge/image/parts.h"
#include "bridge/image/progress.h"
#include "bridge/image/sandbox.h"
#include "bridge/image/scrub.h"
#include "bridge/image/tool.h"

#define INPUT_MAX (64 * 1024 * 1024)
#define MEMORY_MAX (1024UL * 1024 * 1024)
#define SECONDS_MAX 20

static GByteArray *read_all(void)
{
    GByteArray *bytes = g_byte_array_new();
    guint8 piece[65536];
    ssize_t count;
    while ((count = read(STDIN_FILENO, piece, sizeof piece)) > 0 && bytes->len <= INPUT_MAX)
        g_byte_array_append(bytes, piece, (guint)count);
    return bytes;
}

static bool part_write(const struct part *part)
{
    char head[160];
    g_snprintf(head, sizeof head, "%s %s %zu %d %d\n", part->name, part->type, part->length,
               part->width, part->height);
    return sandbox_write(head, strlen(head)) && sandbox_write(part->data, part->length);
}

static int picture_run(void)
{
    static const struct sandbox limits = {MEMORY_MAX, SECONDS_MAX};
    struct image_head head;
    char line[64];
    if (!sandbox_enter(&limits, STDERR_FILENO)) {
        (void)!write(STDERR_FILENO, "trestle-media: no sandbox\n", 26);
        return 2;
    }
    g_autoptr(GByteArray) bytes = read_all();
    if (bytes->len > INPUT_MAX || !image_read_head(bytes->data, bytes->len, &head))
        return 1;
    g_autoptr(GByteArray) clean = image_scrub(bytes->data, bytes->len);
    if (!clean)
        return 1;
    bool lies = head.orientation >= 5; /* on its side */
    unsigned width = lies ? head.height : head.width;
    unsigned height = lies ? head.width : head.height;
    g_snprintf(line, sizeof line, "trestle-media %u %u\n", width, height);
    struct part whole = {
        "clean", image_media_type(head.format), clean->data, clean->len, (int)width, (int)height};
    if (!sandbox_write(line, strlen(line)) || !part_write(&whole))
        return 1;
    parts_make(clean->data, clean->len, part_write);
    g_autoptr(GByteArray) progressive =
        head.format == IMAGE_JPEG ? jpeg_progress(clean->data, clean->len) : NULL;
    if (progressive) {
        whole.data = progressive->data;
        whole.length = progressive->len;
        part_write(&whole);
    }
    return 0;
}

int main(int argc, char **argv)
{
    (void)!nice(10); /* people wait for the daemon, nobody for this */
    return argc > 1 ? tool_run(argv[1]) : picture_run();
}
