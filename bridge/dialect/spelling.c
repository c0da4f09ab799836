/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of spellings, one row each, and the one function that reads them. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/dialect/spelling.h"

static const struct spelling spellings[] = {
    {"message",
     "message",
     {{"conversationId", "conversation_id", MEMBER_IS},
      {"sender_id", NULL, MEMBER_SELF},
      {"sender", NULL, MEMBER_SELF},
      {"id", NULL, MEMBER_OURS},
      {"delivered_at", NULL, MEMBER_OURS},
      {"read_at", NULL, MEMBER_OURS},
      {"created_at", NULL, MEMBER_OURS}}},
    {"private_message",
     "private_message",
     {{"recipient_id", "receiver_id", MEMBER_IS},
      {"message", "content", MEMBER_INSIDE},
      {"sender_id", NULL, MEMBER_SELF}}},
    {"typing",
     "typing",
     {{"is_typing", "active", MEMBER_IS},
      {"conversationId", "conversation_id", MEMBER_IS},
      {"user_id", NULL, MEMBER_SELF}}},
    {"typing_indicator",
     "typing",
     {{"is_typing", "active", MEMBER_IS},
      {"receiver_id", "recipient_id", MEMBER_IS},
      {"user_id", NULL, MEMBER_SELF}}},
    {"typing:start",
     "typing",
     {{NULL, "active", MEMBER_TRUE},
      {"conversationId", "conversation_id", MEMBER_IS},
      {"userId", NULL, MEMBER_SELF}}},
    {"typing:stop",
     "typing",
     {{NULL, "active", MEMBER_FALSE},
      {"conversationId", "conversation_id", MEMBER_IS},
      {"userId", NULL, MEMBER_SELF}}},
    {"message:read",
     "read",
     {{"messageId", "message_id", MEMBER_IS},
      {"conversationId", "conversation_id", MEMBER_IS},
      {"userId", NULL, MEMBER_SELF}}},
    {"call_request",
     "call.initiate",
     {{"to", "receiver_id", MEMBER_IS},
      {"to_user_id", "receiver_id", MEMBER_IS},
      {"from", NULL, MEMBER_SELF},
      {"from_user_id", NULL, MEMBER_SELF},
      {"call_id", NULL, MEMBER_OURS}}},
    {"call_response",
     "call.respond",
     {{"from", NULL, MEMBER_SELF},
      {"from_user_id", NULL, MEMBER_SELF},
      {"to", NULL, MEMBER_OURS},
      {"to_user_id", NULL, MEMBER_OURS}}},
    {"call_end", "call.end", {{"from_user_id", NULL, MEMBER_SELF}}},
    {"offer",
     "call.offer",
     {{"from_user_id", NULL, MEMBER_SELF}, {"to_user_id", NULL, MEMBER_OURS}}},
    {"answer",
     "call.answer",
     {{"from_user_id", NULL, MEMBER_SELF}, {"to_user_id", NULL, MEMBER_OURS}}},
    {"ice-candidate",
     "call.candidate",
     {{"from_user_id", NULL, MEMBER_SELF}, {"to_user_id", NULL, MEMBER_OURS}}},
    {"ice_candidate",
     "call.candidate",
     {{"from_user_id", NULL, MEMBER_SELF}, {"to_user_id", NULL, MEMBER_OURS}}},
    {"signal",
     "call.signal",
     {{"from_user_id", NULL, MEMBER_SELF},
      {"senderId", NULL, MEMBER_SELF},
      {"recipientId", NULL, MEMBER_OURS},
      {"timestamp", NULL, MEMBER_OURS},
      {"callId", "call_id", MEMBER_IS}}},
    {"presence",
     "presence",
     {{"user_id", NULL, MEMBER_SELF},
      {"last_seen_at", NULL, MEMBER_OURS},
      {"updated_at", NULL, MEMBER_OURS}}},
};

const struct spelling *spelling_find(const char *type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(spellings); i++) {
        if (strcmp(spellings[i].type, type) == 0)
            return &spellings[i];
    }
    return NULL;
}

static bool is_last(const struct spelling_member *member)
{
    return !member->theirs && !member->ours;
}

static bool is_self(const struct account *caller, const json_t *value)
{
    if (json_is_object(value))
        value = json_object_get(value, "id");
    if (json_is_integer(value))
        return json_integer_value(value) == caller->number;
    const char *text = json_string_value(value);
    if (!text || strlen(text) != json_string_length(value))
        return false;
    char number[24];
    g_snprintf(number, sizeof number, "%" G_GINT64_FORMAT, caller->number);
    return g_ascii_strcasecmp(text, caller->id_text) == 0 || strcmp(text, number) == 0;
}

static const char *member_set(json_t *object, const char *name, json_t *value)
{
    if (json_object_get(object, name))
        return "is given twice, by two names";
    json_object_set(object, name, value);
    return NULL;
}

/* What is wrong with VALUE, which has been taken out of OBJECT; NULL if nothing is. */
static const char *member_apply(const struct spelling_member *member, const struct account *caller,
                                json_t *value, json_t *object)
{
    if (member->rule == MEMBER_OURS)
        return NULL;
    if (member->rule == MEMBER_SELF)
        return is_self(caller, value) ? NULL : "must be your own id, or absent";
    if (member->rule == MEMBER_IS)
        return member_set(object, member->ours, value);
    json_t *inside = json_object_get(value, member->ours);
    if (!json_is_object(value))
        return "must be an object";
    return inside ? member_set(object, member->ours, inside) : "lacks what it is for";
}

json_t *spelling_translate(const struct spelling *spelling, const struct account *caller,
                           const json_t *payload, struct field_problem *ret_problem)
{
    /* Shallow: the payload stays as it was sent. The cast is for jansson, which only reads. */
    json_t *object = payload ? json_copy((json_t *)(guintptr)payload) : json_object();
    for (const struct spelling_member *member = spelling->members;
         member < spelling->members + SPELLING_MEMBERS_MAX && !is_last(member); member++) {
        const char *fault = NULL;
        const char *name = member->theirs ? member->theirs : member->ours;
        if (member->rule == MEMBER_TRUE || member->rule == MEMBER_FALSE) {
            fault = json_object_get(object, name) ? "is not known here" : NULL;
            json_object_set_new(object, name, json_boolean(member->rule == MEMBER_TRUE));
        } else if (json_object_get(object, name)) {
            json_t *value = json_incref(json_object_get(object, name));
            json_object_del(object, name);
            if (!json_is_null(value))
                fault = member_apply(member, caller, value, object);
            json_decref(value);
        }
        if (fault) {
            *ret_problem = (struct field_problem){.code = ERROR_UNPROCESSABLE, .detail = fault};
            g_snprintf(ret_problem->pointer, sizeof ret_problem->pointer, "/%s", name);
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

void spelling_point(const struct spelling *spelling, const json_t *payload,
                    struct field_problem *problem)
{
    for (const struct spelling_member *member = spelling->members;
         member < spelling->members + SPELLING_MEMBERS_MAX && !is_last(member); member++) {
        if (!member->theirs || !json_object_get(payload, member->theirs) || !member->ours ||
            strcmp(problem->pointer + 1, member->ours) != 0)
            continue;
        const char *inside = member->rule == MEMBER_INSIDE ? member->ours : NULL;
        g_snprintf(problem->pointer, sizeof problem->pointer, inside ? "/%s/%s" : "/%s",
                   member->theirs, inside);
        return;
    }
}
