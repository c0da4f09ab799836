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
#include "bridge/dialect/shape.h"
#include "bridge/dialect/words.h"

/* A call's message is one that says that it began, and then one that it is over; statuses are four.
 */
#define STATUS(object, ours, theirs)                                                               \
    {                                                                                              \
        .type = object, .deed = SHAPE_VALUE, .member = "status", .word = theirs, .value = ours     \
    }
#define STATUSES(object)                                                                           \
    STATUS(object, "ringing", "pending"), STATUS(object, "active", "accepted"),                    \
        STATUS(object, "missed", "ended"), STATUS(object, "failed", "ended")
#define BEGAN(status)                                                                              \
    {                                                                                              \
        .type = "Message", .deed = SHAPE_VALUE, .member = "message_type", .word = "call_start",    \
        .value = "call", .when = "metadata/status", .is = status                                   \
    }

static const struct shape_rule rules[] = {
    STATUSES("Call"),
    STATUSES("CallBegun"),
    BEGAN("ringing"),
    BEGAN("active"),
    {.type = "Message",
     .deed = SHAPE_VALUE,
     .member = "message_type",
     .word = "call_end",
     .value = "call"},
    {.type = NULL},
};

/* Whether it is a call's message; quotes in texts have a backslash before them. */
static bool is_call_message(const struct event *event)
{
    return (event->type == EVENT_MESSAGE_NEW || event->type == EVENT_MESSAGE_UPDATED) &&
           strstr(event->payload, "\"message_type\":\"call\"");
}

static const char *event_name(const struct event *event)
{
    static const char *const names[EVENT_TYPE_MAX] = {
        [EVENT_MESSAGE_NEW] = "message",         [EVENT_CALL_RINGING] = "call_request",
        [EVENT_CALL_ANSWERED] = "call_response", [EVENT_CALL_DECLINED] = "call_response",
        [EVENT_CALL_SIGNAL] = "signal", /* its frames say which */
    };
    if (is_call_message(event))
        return names[EVENT_MESSAGE_NEW];
    return names[event->type] ? names[event->type] : event_type_name(event->type);
}

/* Of its changes the end alone is told, as one more message. */
static bool write_call_message(struct buffer *out, const struct event *event, const char *cursor)
{
    json_t *message = json_loadb(event->payload, event->payload_length, JSON_ALLOW_NUL, NULL);
    message = shape_apply(rules, "Message", message);
    const char *type = json_string_value(json_object_get(message, "message_type"));
    bool told = event->type == EVENT_MESSAGE_NEW || g_strcmp0(type, "call_end") == 0;
    char *text = told ? json_dumps(message, SHAPE_DUMP) : NULL;
    if (text)
        dialect_write_envelope(out, event_name(event), event, cursor, text);
    json_decref(message);
    bool written = text != NULL;
    free(text);
    return written;
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

/* ---- Calls: call_request { call_id, from, call_type }, call_response { call_id, accepted }, and bare
 * frames offer, answer, ice-candidate -----------------------------------------------------------
 */

static void add_call_members(const struct event *event, json_t *payload)
{
    const json_t *call = json_object_get(payload, "call");
    json_t *from = json_object_get(json_object_get(call, "caller"), "id");
    json_t *to = json_object_get(json_object_get(call, "callee"), "id");
    if (from && to) {
        json_object_set(payload, "from", from);
        json_object_set(payload, "to", to);
    }
    if (event->type != EVENT_CALL_RINGING)
        json_object_set_new(payload, "accepted", json_boolean(event->type == EVENT_CALL_ANSWERED));
}

static void add_signal(json_t *frame, const char *name, json_t *payload)
{
    json_t *data = json_object_get(payload, "data");
    json_t *sdp = json_object_get(data, "sdp");
    json_object_set_new(frame, "type", json_string(name));
    json_object_set(frame, "from_user_id", json_object_get(payload, "user_id"));
    json_object_set(frame, "to_user_id", json_object_get(payload, "to_user_id"));
    json_object_set(frame, "call_id", json_object_get(payload, "call_id"));
    if (sdp) {
        json_object_set(frame, "sdp", sdp);
    } else if (data) {
        char *text = json_dumps(data, JSON_COMPACT);
        json_object_set_new(frame, "ice_candidate", json_string(text));
        free(text);
    }
}

/* A restart is an offer like others. */
static bool write_signal(struct buffer *out, const struct event *event)
{
    json_t *payload = json_loadb(event->payload, event->payload_length, JSON_ALLOW_NUL, NULL);
    const char *type = json_string_value(json_object_get(payload, "type"));
    const char *name = g_strcmp0(type, "ice_candidate") == 0 ? "ice-candidate"
                       : g_strcmp0(type, "ice_restart") == 0 ? "offer"
                                                             : type;
    json_t *frame = json_object();
    if (name && json_is_object(json_object_get(payload, "data"))) {
        add_signal(frame, name, payload);
        json_t *inner = json_copy(frame);
        json_object_del(inner, "type");
        json_object_set_new(frame, "payload", inner);
    }
    char *text = json_object_size(frame) > 0 ? json_dumps(frame, JSON_COMPACT) : NULL;
    if (text)
        buffer_append_string(out, text);
    json_decref(frame);
    json_decref(payload);
    free(text);
    return text != NULL;
}

/* ---- All ------------------------------------------------------------------------------------- */

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

/* A message without a text, of which something may be said in words. */
static bool is_speechless(const struct event *event)
{
    return event->type == EVENT_MESSAGE_NEW &&
           g_strstr_len(event->payload, (gssize)event->payload_length, "\"content\":null") != NULL;
}

static bool write_event(struct buffer *out, const struct event *event, const char *cursor)
{
    const char *type = event_name(event);
    if (is_of_many(event))
        return false;
    if (event->type == EVENT_CALL_SIGNAL)
        return write_signal(out, event);
    if (is_call_message(event))
        return write_call_message(out, event, cursor);
    bool is_call = event->type == EVENT_CALL_RINGING || event->type == EVENT_CALL_ANSWERED ||
                   event->type == EVENT_CALL_DECLINED;
    bool is_silent = is_speechless(event);
    if (event->type != EVENT_TYPING && event->type != EVENT_PRESENCE && !is_call && !is_silent) {
        dialect_write_envelope(out, type, event, cursor, event->payload);
        return true;
    }
    json_t *payload = json_loadb(event->payload, event->payload_length, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(payload)) {
        json_decref(payload);
        return false;
    }
    if (is_silent)
        json_object_set_new(payload, "content", words_of_message(payload));
    else
        (is_call ? add_call_members : add_members)(event, payload);
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
    .greeting = "hello",
    .rules = rules,
    .write_event = write_event,
    .event_name = event_name,
    .write_frame = dialect_write_native_frame,
};
