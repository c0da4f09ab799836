/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a message says of several facts. */
#include "config.h"

#include <string.h>

#include "bridge/view/message.h"

#define USUAL_JSON 768 /* of a Message beside content and sender */

void message_put_metadata(struct json_writer *json, const void *view)
{
    const struct message_view *message = view;
    if (!message->sent_at && message->metadata) {
        json_put_raw(json, message->metadata, strlen(message->metadata));
    } else if (!message->sent_at) {
        json_put_null(json);
    } else {
        json_begin_object(json);
        json_member_time(json, "sent_at", message->sent_at);
        json_end_object(json);
    }
}

void message_put_edited(struct json_writer *json, const void *view)
{
    const struct message_view *message = view;
    json_put_boolean(json, message->content && message->content->edited_at);
}

void message_put_status(struct json_writer *json, const void *view)
{
    const struct message_view *message = view;
    const char *status = message->delivered_at ? "delivered" : "sent";
    if (message->content && message->content->sending)
        status = "sending";
    if (message->failed)
        status = "failed";
    else if (message->read_at)
        status = "read";
    json_put_string(json, status);
}

/* Watermarks say nothing of a message that failed on its own. */
void message_put_delivered_at(struct json_writer *json, const void *view)
{
    const struct message_view *message = view;
    gint64 at = message->delivered_at ? message->delivered_at : message->read_at;
    json_put_time(json, message->failed ? 0 : at);
}

void message_put_read_at(struct json_writer *json, const void *view)
{
    const struct message_view *message = view;
    json_put_time(json, message->failed ? 0 : message->read_at);
}

void message_view_write(struct buffer *buf, const struct message_view *message)
{
    const char *sender = message->sender ? message->sender->written : NULL;
    buffer_expect(buf, USUAL_JSON + (message->body ? strlen(message->body) : 0) +
                           (sender ? strlen(sender) : 0));
    view_object(buf, "Message", message);
}
