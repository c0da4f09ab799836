/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The dialect of clients that know { "type", "payload" }: message, typing, presence. Events it has
 * no name for keep the native one, and so do frames: such clients leave alone what they do not
 * know. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/dialect/dialect.h"
#include "bridge/dialect/native.h"

static const char *type_name(enum event_type type)
{
    return type == EVENT_MESSAGE_NEW ? "message" : event_type_name(type);
}

/* Members under the names that these clients read, beside the native ones. They take last_seen_at
 * for a text, and whoever is there was last seen now. */
static void add_members(const struct event *event, json_t *payload)
{
    if (event->type == EVENT_TYPING) {
        bool active = json_is_true(json_object_get(payload, "active"));
        json_object_set_new(payload, "is_typing", json_boolean(active));
    } else {
        const char *status = json_string_value(json_object_get(payload, "status"));
        if (g_strcmp0(status, "offline") != 0)
            json_object_set_new(payload, "last_seen_at", json_string(event->stamp));
        json_object_set_new(payload, "updated_at", json_string(event->stamp));
    }
}

/* Its clients know conversations of two. */
static bool is_of_many(const struct event *event)
{
    if (event->parties.many || !(event_info(event->type)->flags & EVENT_SHOWS_CONVERSATION))
        return event->parties.many;
    json_t *payload = json_loadb(event->payload, event->payload_length, JSON_ALLOW_NUL, NULL);
    const json_t *inner = json_object_get(payload, "conversation");
    const char *kind = json_string_value(json_object_get(inner ? inner : payload, "type"));
    bool many = kind && strcmp(kind, "direct") != 0;
    json_decref(payload);
    return many;
}

static bool write_event(struct buffer *out, const struct event *event, const char *cursor)
{
    const char *type = type_name(event->type);
    if (is_of_many(event))
        return false;
    if (event->type != EVENT_TYPING && event->type != EVENT_PRESENCE) {
        dialect_write_envelope(out, type, event, cursor, event->payload);
        return true;
    }
    json_t *payload = json_loadb(event->payload, event->payload_length, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(payload)) {
        json_decref(payload);
        return false;
    }
    add_members(event, payload);
    char *text = json_dumps(payload, JSON_COMPACT);
    json_decref(payload);
    if (!text)
        return false;
    dialect_write_envelope(out, type, event, cursor, text);
    free(text);
    return true;
}

const struct dialect dialect_s0 = {
    .index = DIALECT_S0,
    .name = "s0",
    .subprotocol = "trestle.s0",
    .greeting = "hello",
    .write_event = write_event,
    .event_name = type_name,
    .write_frame = dialect_write_native_frame,
};
