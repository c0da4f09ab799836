/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The dialect of clients that know every object in camelCase and hear of "message:new". Frames are
 * the native ones; the transport that the same clients speak by Socket.IO is another matter. */
#include "config.h"

#include <jansson.h>

#include "bridge/dialect/dialect.h"
#include "bridge/dialect/native.h"
#include "bridge/dialect/shape.h"

#define NAMED(object, ours, theirs)                                                                \
    {                                                                                              \
        .type = object, .deed = SHAPE_NAME, .member = ours, .word = theirs                         \
    }
#define FIRST(object, members, theirs)                                                             \
    {                                                                                              \
        .type = object, .deed = SHAPE_FIRST, .member = members, .word = theirs                     \
    }
#define WORD(object, ours, from, to)                                                               \
    {                                                                                              \
        .type = object, .deed = SHAPE_VALUE, .member = ours, .word = to, .value = from             \
    }

static const struct shape_rule rules[] = {
    {.type = SHAPE_EVERY, .deed = SHAPE_CAMEL},
    NAMED("Message", "messageType", "type"),
    FIRST("Message", "deletedAt|editedAt|createdAt", "updatedAt"),
    WORD("Message", "type", "file", "media"),
    WORD("Message", "type", "call", "system"),
    NAMED("Conversation", "pinned", "isPinned"),
    NAMED("Conversation", "archived", "isArchived"),
    WORD("Participant", "role", "owner", "admin"),
    NAMED("Call", "callType", "type"),
    WORD("Call", "type", "audio", "voice"),
    WORD("Call", "status", "ended", "completed"),
    NAMED("CallBegun", "callType", "type"),
    WORD("CallBegun", "type", "audio", "voice"),
    {.type = NULL},
};

/* The words of event.def with other dots, but for typing, of which there are two. */
static const char *name_of(enum event_type type)
{
    static char names[EVENT_TYPE_MAX][32];
    g_strlcpy(names[type], event_type_name(type), sizeof names[type]);
    return g_strdelimit(names[type], ".", ':');
}

static const char *event_name(const struct event *event)
{
    if (event->type != EVENT_TYPING)
        return name_of(event->type);
    json_t *payload = json_loadb(event->payload, event->payload_length, JSON_ALLOW_NUL, NULL);
    bool active = json_is_true(json_object_get(payload, "active"));
    json_decref(payload);
    return active ? "typing:start" : "typing:stop";
}

static bool write_event(struct buffer *out, const struct event *event, const char *cursor)
{
    g_autofree char *text =
        shape_text(rules, event_info(event->type)->payload, event->payload, event->payload_length);
    if (text)
        dialect_write_envelope(out, event_name(event), event, cursor, text);
    return text != NULL;
}

const struct dialect dialect_s2 = {
    .index = DIALECT_S2,
    .greeting = "hello",
    .rules = rules,
    .invalid_status = 400,
    .write_event = write_event,
    .event_name = event_name,
    .write_frame = dialect_write_native_frame,
};
