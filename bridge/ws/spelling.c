/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of spellings, one row each, and the one function that reads them. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/core/account.h"
#include "bridge/ws/spelling.h"

static const struct spelling spellings[] = {
    {"message",
     "message",
     {{"conversationId", "conversation_id", MEMBER_IS}, {"sender_id", NULL, MEMBER_SELF}}},
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
    {"presence", "presence", {{"user_id", NULL, MEMBER_SELF}}},
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

static bool is_self(const struct account *caller, const struct value *value)
{
    if (value->type == VALUE_INTEGER)
        return value->integer == caller->number;
    if (value->type != VALUE_STRING || strlen(value->text) != value->length)
        return false;
    char number[24];
    g_snprintf(number, sizeof number, "%" G_GINT64_FORMAT, caller->number);
    return g_ascii_strcasecmp(value->text, caller->id_text) == 0 ||
           strcmp(value->text, number) == 0;
}

static void put(struct value *object, const char *name, struct value *value)
{
    value->name = name;
    value->next = object->first;
    object->first = value;
}

static const char *set(struct value *object, const char *name, struct value *value)
{
    if (value_member(object, name))
        return "is given twice, by two names";
    put(object, name, value);
    return NULL;
}

/* What is wrong with VALUE, which has been taken out of OBJECT; NULL if nothing is. */
static const char *apply(const struct spelling_member *member, const struct account *caller,
                         struct value *value, struct value *object)
{
    if (member->rule == MEMBER_SELF)
        return is_self(caller, value) ? NULL : "must be your own id, or absent";
    if (member->rule == MEMBER_IS)
        return set(object, member->ours, value);
    if (value->type != VALUE_OBJECT)
        return "must be an object";
    const struct value *inside = value_member(value, member->ours);
    if (!inside)
        return "lacks what it is for";
    *value = *inside;
    return set(object, member->ours, value);
}

/* PAYLOAD and its members in a block of their own, with room for one more member behind them. */
static struct value *copy_members(const struct value *payload, struct value **ret_spare)
{
    size_t count = 0;
    for (const struct value *member = payload->first; member; member = member->next)
        count++;
    struct value *object = g_new0(struct value, count + 2);
    struct value *copy = object + 1;
    *object = *payload;
    struct value **link = &object->first;
    for (const struct value *member = payload->first; member; member = member->next) {
        *copy = *member;
        *link = copy;
        link = &copy++->next;
    }
    *ret_spare = copy;
    return object;
}

/* Does what RULE says; what is wrong, or NULL. SPARE is for a member that was not sent. */
static const char *follow(const struct spelling_member *rule, const struct account *caller,
                          struct value *object, struct value *spare)
{
    if (rule->rule == MEMBER_TRUE || rule->rule == MEMBER_FALSE) {
        if (value_member(object, rule->ours))
            return "is not known here";
        spare->type = rule->rule == MEMBER_TRUE ? VALUE_TRUE : VALUE_FALSE;
        put(object, rule->ours, spare);
        return NULL;
    }
    struct value *value = value_member(object, rule->theirs);
    if (!value)
        return NULL;
    value_remove(object, value);
    return value->type == VALUE_NULL ? NULL : apply(rule, caller, value, object);
}

struct value *spelling_translate(const struct spelling *spelling, const struct account *caller,
                                 const struct value *payload, struct field_problem *ret_problem)
{
    struct value *spare;
    struct value *object = copy_members(payload, &spare);
    for (const struct spelling_member *member = spelling->members;
         member < spelling->members + SPELLING_MEMBERS_MAX && !is_last(member); member++) {
        const char *fault = follow(member, caller, object, spare);
        if (!fault)
            continue;
        *ret_problem = (struct field_problem){.code = ERROR_UNPROCESSABLE, .detail = fault};
        g_snprintf(ret_problem->pointer, sizeof ret_problem->pointer, "/%s",
                   member->theirs ? member->theirs : member->ours);
        g_free(object);
        return NULL;
    }
    return object;
}

void spelling_point(const struct spelling *spelling, const struct value *payload,
                    struct field_problem *problem)
{
    for (const struct spelling_member *member = spelling->members;
         member < spelling->members + SPELLING_MEMBERS_MAX && !is_last(member); member++) {
        if (!member->theirs || !value_member(payload, member->theirs) || !member->ours ||
            strcmp(problem->pointer + 1, member->ours) != 0)
            continue;
        const char *inside = member->rule == MEMBER_INSIDE ? member->ours : NULL;
        g_snprintf(problem->pointer, sizeof problem->pointer, inside ? "/%s/%s" : "/%s",
                   member->theirs, inside);
        return;
    }
}
