/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conversations as JSON. */
#include "config.h"

#include <string.h>

#include "bridge/base/json_writer.h"
#include "bridge/core/conversation_json.h"
#include "bridge/core/message_json.h"

#define USER_JSON_MAX (64 * 1024)

/* The row at work. */
struct item {
    const struct rows *rows;
    int row;
    const struct uuid *user;
    const char *self;    /* User object */
    struct buffer *peer; /* another */
    struct uuid id, peer_id;
};

static const char *item_text(const struct item *item, int column)
{
    return rows_text(item->rows, item->row, column);
}

static gint64 item_integer(const struct item *item, int column)
{
    return rows_integer(item->rows, item->row, column);
}

static bool is_set(const struct item *item, int column)
{
    return rows_boolean(item->rows, item->row, column);
}

static gint64 item_moment(const struct item *item, int column)
{
    return rows_time(item->rows, item->row, column);
}

/* As user_text() in sql/function. */
static void write_peer(const struct item *item)
{
    struct json_writer json;
    buffer_reset(item->peer);
    json_writer_init(&json, item->peer);
    json_begin_object(&json);
    json_member_uuid(&json, "id", &item->peer_id);
    json_member_string(&json, "username", item_text(item, CONVERSATION_LIST_PEER_USERNAME));
    json_member_string(&json, "name", item_text(item, CONVERSATION_LIST_PEER_NAME));
    json_member_string(&json, "avatar_url", item_text(item, CONVERSATION_LIST_PEER_PICTURE));
    json_member_string(&json, "bio", item_text(item, CONVERSATION_LIST_PEER_BIO));
    json_member_string(&json, "jid", item_text(item, CONVERSATION_LIST_PEER_JID));
    json_member_string(&json, "kind", item_text(item, CONVERSATION_LIST_PEER_KIND));
    json_member_string(&json, "email", "");
    json_member_integer(&json, "number", item_integer(item, CONVERSATION_LIST_PEER_NUMBER));
    json_end_object(&json);
}

static void write_participant(struct json_writer *json, const struct item *item, bool self)
{
    json_begin_object(json);
    json_member_raw(json, "user", self ? item->self : item->peer->data);
    json_member_string(
        json, "role",
        item_text(item, self ? CONVERSATION_LIST_MINE_ROLE : CONVERSATION_LIST_PEER_ROLE));
    json_member_time(
        json, "joined_at",
        item_moment(item, self ? CONVERSATION_LIST_MINE_JOINED : CONVERSATION_LIST_PEER_JOINED));
    json_member_integer(
        json, "last_read_seq",
        item_integer(item, self ? CONVERSATION_LIST_MINE_READ : CONVERSATION_LIST_PEER_READ));
    json_end_object(json);
}

static void write_members(struct json_writer *json, const struct item *item)
{
    bool is_a = is_set(item, CONVERSATION_LIST_IS_A);
    json_key(json, "participants");
    json_begin_array(json);
    write_participant(json, item, is_a);
    write_participant(json, item, !is_a);
    json_end_array(json);
    json_member_raw(json, "participant1", is_a ? item->self : item->peer->data);
    json_member_raw(json, "participant2", is_a ? item->peer->data : item->self);
    json_member_uuid(json, "participant1_id", is_a ? item->user : &item->peer_id);
    json_member_uuid(json, "participant2_id", is_a ? &item->peer_id : item->user);
}

