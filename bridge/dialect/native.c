/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The native dialect, trestle.v1: { "type", "id"?, "cursor"?, "ts", "payload" }. */
#include "config.h"

#include "bridge/base/json_writer.h"
#include "bridge/dialect/dialect.h"
#include "bridge/dialect/native.h"

void dialect_write_envelope(struct buffer *out, const char *type, const struct event *event,
                            const char *cursor, const char *payload)
{
    struct json_writer json;
    json_writer_init(&json, out);
    json_begin_object(&json);
    json_member_string(&json, "type", type);
    if (cursor)
        json_member_string(&json, "cursor", cursor);
    json_member_string(&json, "ts", event->stamp);
    json_member_raw(&json, "payload", payload);
    json_end_object(&json);
}

static const char *event_name(const struct event *event)
{
    return event_type_name(event->type);
}

static bool write_event(struct buffer *out, const struct event *event, const char *cursor)
{
    dialect_write_envelope(out, event_type_name(event->type), event, cursor, event->payload);
    return true;
}

void dialect_write_native_frame(struct buffer *out, const struct dialect_frame *frame)
{
    char stamp[CLOCK_TIMESTAMP_SIZE];
    clock_format(clock_wall(), stamp);
    struct json_writer json;
    json_writer_init(&json, out);
    json_begin_object(&json);
    json_member_string(&json, "type", frame->type);
    if (frame->id)
        json_member_raw(&json, "id", frame->id);
    if (frame->cursor)
        json_member_string(&json, "cursor", frame->cursor);
    json_member_string(&json, "ts", stamp);
    json_member_raw(&json, "payload", frame->payload ? frame->payload : "{}");
    json_end_object(&json);
}

const struct dialect dialect_native = {
    .index = DIALECT_NATIVE,
    .greeting = "hello",
    .write_event = write_event,
    .event_name = event_name,
    .write_frame = dialect_write_native_frame,
};
