/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages as JSON. */
#include "config.h"

#include <string.h>

#include "bridge/base/json_writer.h"
#include "bridge/core/message_json.h"

#define USUAL_JSON 768 /* of a Message beside content and sender */

static void put_metadata(struct json_writer *json, const char *metadata, gint64 sent_at)
{
    if (!sent_at) {
        json_member_raw(json, "metadata", metadata);
        return;
    }
    json_key(json, "metadata");
    json_begin_object(json);
    json_member_time(json, "sent_at", sent_at);
    json_end_object(json);
}

static const char *status_of(const struct message_view *message)
{
    if (message->failed)
        return "failed";
    if (message->read_at)
        return "read";
    return message->delivered_at ? "delivered" : "sent";
}

/* Watermarks, which say nothing of a message that failed on its own. */
static void put_marks(struct json_writer *json, const struct message_view *message)
{
    gint64 read_at = message->failed ? 0 : message->read_at;
    gint64 delivered_at = message->failed ? 0 : message->delivered_at;
    json_member_time(json, "delivered_at", delivered_at ? delivered_at : read_at);
    json_member_time(json, "read_at", read_at);
}

void message_json_write(struct buffer *buf, const struct message_view *message)
{
    buffer_expect(buf, USUAL_JSON + (message->body ? strlen(message->body) : 0) +
                           (message->sender_json ? strlen(message->sender_json) : 0));
    struct json_writer json;
    json_writer_init(&json, buf);
    json_begin_object(&json);
    json_member_uuid(&json, "id", &message->id);
    json_member_string(&json, "client_id", message->client_id);
    json_member_uuid(&json, "conversation_id", &message->conversation);
    json_member_integer(&json, "seq", message->seq);
    json_member_raw(&json, "sender", message->sender_json);
    if (uuid_is_nil(&message->sender))
        json_member_raw(&json, "sender_id", NULL);
    else
        json_member_uuid(&json, "sender_id", &message->sender);
    json_member_string(&json, "content", message->body);
    json_member_string(&json, "message_type", message->kind);
    put_metadata(&json, message->metadata, message->sent_at);
    static const char fixed[] =
        ",\"reply_to\":null,\"thread_id\":null,\"forward_count\":0,"
        "\"reactions\":[],\"mentions\":[],\"is_edited\":false,\"edited_at\":null,"
        "\"deleted_at\":null,\"expires_at\":null";
    buffer_append(buf, fixed, sizeof fixed - 1);
    json_member_string(&json, "status", status_of(message));
    put_marks(&json, message);
    json_member_time(&json, "created_at", message->created_at);
    json_end_object(&json);
}

/* ---- Pages --------------------------------------------------------------------------------------- */

/* What MESSAGE_PAGE_PART says. */
enum { PART_SENDER, PART_MESSAGE, PART_DELIVERED, PART_READ };

struct page_reading {
    const struct rows *rows;
    struct uuid viewer;
    int sender;     /* row of the sender of the message at work; most have the one before */
    int senders;    /* how many rows those are, from the first */
    int first, end; /* rows of messages, from the oldest */
    /* While messages are walked from the oldest: by reader (is it the viewer?) and kind, the next
     * row of a watermark that may reach the message. */
    int marks[2][2];
};

static int part_of(const struct page_reading *reading, int row)
{
    return row < rows_count(reading->rows)
               ? (int)rows_integer(reading->rows, row, MESSAGE_PAGE_PART)
               : -1;
}

static bool is_viewer(const struct page_reading *reading, int row)
{
    struct uuid id;
    return rows_uuid(reading->rows, row, MESSAGE_PAGE_SENDER_ID, &id) &&
           uuid_equal(&id, &reading->viewer);
}

static void find_parts(struct page_reading *reading)
{
    while (part_of(reading, reading->senders) == PART_SENDER)
        reading->senders++;
    reading->first = reading->end = reading->senders;
    while (part_of(reading, reading->end) == PART_MESSAGE)
        reading->end++;
    for (int row = rows_count(reading->rows) - 1; row >= reading->end; row--)
        reading->marks[is_viewer(reading, row)][part_of(reading, row) == PART_READ] = row;
}

/* When the reader got to SEQ; 0: not yet. Later calls ask for the same or a higher one. */
static gint64 mark_time(struct page_reading *reading, bool own, int part, gint64 seq)
{
    int *row = &reading->marks[own][part == PART_READ];
    while (*row && rows_integer(reading->rows, *row, MESSAGE_PAGE_SEQ) < seq) {
        bool more = part_of(reading, *row + 1) == part && is_viewer(reading, *row + 1) == own;
        *row = more ? *row + 1 : 0;
    }
    return *row ? rows_time(reading->rows, *row, MESSAGE_PAGE_CREATED_AT) : 0;
}

static bool is_row_of(const struct page_reading *reading, int row, const struct uuid *user)
{
    struct uuid id;
    return rows_uuid(reading->rows, row, MESSAGE_PAGE_SENDER_ID, &id) && uuid_equal(&id, user);
}