static void write_last(struct json_writer *json, const struct item *item)
{
    bool mine = is_set(item, CONVERSATION_LIST_LAST_MINE);
    struct message_view last = {.conversation = item->id,
                                .sender = mine ? *item->user : item->peer_id,
                                .sender_json = mine ? item->self : item->peer->data,
                                .client_id = item_text(item, CONVERSATION_LIST_LAST_CLIENT_ID),
                                .body = item_text(item, CONVERSATION_LIST_LAST_BODY),
                                .kind = item_text(item, CONVERSATION_LIST_LAST_KIND),
                                .seq = item_integer(item, CONVERSATION_LIST_LAST_SEQ),
                                .created_at = item_moment(item, CONVERSATION_LIST_LAST_AT),
                                .delivered_at = item_moment(item, CONVERSATION_LIST_LAST_DELIVERED),
                                .read_at = item_moment(item, CONVERSATION_LIST_LAST_READ),
                                .sent_at = item_moment(item, CONVERSATION_LIST_LAST_SENT),
                                .failed = is_set(item, CONVERSATION_LIST_LAST_FAILED)};
    json_key(json, "last_message");
    if (rows_uuid(item->rows, item->row, CONVERSATION_LIST_LAST_ID, &last.id)) {
        message_json_write(json->buf, &last);
        json->comma = true;
    } else {
        json_put_null(json);
    }
}

static void write_direct(struct json_writer *json, const struct item *item)
{
    gint64 made_at = item_moment(item, CONVERSATION_LIST_CREATED_AT);
    gint64 last_at = item_moment(item, CONVERSATION_LIST_LAST_AT)
                         ? item_moment(item, CONVERSATION_LIST_LAST_AT)
                         : made_at;
    json_begin_object(json);
    json_member_uuid(json, "id", &item->id);
    json_member_string(json, "type", item_text(item, CONVERSATION_LIST_KIND));
    json_member_string(json, "jid", item_text(item, CONVERSATION_LIST_PEER_JID));
    json_member_string(json, "name", item_text(item, CONVERSATION_LIST_PEER_NAME));
    json_member_raw(json, "description", NULL);
    json_member_string(json, "icon_url", item_text(item, CONVERSATION_LIST_PEER_PICTURE));
    write_members(json, item);
    write_last(json, item);
    json_member_time(json, "last_message_at", last_at);
    json_member_integer(json, "unread_count", item_integer(item, CONVERSATION_LIST_UNREAD));
    json_member_boolean(json, "pinned", is_set(item, CONVERSATION_LIST_PINNED));
    json_member_raw(json, "muted_until", item_text(item, CONVERSATION_LIST_MUTED));
    json_member_boolean(json, "archived", is_set(item, CONVERSATION_LIST_ARCHIVED));
    json_member_string(json, "request", item_text(item, CONVERSATION_LIST_REQUEST));
    json_member_boolean(json, "blocked", is_set(item, CONVERSATION_LIST_BLOCKED));
    json_member_raw(json, "settings", "{}");
    json_member_time(json, "created_at", made_at);
    json_member_time(json, "updated_at", last_at);
    json_end_object(json);
}

/* One of many comes as a whole. */
static void write_item(struct json_writer *json, struct item *item)
{
    const char *whole = item_text(item, CONVERSATION_LIST_WHOLE);
    if (whole) {
        json_put_raw(json, whole, rows_length(item->rows, item->row, CONVERSATION_LIST_WHOLE));
        return;
    }
    rows_uuid(item->rows, item->row, CONVERSATION_LIST_ID, &item->id);
    rows_uuid(item->rows, item->row, CONVERSATION_LIST_PEER_ID, &item->peer_id);
    write_peer(item);
    write_direct(json, item);
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

void conversation_page_write(struct buffer *buf, const struct rows *rows, bool forward,
                             const struct uuid *user)
{
    int count = rows_count(rows);
    g_auto(buffer) peer = BUFFER_INIT(USER_JSON_MAX);
    struct item item = {.rows = rows,
                        .user = user,
                        .peer = &peer,
                        .self = count > 0 ? rows_text(rows, 0, CONVERSATION_LIST_SELF) : NULL};
    struct json_writer json;
    json_writer_init(&json, buf);
    json_begin_object(&json);
    json_key(&json, "items");
    json_begin_array(&json);
    for (int i = 0; i < count; i++) {
        item.row = forward ? count - 1 - i : i;
        write_item(&json, &item);
    }
    json_end_array(&json);
    write_end(&json, rows);
}
