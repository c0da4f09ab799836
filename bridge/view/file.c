/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Links to files. There is none to what nobody may have now: what is locked gets its links when it
 * is unlocked. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/base/file_link.h"
#include "bridge/view/file.h"

/* What is not known is null. */
static void put_known(struct json_writer *json, gint64 number)
{
    if (number > 0)
        json_put_integer(json, number);
    else
        json_put_null(json);
}

void file_put_width(struct json_writer *json, const void *view)
{
    put_known(json, ((const struct file_view *)view)->width);
}

void file_put_height(struct json_writer *json, const void *view)
{
    put_known(json, ((const struct file_view *)view)->height);
}

void file_put_duration(struct json_writer *json, const void *view)
{
    put_known(json, ((const struct file_view *)view)->duration);
}

static bool is_handed_out(const struct file_view *file)
{
    /* A picture that still says where it was taken is nobody's yet. */
    bool shown = file->state && strcmp(file->state, "processing") == 0 &&
                 g_strcmp0(file->kind, "image") != 0;
    bool there = shown || (file->state && strcmp(file->state, "complete") == 0);
    return there && !file->locked && (!file->scan || strcmp(file->scan, "clean") == 0);
}

static void put_link(struct json_writer *json, const struct file_view *file, const char *part,
                     const char *name)
{
    g_autofree char *link = is_handed_out(file) ? file_link_signed(&file->id, part, name) : NULL;
    json_put_string(json, link);
}

void file_put_download_url(struct json_writer *json, const void *view)
{
    const struct file_view *file = view;
    put_link(json, file, "", file->name ? file->name : "");
}

static const char *part_text(const json_t *part, const char *member)
{
    const char *text = json_string_value(json_object_get(part, member));
    return text ? text : "";
}

static json_t *parts_of(const struct file_view *file)
{
    return file->parts ? json_loads(file->parts, 0, NULL) : NULL;
}

void file_put_thumbnail_url(struct json_writer *json, const void *view)
{
    const struct file_view *file = view;
    json_t *parts = parts_of(file);
    const char *found = NULL;
    size_t i;
    const json_t *part;
    json_array_foreach(parts, i, part)
    {
        if (strcmp(part_text(part, "name"), "300.jpeg") == 0)
            found = part_text(part, "name");
    }
    if (found)
        put_link(json, file, found, found);
    else
        json_put_null(json);
    json_decref(parts);
}

void file_put_stream_url(struct json_writer *json, const void *view)
{
    const struct file_view *file = view;
    json_t *parts = parts_of(file);
    bool found = false;
    size_t i;
    const json_t *part;
    json_array_foreach(parts, i, part) found = found || json_object_get(part, "segments") != NULL;
    if (found)
        put_link(json, file, "stream.m3u8", "stream.m3u8");
    else
        json_put_null(json);
    json_decref(parts);
}

static void put_number(struct json_writer *json, const json_t *part, const char *member)
{
    const json_t *number = json_object_get(part, member);
    if (json_is_integer(number))
        json_member_integer(json, member, json_integer_value(number));
    else
        json_member_string(json, member, NULL);
}

void file_put_parts(struct json_writer *json, const void *view)
{
    const struct file_view *file = view;
    json_t *parts = parts_of(file);
    size_t i;
    const json_t *part;
    json_begin_array(json);
    json_array_foreach(parts, i, part)
    {
        const char *name = part_text(part, "name");
        json_begin_object(json);
        json_member_string(json, "name", name);
        json_member_string(json, "mime_type", part_text(part, "type"));
        json_member_integer(json, "size", json_integer_value(json_object_get(part, "size")));
        put_number(json, part, "width");
        put_number(json, part, "height");
        json_key(json, "url");
        put_link(json, file, name, name);
        json_end_object(json);
    }
    json_end_array(json);
    json_decref(parts);
}

void file_put_host(struct json_writer *json, const void *view)
{
    const struct file_view *file = view;
    const char *at = file->url ? strstr(file->url, "://") : NULL;
    if (!at) {
        json_put_null(json);
        return;
    }
    g_autofree char *host = g_strndup(at + 3, strcspn(at + 3, "/?#"));
    json_put_string(json, host);
}
