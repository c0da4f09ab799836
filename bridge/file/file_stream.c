/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signed links name the file by its id; those of XMPP, by a path, have no playlists. */
#include "config.h"

#include <string.h>

#include "bridge/core/request.h"
#include "bridge/file/file_stream.h"

#define TYPE "application/vnd.apple.mpegurl"
#define MASTER "stream"

static const char *part_name(const json_t *part)
{
    const char *name = json_string_value(json_object_get(part, "name"));
    return name ? name : "";
}

static json_int_t part_number(const json_t *part, const char *member)
{
    return json_integer_value(json_object_get(part, member));
}

/* Bits a second, of its largest segment. */
static json_int_t part_bandwidth(const json_t *part)
{
    json_int_t most = 1;
    size_t i;
    const json_t *segment;
    json_array_foreach(json_object_get(part, "segments"), i, segment)
    {
        json_int_t time = MAX(json_integer_value(json_array_get(segment, 0)), 1);
        most = MAX(most, json_integer_value(json_array_get(segment, 2)) * 8000 / time);
    }
    return most;
}

static void master_write(GString *text, const struct uuid *id, const json_t *parts)
{
    size_t i;
    const json_t *part;
    g_string_append(text, "#EXTM3U\n#EXT-X-VERSION:4\n");
    json_array_foreach(parts, i, part)
    {
        if (!json_object_get(part, "segments"))
            continue;
        g_autofree char *stem = g_strndup(part_name(part), strcspn(part_name(part), "."));
        g_autofree char *list = g_strconcat(stem, ".m3u8", NULL);
        g_autofree char *link = file_link_signed(id, list, list);
        g_string_append_printf(text,
                               "#EXT-X-STREAM-INF:BANDWIDTH=%" JSON_INTEGER_FORMAT
                               ",RESOLUTION=%" JSON_INTEGER_FORMAT "x%" JSON_INTEGER_FORMAT
                               "\n%s\n",
                               part_bandwidth(part), part_number(part, "width"),
                               part_number(part, "height"), link ? link : "");
    }
}

static void segments_write(GString *text, const struct uuid *id, const json_t *part)
{
    g_autofree char *link = file_link_signed(id, part_name(part), part_name(part));
    g_autoptr(GString) each = g_string_new(NULL);
    json_int_t longest = 1000;
    size_t i;
    const json_t *segment;
    json_array_foreach(json_object_get(part, "segments"), i, segment)
    {
        json_int_t time = json_integer_value(json_array_get(segment, 0));
        longest = MAX(longest, time);
        g_string_append_printf(each,
                               "#EXTINF:%" JSON_INTEGER_FORMAT ".%03d,\n#EXT-X-BYTERANGE:"
                               "%" JSON_INTEGER_FORMAT "@%" JSON_INTEGER_FORMAT "\n%s\n",
                               time / 1000, (int)(time % 1000),
                               json_integer_value(json_array_get(segment, 2)),
                               json_integer_value(json_array_get(segment, 1)), link ? link : "");
    }
    g_string_append_printf(
        text,
        "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:%" JSON_INTEGER_FORMAT
        "\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n%s#EXT-X-ENDLIST\n",
        (longest + 999) / 1000, each->str);
}

static bool playlist_write(GString *text, const struct file_link *link, const json_t *parts)
{
    g_autofree char *stem = g_strndup(link->part, strcspn(link->part, "."));
    size_t i;
    const json_t *part;
    bool master = strcmp(stem, MASTER) == 0;
    json_array_foreach(parts, i, part)
    {
        const char *name = part_name(part);
        size_t length = strcspn(name, ".");
        if (!json_object_get(part, "segments"))
            continue;
        if (master) {
            master_write(text, &link->id, parts);
            return true;
        }
        if (strlen(stem) == length && strncmp(stem, name, length) == 0) {
            segments_write(text, &link->id, part);
            return true;
        }
    }
    return false;
}

bool file_stream_reply(struct request *request, const struct file_link *link, const json_t *parts,
                       const char *caching)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (link->path[0] || !g_str_has_suffix(link->part, ".m3u8") ||
        !playlist_write(text, link, parts))
        return false;
    g_autofree char *etag = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, -1);
    g_autoptr(GBytes) bytes = g_bytes_new(text->str, text->len);
    struct reply_bytes content = {bytes, TYPE, etag};
    request_add_header(request, "Cache-Control", caching);
    request_reply_bytes(request, &content);
    return true;
}
