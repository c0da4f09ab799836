/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The dialect of clients that call by REST and hear of calls as { type, call, signalData? }:
 * objects of calls in camelCase, and a call's message as one of the system's, from nobody. What
 * else happens keeps the native frame. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/dialect/dialect.h"
#include "bridge/dialect/native.h"
#include "bridge/dialect/shape.h"

#define CAMEL(object)                                                                              \
    {                                                                                              \
        .type = object, .deed = SHAPE_CAMEL                                                        \
    }
#define NAMED(object, ours, theirs)                                                                \
    {                                                                                              \
        .type = object, .deed = SHAPE_NAME, .member = ours, .word = theirs                         \
    }
#define UPDATED(object)                                                                            \
    {                                                                                              \
        .type = object, .deed = SHAPE_FIRST, .member = "endedAt|startedAt|createdAt",              \
        .word = "updatedAt"                                                                        \
    }
#define INSTEAD(object, inside)                                                                    \
    {                                                                                              \
        .type = object, .deed = SHAPE_INSTEAD, .member = inside                                    \
    }
/* Of a call's message. */
#define NOBODY(ours)                                                                               \
    {                                                                                              \
        .type = "Message", .deed = SHAPE_NULL, .member = ours, .when = "message_type",             \
        .is = "call"                                                                               \
    }
#define WORD(ours, from, to)                                                                       \
    {                                                                                              \
        .type = "Message", .deed = SHAPE_VALUE, .member = ours, .word = to, .value = from,         \
        .when = "message_type", .is = "call"                                                       \
    }

static const struct shape_rule rules[] = {
    CAMEL("User"),
    NAMED("User", "name", "displayName"),
    NAMED("User", "avatarUrl", "displayPictureUrl"),
    CAMEL("Call"),
    UPDATED("Call"),
    CAMEL("CallBegun"),
    UPDATED("CallBegun"),
    CAMEL("CallParticipant"),
    INSTEAD("CallActive", "call"),
    CAMEL("CallNews"),
    CAMEL("CallPoint"),
    CAMEL("CallElsewhere"),
    CAMEL("CallSignal"),
    CAMEL("CallState"),
    CAMEL("CallTransfer"),
    CAMEL("CallOffer"),
    CAMEL("CallReport"),
    CAMEL("CallSide"),
    CAMEL("IceServers"),
    NOBODY("sender"),
    NOBODY("sender_id"),
    WORD("metadata/status", "ended", "completed"),
    WORD("message_type", "call", "system"),
    {.type = NULL},
};

/* What its clients call events of calls; the others have no name of their own. */
static const char *const names[EVENT_TYPE_MAX] = {
    [EVENT_CALL_RINGING] = "call_ringing",   [EVENT_CALL_REMOTE_RINGING] = "call_remote_ringing",
    [EVENT_CALL_ANSWERED] = "call_answered", [EVENT_CALL_DECLINED] = "call_declined",
    [EVENT_CALL_ENDED] = "call_ended",       [EVENT_CALL_SIGNAL] = "signal",
    [EVENT_CALL_STATE] = "call_state",       [EVENT_CALL_TRANSFER] = "call_transfer",
};

/* A restart is an offer like others. */
static const struct {
    const char *type, *word, *event;
} signals[] = {
    {"offer", "offer", "sdp_offer"},
    {"ice_restart", "offer", "sdp_offer"},
    {"answer", "answer", "sdp_answer"},
    {"ice_candidate", "ice_candidate", "ice_candidate"},
};

static size_t signal_find(const json_t *payload)
{
    const char *type = json_string_value(json_object_get(payload, "type"));
    size_t i = 0;
    while (i < G_N_ELEMENTS(signals) && g_strcmp0(signals[i].type, type) != 0)
        i++;
    return i;
}

static json_t *payload_read(const struct event *event)
{
    return json_loadb(event->payload, event->payload_length, JSON_ALLOW_NUL, NULL);
}

static const char *event_name(const struct event *event)
{
    if (!event->split)
        return names[event->type] ? names[event->type] : event_type_name(event->type);
    json_t *payload = payload_read(event);
    size_t i = signal_find(payload);
    json_decref(payload);
    return i < G_N_ELEMENTS(signals) ? signals[i].event : names[EVENT_CALL_SIGNAL];
}

/* The call, or which one it is where no more of it is told. */
static json_t *call_of(const json_t *payload)
{
    json_t *call = json_object_get(payload, "call");
    json_t *id = json_object_get(payload, "callId");
    return call ? json_incref(call)
                : json_pack("{s:O*, s:O*}", "id", id, "conversationId",
                            json_object_get(payload, "conversationId"));
}

static json_t *signal_data(const struct event *event, const json_t *payload)
{
    size_t i = signal_find(payload);
    const char *word = i < G_N_ELEMENTS(signals) ? signals[i].word : NULL;
    return json_pack("{s:O*, s:O*, s:O*, s:s*, s:O*, s:s}", "callId",
                     json_object_get(payload, "callId"), "senderId",
                     json_object_get(payload, "userId"), "recipientId",
                     json_object_get(payload, "toUserId"), "type", word, "data",
                     json_object_get(payload, "data"), "timestamp", event->stamp);
}

static json_t *call_frame(const struct event *event, const char *cursor, json_t *payload)
{
    json_t *frame = json_pack("{s:s, s:s*, s:s, s:o}", "type", event_name(event), "cursor", cursor,
                              "ts", event->stamp, "call", call_of(payload));
    if (event->type == EVENT_CALL_SIGNAL)
        json_object_set_new(frame, "signalData", signal_data(event, payload));
    else
        json_object_update_missing(frame, payload);
    return frame;
}

static bool write_event(struct buffer *out, const struct event *event, const char *cursor)
{
    json_t *payload = payload_read(event);
    if (!json_is_object(payload)) {
        json_decref(payload);
        return false;
    }
    payload = shape_apply(rules, event_info(event->type)->payload, payload);
    json_t *frame = names[event->type] ? call_frame(event, cursor, payload) : json_incref(payload);
    char *text = json_dumps(frame, SHAPE_DUMP);
    if (text && names[event->type])
        buffer_append_string(out, text);
    else if (text)
        dialect_write_envelope(out, event_type_name(event->type), event, cursor, text);
    json_decref(frame);
    json_decref(payload);
    bool written = text != NULL;
    free(text);
    return written;
}

const struct dialect dialect_s3 = {
    .index = DIALECT_S3,
    .greeting = "hello",
    .splits = true,
    .rules = rules,
    .write_event = write_event,
    .event_name = event_name,
    .write_frame = dialect_write_native_frame,
};
