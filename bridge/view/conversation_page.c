/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. */
#include "config.h"

#include <string.h>

#include "bridge/view/conversation_page.h"
#include "bridge/view/people.h"

struct writing {
    struct json_writer json;
    const struct rows *rows;
    struct view_memory *memory;
    struct people *people; /* NULL: users are written where they stand */
    const struct user_view *self;
};

static void conversation_write(struct writing *writing,
                               const struct conversation_view *conversation)
{
    struct conversation_view compact;
    if (conversation && writing->people) {
        compact = people_in_conversation(writing->people, conversation);
        conversation = &compact;
    }
    view_write(&writing->json, view_schema_find("Conversation"), conversation);
}

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

/* The members of the conversation of two in ROW. */
static void sides_read(const struct rows *rows, int row, struct participant_view sides[2])
{
    static const int columns[][3] = {
        {CONVERSATION_LIST_OWN_ROLE, CONVERSATION_LIST_OWN_JOINED, CONVERSATION_LIST_OWN_READ},
        {CONVERSATION_LIST_PEER_ROLE, CONVERSATION_LIST_PEER_JOINED, CONVERSATION_LIST_PEER_READ}};
    for (int i = 0; i < 2; i++) {
        sides[i] = (struct participant_view){
            .role = rows_text(rows, row, columns[i][0]),
            .joined_at = rows_time(rows, row, columns[i][1]),
            .last_read_seq = rows_integer(rows, row, columns[i][2]),
            .state = "joined",
        };
    }
}

/* The last message of the conversation of two in ROW; NULL: none is shown. */
static const struct message_view *last_read(const struct rows *rows, int row,
                                            const struct participant_view sides[2],
                                            struct view_memory *memory)
{
    if (!rows_boolean(rows, row, CONVERSATION_LIST_SHOWN))
        return NULL;
    struct message_view *last =
        view_from_columns(&view_of_message_view, rows, row, CONVERSATION_LIST_ID, memory);
    rows_uuid(rows, row, CONVERSATION_LIST_DIRECT_ID, &last->conversation_id);
    for (int i = 0; i < 2; i++) {
        if (sides[i].member && uuid_equal(&sides[i].member->id, &last->sender_id))
            last->sender = sides[i].member;
    }
    return last;
}

/* What is known of the conversation of two in ROW, but for its members. */
static struct conversation_view pair_read(const struct rows *rows, int row,
                                          struct view_memory *memory)
{
    struct conversation_view pair = {
        .kind = "direct",
        .last_message =
            view_from_row(&view_of_message_view, rows, row, CONVERSATION_LIST_INSTEAD, memory),
        .created_at = rows_time(rows, row, CONVERSATION_LIST_BEGUN),
        .unread = rows_integer(rows, row, CONVERSATION_LIST_UNREAD),
        .pinned = rows_boolean(rows, row, CONVERSATION_LIST_PINNED),
        .muted_until = rows_text(rows, row, CONVERSATION_LIST_MUTED_UNTIL),
        .archived = rows_boolean(rows, row, CONVERSATION_LIST_ARCHIVED),
        .request = rows_text(rows, row, CONVERSATION_LIST_REQUEST),
        .blocked = rows_boolean(rows, row, CONVERSATION_LIST_BLOCKED),
        .marked_unread = rows_boolean(rows, row, CONVERSATION_LIST_MARKED_UNREAD),
        .draft = rows_json(rows, row, CONVERSATION_LIST_DRAFT),
        .notify = rows_text(rows, row, CONVERSATION_LIST_NOTIFY),
        .disappearing_seconds = rows_integer(rows, row, CONVERSATION_LIST_DISAPPEARING),
        .member_count = 2};
    rows_uuid(rows, row, CONVERSATION_LIST_DIRECT_ID, &pair.id);
    pair.last_at = pair.last_message ? pair.last_message->created_at : pair.created_at;
    return pair;
}

static void pair_write(struct writing *writing, int row)
{
    const struct rows *rows = writing->rows;
    struct view_memory *memory = writing->memory;
    struct conversation_view conversation = pair_read(rows, row, memory);
    struct participant_view sides[2];
    struct user_view peer;
    sides_read(rows, row, sides);
    sides[0].member = writing->self;
    if (!rows_is_null(rows, row, CONVERSATION_LIST_PEER_ID))
        sides[1].member = user_write(
            view_from_columns(&view_of_user_view, rows, row, CONVERSATION_LIST_PEER_ID, memory),
            memory, &peer);
    const struct message_view *last = last_read(rows, row, sides, memory);
    conversation.participants = (struct view_list){G_N_ELEMENTS(sides), sides};
    if (sides[1].member) {
        conversation.jid = peer.jid;
        conversation.name = peer.name;
        conversation.icon_url = peer.avatar_url;
    }
    if (last) {
        conversation.last_message = last;
        conversation.last_at = last->created_at;
    }
    conversation_write(writing, &conversation);
}

static void write_items(struct writing *writing, bool forward)
{
    const struct rows *rows = writing->rows;
    int count = rows_count(rows);
    struct user_view user;
    if (count > 0)
        writing->self = user_write(
            view_from_row(&view_of_user_view, rows, 0, CONVERSATION_LIST_SELF, writing->memory),
            writing->memory, &user);
    for (int i = 0; i < count; i++) {
        int row = forward ? count - 1 - i : i;
        if (rows_is_null(rows, row, CONVERSATION_LIST_DIRECT_ID))
            conversation_write(writing,
                               view_from_row(&view_of_conversation_view, rows, row,
                                             CONVERSATION_LIST_CONVERSATION, writing->memory));
        else
            pair_write(writing, row);
    }
}

void conversation_page_write(struct buffer *buf, const struct rows *rows, bool forward,
                             bool compact)
{
    g_auto(view_memory) memory = {0};
    g_auto(trestle_people) beside = {0};
    struct writing writing = {.rows = rows, .memory = &memory, .people = compact ? &beside : NULL};
    people_init(&beside, &memory);
    json_writer_init(&writing.json, buf);
    json_begin_object(&writing.json);
    json_key(&writing.json, "items");
    json_begin_array(&writing.json);
    write_items(&writing, forward);
    json_end_array(&writing.json);
    if (compact)
        people_write(&beside, &writing.json);
    write_end(&writing.json, rows);
}
