/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. */
#include "config.h"

#include <glib.h>
#include <string.h>
#include <zlib.h>

#include "bridge/http/coding.h"

#define GZIP_WINDOW (15 + 16) /* bits; 16: with the head and tail of gzip */
#define GZIP_LEVEL 1          /* pages of JSON are a sixth by it already */
#define GZIP_MEMORY 8

bool coding_is_accepted(const char *accepted, const char *name)
{
    g_auto(GStrv) items = g_strsplit(accepted ? accepted : "", ",", 16);
    for (char **item = items; *item; item++) {
        g_auto(GStrv) parts = g_strsplit(*item, ";", 2);
        const char *weight = parts[0] && parts[1] ? strstr(parts[1], "q=0") : NULL;
        bool refused = weight && !strpbrk(weight, "123456789");
        if (parts[0] && !refused && g_ascii_strcasecmp(g_strstrip(parts[0]), name) == 0)
            return true;
    }
    return false;
}

char *coding_gzip(const char *content, size_t length, size_t *ret_length)
{
    z_stream stream = {.next_in = (Bytef *)(guintptr)content, .avail_in = (uInt)length};
    if (length < CODING_FROM || length > CODING_UP_TO ||
        deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    g_autofree char *coded = g_malloc(length);
    stream.next_out = (Bytef *)coded;
    stream.avail_out = (uInt)length;
    bool fits = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    *ret_length = length - stream.avail_out;
    deflateEnd(&stream);
    return fits ? g_steal_pointer(&coded) : NULL;
}
