/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. */
#include "config.h"

#include "bridge/view/people.h"

void people_init(struct people *people, struct view_memory *memory)
{
    people->memory = memory;
    people->known = g_hash_table_new(uuid_hash, uuid_equal);
    people->users = g_ptr_array_new();
}

void people_clear(struct people *people)
{
    g_clear_pointer(&people->known, g_hash_table_unref);
    g_clear_pointer(&people->users, g_ptr_array_unref);
}

/* What stands for USER (NULL: NULL), which stays valid with the memory. */
static const struct user_view *people_note(struct people *people, const struct user_view *user)
{
    struct user_view *stand_in = user ? g_hash_table_lookup(people->known, &user->id) : NULL;
    if (!user || stand_in)
        return stand_in;
    char text[UUID_TEXT_SIZE + 2] = "\"";
    uuid_format(&user->id, text + 1);
    text[UUID_TEXT_SIZE] = '"';
    stand_in = memory_structs(people->memory, &view_of_user_view, 1);
    *stand_in = *user;
    stand_in->written = memory_text(people->memory, text, UUID_TEXT_SIZE + 1);
    g_hash_table_insert(people->known, &stand_in->id, stand_in);
    struct user_view *kept = memory_structs(people->memory, &view_of_user_view, 1);
    *kept = *user;
    g_ptr_array_add(people->users, kept);
    return stand_in;
}

static const struct message_view *people_in_message(struct people *people,
                                                    const struct message_view *message)
{
    if (!message)
        return NULL;
    struct message_view *copy = memory_structs(people->memory, &view_of_message_view, 1);
    *copy = *message;
    copy->sender = people_note(people, message->sender);
    return copy;
}

struct conversation_view people_in_conversation(struct people *people,
                                                const struct conversation_view *conversation)
{
    struct conversation_view copy = *conversation;
    const struct participant_view *members = conversation->participants.items;
    unsigned count = conversation->participants.count;
    struct participant_view *others =
        memory_structs(people->memory, &view_of_participant_view, count);
    for (unsigned i = 0; i < count; i++) {
        others[i] = members[i];
        others[i].member = people_note(people, members[i].member);
    }
    copy.participants = (struct view_list){count, others};
    copy.last_message = people_in_message(people, conversation->last_message);
    return copy;
}

void people_write(const struct people *people, struct json_writer *json)
{
    const struct view_schema *schema = view_schema_find("User");
    json_key(json, "users");
    json_begin_array(json);
    for (guint i = 0; i < people->users->len; i++)
        view_write(json, schema, people->users->pdata[i]);
    json_end_array(json);
}
