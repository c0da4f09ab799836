/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. */
#include "config.h"

#include <string.h>

#include "bridge/view/conversation_page.h"

static void write_end(struct json_writer *json, const struct rows *rows)
{
    int last = rows_count(rows) - 1;
    bool more = last >= 0 && rows_boolean(rows, last, CONVERSATION_LIST_REST);
    char key[24] = "";
    if (more)
        g_snprintf(key, sizeof key, "%" G_GINT64_FORMAT,
                   rows_integer(rows, last, CONVERSATION_LIST_KEY));
    json_member_boolean(json, "has_more", more);
    json_member_string(json, "next", more ? key : NULL);
    json_end_object(json);
}

/* USER in ret_user, with its object written: a page shows it several times. */
static const struct user_view *user_write(const struct user_view *user, struct view_memory *memory,
                                          struct user_view *ret_user)
{
    if (!user)
        return NULL;
    *ret_user = *user;
    ret_user->written = view_written(view_schema_find("User"), user, memory);
    return ret_user;
}

/* Whom the row of a conversation of two leaves out: the one who asks, and who sent the last
 * message. */
static void pair_write(struct json_writer *json, const struct conversation_view *row,
                       const struct user_view *self, struct view_memory *memory)
{
    struct conversation_view conversation = *row;
    struct participant_view sides[2];
    struct message_view last;
    struct user_view peer;
    memcpy(sides, row->participants.items, sizeof sides);
    sides[0].member = self;
    sides[1].member = user_write(sides[1].member, memory, &peer);
    conversation.participants.items = sides;
    if (row->last_message && !row->last_message->sender) {
        last = *row->last_message;
        for (unsigned i = 0; i < G_N_ELEMENTS(sides); i++) {
            if (sides[i].member && uuid_equal(&sides[i].member->id, &last.sender_id))
                last.sender = sides[i].member;
        }
        conversation.last_message = &last;
    }
    view_write(json, view_schema_find("Conversation"), &conversation);
}

static bool is_pair(const struct conversation_view *conversation)
{
    return conversation && g_strcmp0(conversation->kind, "direct") == 0 &&
           conversation->participants.count == 2;
}

static void write_items(struct json_writer *json, const struct rows *rows, bool forward,
                        struct view_memory *memory)
{
    const struct view_schema *schema = view_schema_find("Conversation");
    int count = rows_count(rows);
    struct user_view user;
    const struct user_view *self = NULL;
    if (count > 0)
        self =
            user_write(view_from_row(&view_of_user_view, rows, 0, CONVERSATION_LIST_SELF, memory),
                       memory, &user);
    for (int i = 0; i < count; i++) {
        const struct conversation_view *conversation =
            view_from_row(&view_of_conversation_view, rows, forward ? count - 1 - i : i,
                          CONVERSATION_LIST_CONVERSATION, memory);
        if (is_pair(conversation))
            pair_write(json, conversation, self, memory);
        else
            view_write(json, schema, conversation);
    }
}

void conversation_page_write(struct buffer *buf, const struct rows *rows, bool forward)
{
    g_auto(view_memory) memory = {0};
    struct json_writer json;
    json_writer_init(&json, buf);
    json_begin_object(&json);
    json_key(&json, "items");
    json_begin_array(&json);
    write_items(&json, rows, forward, &memory);
    json_end_array(&json);
    write_end(&json, rows);
}