/* The User object of a sender; NULL: the system's. */
static const char *sender_json(struct page_reading *reading, const struct uuid *sender)
{
    if (uuid_is_nil(sender))
        return NULL;
    for (int tried = 0; tried < reading->senders; tried++) {
        int row = (reading->sender + tried) % reading->senders;
        if (!is_row_of(reading, row, sender))
            continue;
        reading->sender = row;
        return rows_text(reading->rows, row, MESSAGE_PAGE_BODY);
    }
    return NULL;
}

static void write_item(struct buffer *buf, struct page_reading *reading, int row,
                       const struct uuid *conversation)
{
    const struct rows *rows = reading->rows;
    struct message_view message = {.conversation = *conversation,
                                   .client_id = rows_text(rows, row, MESSAGE_PAGE_CLIENT_ID),
                                   .body = rows_text(rows, row, MESSAGE_PAGE_BODY),
                                   .kind = rows_text(rows, row, MESSAGE_PAGE_KIND),
                                   .seq = rows_integer(rows, row, MESSAGE_PAGE_SEQ),
                                   .created_at = rows_time(rows, row, MESSAGE_PAGE_CREATED_AT),
                                   .sent_at = rows_time(rows, row, MESSAGE_PAGE_SENT_AT),
                                   .metadata = rows_text(rows, row, MESSAGE_PAGE_METADATA),
                                   .failed = rows_boolean(rows, row, MESSAGE_PAGE_FAILED)};
    rows_uuid(rows, row, MESSAGE_PAGE_ID, &message.id);
    rows_uuid(rows, row, MESSAGE_PAGE_SENDER_ID, &message.sender);
    message.sender_json = sender_json(reading, &message.sender);
    bool own = !is_viewer(reading, row); /* what others wrote, the viewer has read */
    message.delivered_at = mark_time(reading, own, PART_DELIVERED, message.seq);
    message.read_at = mark_time(reading, own, PART_READ, message.seq);
    message_json_write(buf, &message);
}

static void write_end(struct buffer *buf, const struct rows *rows, int next)
{
    struct uuid id;
    char text[UUID_TEXT_SIZE];
    if (next == 0 || !rows_uuid(rows, next, MESSAGE_PAGE_ID, &id)) {
        buffer_append_string(buf, "],\"has_more\":false,\"next\":null}");
        return;
    }
    uuid_format(&id, text);
    buffer_append_string(buf, "],\"has_more\":true,\"next\":\"");
    buffer_append_string(buf, text);
    buffer_append_string(buf, "\"}");
}

static gsize text_of(const struct page_reading *reading, int row)
{
    return rows_length(reading->rows, row, MESSAGE_PAGE_BODY);
}

/* The row that must be on the page: where it begins to be read, or the message it is around. */
static int row_to_keep(const struct page_reading *reading, const struct message_page *page)
{
    for (int row = reading->first; !uuid_is_nil(&page->around) && row < reading->end; row++) {
        struct uuid id;
        if (rows_uuid(reading->rows, row, MESSAGE_PAGE_ID, &id) && uuid_equal(&id, &page->around))
            return row;
    }
    return page->forward ? reading->first : reading->end - 1;
}

/* Leaves the messages next to row KEPT whose texts fit: newer ones first, unless the page goes
 * forward, where there are none before it. What is left out is reached by before and after. */
static void fit_texts(struct page_reading *reading, int kept)
{
    int first = kept, end = kept + 1;
    gsize size = text_of(reading, kept);
    while (end < reading->end && size + text_of(reading, end) <= MESSAGE_PAGE_TEXT)
        size += text_of(reading, end++);
    while (first > reading->first && size + text_of(reading, first - 1) <= MESSAGE_PAGE_TEXT)
        size += text_of(reading, --first);
    reading->first = first;
    reading->end = end;
}

/* Drops what is too much; yields the row that the next page continues with, 0: there is no more. */
static int cut_page(struct page_reading *reading, const struct message_page *page)
{
    int oldest = reading->first, newest = reading->end - 1;
    if (newest < oldest)
        return 0;
    if (newest - oldest >= page->limit)
        *(page->forward ? &reading->end : &reading->first) += page->forward ? -1 : 1;
    fit_texts(reading, row_to_keep(reading, page));
    bool more = page->forward ? reading->end <= newest : reading->first > oldest;
    if (!more)
        return 0;
    return page->forward ? reading->end - 1 : reading->first;
}

bool message_page_write(struct buffer *buf, const struct message_page *page,
                        const struct rows *rows)
{
    struct page_reading reading = {.rows = rows, .viewer = page->viewer};
    if (part_of(&reading, 0) != PART_SENDER)
        return false;
    find_parts(&reading);
    int next = cut_page(&reading, page);
    buffer_append_string(buf, "{\"items\":[");
    for (int row = reading.first; row < reading.end; row++) {
        if (row > reading.first)
            buffer_append(buf, ",", 1);
        write_item(buf, &reading, row, &page->conversation);
    }
    write_end(buf, rows, next);
    return true;
}
