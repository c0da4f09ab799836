/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes JSON straight into a bounded buffer. The writer places commas; the caller balances
 * begin/end. Text must be valid UTF-8 (text_is_xml_safe), which every entrance has checked. */
#pragma once

#include "bridge/base/buffer.h"
#include "bridge/base/id.h"

struct json_writer {
    struct buffer *buf; /* borrowed */
    bool comma;         /* whether the next value needs a comma before it */
};

void json_writer_init(struct json_writer *json, struct buffer *buf);
void json_begin_object(struct json_writer *json);
void json_end_object(struct json_writer *json);
void json_begin_array(struct json_writer *json);
void json_end_array(struct json_writer *json);
void json_key(struct json_writer *json, const char *key);         /* KEY must need no escaping */
void json_put_string(struct json_writer *json, const char *text); /* NULL writes null */
void json_put_integer(struct json_writer *json, gint64 value);
void json_put_boolean(struct json_writer *json, bool value);
void json_put_time(struct json_writer *json, gint64 wall); /* 0: null */
void json_put_null(struct json_writer *json);
void json_put_raw(struct json_writer *json, const char *text, size_t length); /* ready JSON value */
/* KEY and value in one call. */
void json_member_string(struct json_writer *json, const char *key, const char *text);
void json_member_integer(struct json_writer *json, const char *key, gint64 value);
void json_member_boolean(struct json_writer *json, const char *key, bool value);
void json_member_time(struct json_writer *json, const char *key, gint64 wall);     /* 0: null */
void json_member_raw(struct json_writer *json, const char *key, const char *text); /* NULL: null */
