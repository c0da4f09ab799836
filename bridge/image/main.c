/* SPDX-License-Identifier: GPL-3.0-or-later */
/* trestle-image: a picture on standard input becomes two on standard output, in a process that can
 * do nothing else. The daemon starts one per picture.
 *
 * Output: "trestle-image TYPE LENGTH PNG_LENGTH PNG_WIDTH PNG_HEIGHT\n", then the bytes of both.
 * Status 0 only then. */
#include "config.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/image/picture.h"
#include "bridge/image/sandbox.h"

#define INPUT_MAX (1024 * 1024)
#define MEMORY_MAX (512UL * 1024 * 1024)
#define SECONDS_MAX 2 /* of the processor; what image_is_bearable() lets pass takes 0.3 */

static size_t read_all(char *bytes, size_t most)
{
    size_t length = 0;
    while (length < most) {
        ssize_t count = read(STDIN_FILENO, bytes + length, most - length);
        if (count <= 0)
            break;
        length += (size_t)count;
    }
    return length;
}

int main(void)
{
    static const struct sandbox limits = {MEMORY_MAX, SECONDS_MAX};
    g_autofree char *bytes = g_malloc(INPUT_MAX + 1);
    char head[128];
    struct picture picture;
    if (!sandbox_enter(&limits, STDERR_FILENO)) {
        (void)!write(STDERR_FILENO, "trestle-image: no sandbox\n", 26);
        return 2;
    }
    size_t length = read_all(bytes, INPUT_MAX + 1);
    if (length > INPUT_MAX || !picture_make(bytes, length, &picture))
        return 1;
    g_snprintf(head, sizeof head, "trestle-image %s %zu %zu %d %d\n", picture.type, picture.length,
               picture.png_length, picture.png_width, picture.png_height);
    bool written = sandbox_write(head, strlen(head)) &&
                   sandbox_write(picture.data, picture.length) &&
                   sandbox_write(picture.png, picture.png_length);
    picture_clear(&picture);
    return written ? 0 : 1;
}
