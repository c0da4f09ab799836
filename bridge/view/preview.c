/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The picture of a preview: one of ours that was made of what the page has, or a file of the
 * sender. */
#include "config.h"

#include "bridge/view/file.h"
#include "bridge/view/preview.h"

void preview_put_image(struct json_writer *json, const void *view)
{
    const struct preview_view *preview = view;
    g_autofree char *path =
        preview->image_hash ? g_strconcat("/api/avatars/", preview->image_hash, NULL) : NULL;
    if (path || !preview->file)
        json_put_string(json, path);
    else
        file_put_download_url(json, preview->file);
}
