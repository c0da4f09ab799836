/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The dialect of clients that know flat frames and whole numbers: private_message,
 * typing_indicator, user_online_status, system. A user's number is account->number, a message's its
 * position in the log; both stay for good. Events that these clients have no place for are not
 * shown. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/dialect/dialect.h"
#include "bridge/dialect/words.h"

static void member_copy(json_t *to, const char *name, const json_t *from, const char *member)
{
    json_t *value = json_object_get(from, member);
    if (value && !json_is_null(value))
        json_object_set(to, name, value);
}

/* NUMBER 0: nobody knows it, and the member is left out. */
static void set_number(json_t *to, const char *name, gint64 number)
{
    if (number > 0)
        json_object_set_new(to, name, json_integer(number));
}

static bool is_between_two(const struct event *event)
{
    return event->parties.actor_number > 0 && event->parties.peer_number > 0;
}

static bool make_message(const struct event *event, const json_t *payload, json_t *frame)
{
    if (!is_between_two(event))
        return false;
    set_number(frame, "sender_id", event->parties.actor_number);
    set_number(frame, "recipient_id", event->parties.peer_number);
    json_t *message = json_object();
    json_object_set_new(frame, "message", message);
    set_number(message, "id", event->position);
    json_object_set_new(message, "content", words_of_message(payload));
    set_number(message, "sender_id", event->parties.actor_number);
    set_number(message, "receiver_id", event->parties.peer_number);
    member_copy(message, "created_at", payload, "created_at");
    bool is_read = json_is_string(json_object_get(payload, "read_at"));
    json_object_set_new(message, "is_read", json_boolean(is_read));
    member_copy(message, "uuid", payload, "id");
    member_copy(message, "conversation_id", payload, "conversation_id");
    member_copy(message, "client_id", payload, "client_id");
    return true;
}

static bool make_typing(const struct event *event, const json_t *payload, json_t *frame)
{
    if (!is_between_two(event))
        return false;
    set_number(frame, "user_id", event->parties.actor_number);
    set_number(frame, "recipient_id", event->parties.peer_number);
    bool active = json_is_true(json_object_get(payload, "active"));
    json_object_set_new(frame, "is_typing", json_boolean(active));
    return true;
}

static bool make_presence(const struct event *event, const json_t *payload, json_t *frame)
{
    if (event->parties.actor_number <= 0)
        return false;
    const char *status = json_string_value(json_object_get(payload, "status"));
    set_number(frame, "user_id", event->parties.actor_number);
    json_object_set_new(frame, "is_online", json_boolean(g_strcmp0(status, "offline") != 0));
    member_copy(frame, "last_seen_at", payload, "last_seen_at");
    return true;
}

/* USER_ID got to everything of RECIPIENT_ID up to the message with this uuid. */
static bool make_mark(const struct event *event, const json_t *payload, json_t *frame)
{
    if (!is_between_two(event))
        return false;
    set_number(frame, "user_id", event->parties.actor_number);
    set_number(frame, "recipient_id", event->parties.peer_number);
    member_copy(frame, "uuid", payload, "message_id");
    member_copy(frame, "conversation_id", payload, "conversation_id");
    bool read = event->type == EVENT_MESSAGE_READ;
    member_copy(frame, read ? "read_at" : "delivered_at", payload, "at");
    return true;
}

static bool make_failure(const struct event *event, const json_t *payload, json_t *frame)
{
    (void)event;
    member_copy(frame, "uuid", payload, "message_id");
    member_copy(frame, "conversation_id", payload, "conversation_id");
    member_copy(frame, "client_id", payload, "client_id");
    member_copy(frame, "error", payload, "code");
    return true;
}

static const struct {
    const char *name; /* NULL: these clients know nothing like it */
    /* Fills FRAME; false: not to be shown. */
    bool (*make)(const struct event *event, const json_t *payload, json_t *frame);
} frames[EVENT_TYPE_MAX] = {
    [EVENT_MESSAGE_NEW] = {"private_message", make_message},
    [EVENT_MESSAGE_DELIVERED] = {"message_delivered", make_mark},
    [EVENT_MESSAGE_READ] = {"message_read", make_mark},
    [EVENT_MESSAGE_FAILED] = {"message_failed", make_failure},
    [EVENT_TYPING] = {"typing_indicator", make_typing},
    [EVENT_PRESENCE] = {"user_online_status", make_presence},
};

static const char *event_name(const struct event *event)
{
    return frames[event->type].name;
}

static bool frame_append(struct buffer *out, const json_t *frame)
{
    char *text = json_dumps(frame, JSON_COMPACT);
    if (!text)
        return false;
    buffer_append_string(out, text);
    free(text);
    return true;
}

static bool write_event(struct buffer *out, const struct event *event, const char *cursor)
{
    if (!frames[event->type].name)
        return false;
    json_t *payload = json_loadb(event->payload, event->payload_length, JSON_ALLOW_NUL, NULL);
    json_t *frame = json_object();
    json_object_set_new(frame, "type", json_string(frames[event->type].name));
    bool shown = json_is_object(payload) && frames[event->type].make(event, payload, frame);
    if (shown && cursor)
        json_object_set_new(frame, "cursor", json_string(cursor));
    shown = shown && frame_append(out, frame);
    json_decref(frame);
    json_decref(payload);
    return shown;
}

/* Payload members become members of the frame, but never take the place of its own. */
static void payload_hoist(json_t *frame, const char *payload_text)
{
    json_t *payload = payload_text ? json_loads(payload_text, JSON_ALLOW_NUL, NULL) : NULL;
    const char *key;
    json_t *value;
    json_object_foreach(payload, key, value)
    {
        if (!json_object_get(frame, key))
            json_object_set(frame, key, value);
    }
    json_decref(payload);
}

/* Errors have the problem as it is, and one sentence for people. */
static void add_sentence(json_t *frame)
{
    const json_t *problem = json_object_get(frame, "problem");
    if (problem) {
        member_copy(frame, "code", problem, "code");
        member_copy(frame, "message", problem, "title");
    }
}

static void write_frame(struct buffer *out, const struct dialect_frame *given)
{
    json_t *frame = json_object();
    bool greets = given->welcome != NULL;
    json_object_set_new(frame, "type", json_string(greets ? dialect_s1.greeting : given->type));
    if (greets)
        json_object_set_new(frame, "message", json_string(given->welcome));
    set_number(frame, "user_id", given->user_number);
    if (given->id)
        json_object_set_new(frame, "id",
                            json_loads(given->id, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
    if (given->cursor)
        json_object_set_new(frame, "cursor", json_string(given->cursor));
    payload_hoist(frame, given->payload);
    add_sentence(frame);
    frame_append(out, frame);
    json_decref(frame);
}

const struct dialect dialect_s1 = {
    .index = DIALECT_S1,
    .brief = true,
    .repeats = true,
    .greeting = "system",
    .write_event = write_event,
    .event_name = event_name,
    .write_frame = write_frame,
};
