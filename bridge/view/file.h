/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What schema.def makes of several facts of a file, the links above all. VIEW: a struct file_view.
 */
#pragma once

#include "bridge/view/view.h"

void file_put_width(struct json_writer *json, const void *view);
void file_put_height(struct json_writer *json, const void *view);
void file_put_duration(struct json_writer *json, const void *view);
void file_put_download_url(struct json_writer *json, const void *view);
void file_put_thumbnail_url(struct json_writer *json, const void *view);
void file_put_stream_url(struct json_writer *json, const void *view);
void file_put_parts(struct json_writer *json, const void *view);
void file_put_host(struct json_writer *json, const void *view);
