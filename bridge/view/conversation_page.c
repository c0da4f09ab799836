/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. */
#include "config.h"

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

void conversation_page_write(struct buffer *buf, const struct rows *rows, bool forward)
{
    g_auto(view_memory) memory = {0};
    const struct view_schema *schema = view_schema_find("Conversation");
    int count = rows_count(rows);
    struct json_writer json;
    json_writer_init(&json, buf);
    json_begin_object(&json);
    json_key(&json, "items");
    json_begin_array(&json);
    for (int i = 0; i < count; i++)
        view_write(&json, schema,
                   view_from_row(&view_of_conversation_view, rows, forward ? count - 1 - i : i,
                                 CONVERSATION_LIST_CONVERSATION, &memory));
    json_end_array(&json);
    write_end(&json, rows);
}
