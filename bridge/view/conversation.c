/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a conversation says of several facts. */
#include "config.h"

#include <string.h>

#include "bridge/view/conversation.h"

/* Of two, the one with the lower id comes first, whoever asks. */
static const struct participant_view *participant_at(const struct conversation_view *conversation,
                                                     unsigned number)
{
    const struct participant_view *members = conversation->participants.items;
    bool two = g_strcmp0(conversation->kind, "direct") == 0 &&
               conversation->participants.count == 2 && members[0].member && members[1].member;
    if (two && memcmp(&members[0].member->id, &members[1].member->id, sizeof(struct uuid)) > 0)
        number = 1 - number;
    return &members[number];
}

static const struct user_view *member_of_two(const struct conversation_view *conversation,
                                             unsigned number)
{
    bool two =
        g_strcmp0(conversation->kind, "direct") == 0 && conversation->participants.count == 2;
    return two ? participant_at(conversation, number)->member : NULL;
}

void conversation_put_participants(struct json_writer *json, const void *view)
{
    const struct conversation_view *conversation = view;
    const struct view_schema *schema = view_schema_find("Participant");
    json_begin_array(json);
    for (unsigned i = 0; i < conversation->participants.count; i++)
        view_write(json, schema, participant_at(conversation, i));
    json_end_array(json);
}

static void put_member(struct json_writer *json, const void *view, unsigned number)
{
    view_write(json, view_schema_find("User"), member_of_two(view, number));
}

static void put_member_id(struct json_writer *json, const void *view, unsigned number)
{
    const struct user_view *member = member_of_two(view, number);
    char text[UUID_TEXT_SIZE];
    if (member)
        uuid_format(&member->id, text);
    json_put_string(json, member ? text : NULL);
}

void conversation_put_participant1(struct json_writer *json, const void *view)
{
    put_member(json, view, 0);
}

void conversation_put_participant2(struct json_writer *json, const void *view)
{
    put_member(json, view, 1);
}

void conversation_put_participant1_id(struct json_writer *json, const void *view)
{
    put_member_id(json, view, 0);
}

void conversation_put_participant2_id(struct json_writer *json, const void *view)
{
    put_member_id(json, view, 1);
}

void conversation_put_settings(struct json_writer *json, const void *view)
{
    const char *settings = ((const struct conversation_view *)view)->settings;
    json_put_raw(json, settings ? settings : "{}", settings ? strlen(settings) : 2);
}
