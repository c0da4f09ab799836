/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Message object of a fresh message, a page, a list, a search and whatever else shows one. */
#pragma once

#include "bridge/view/view.h"

void message_view_write(struct buffer *buf, const struct message_view *message);

/* What schema.def makes of several facts. VIEW: a struct message_view. */
void message_put_metadata(struct json_writer *json, const void *view);
void message_put_edited(struct json_writer *json, const void *view);
void message_put_status(struct json_writer *json, const void *view);
void message_put_delivered_at(struct json_writer *json, const void *view);
void message_put_read_at(struct json_writer *json, const void *view);
