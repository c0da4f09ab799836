/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. */
#include "config.h"

#include <string.h>

#include "bridge/view/message.h"
#include "bridge/view/message_page.h"

struct page_reading {
    const struct rows *rows;
    const struct message_page *page;
    struct view_memory *memory;
    struct message_view *messages; /* by row */
    struct user_view *senders;     /* as written */
    int sender;                    /* the sender of the message at work; most have the one before */
    int count;                     /* how many senders there are */
    int first, end;                /* rows of messages, from the oldest */
    const struct reach_view *marks;
    int mark_count;
    /* While messages are walked from the oldest: by reader (is it the viewer?) and kind, the next
     * watermark that may reach the message; -1: none does. */
    int reached[2][2];
};

static void read_senders(struct page_reading *reading, const struct view_list *senders)
{
    const struct view_schema *schema = view_schema_find("User");
    reading->count = (int)senders->count;
    reading->senders = g_new0(struct user_view, senders->count);
    for (int i = 0; i < reading->count; i++) {
        reading->senders[i] = ((const struct user_view *)senders->items)[i];
        reading->senders[i].written = view_written(schema, &reading->senders[i], reading->memory);
    }
}

static void read_marks(struct page_reading *reading, const struct view_list *marks)
{
    reading->marks = marks->items;
    reading->mark_count = (int)marks->count;
    memset(reading->reached, -1, sizeof reading->reached);
    for (int i = reading->mark_count - 1; i >= 0; i--)
        reading->reached[reading->marks[i].own][reading->marks[i].read] = i;
}

static void read_message(const struct page_reading *reading, int row)
{
    const struct rows *rows = reading->rows;
    struct message_view *message = &reading->messages[row];
    rows_uuid(rows, row, MESSAGE_PAGE_ID, &message->id);
    rows_uuid(rows, row, MESSAGE_PAGE_SENDER_ID, &message->sender_id);
    message->conversation_id = reading->page->conversation;
    message->client_id = rows_text(rows, row, MESSAGE_PAGE_CLIENT_ID);
    message->seq = rows_integer(rows, row, MESSAGE_PAGE_SEQ);
    message->body = rows_text(rows, row, MESSAGE_PAGE_BODY);
    message->kind = rows_text(rows, row, MESSAGE_PAGE_KIND);
    message->metadata = rows_json(rows, row, MESSAGE_PAGE_METADATA);
    message->sent_at = rows_time(rows, row, MESSAGE_PAGE_SENT_AT);
    message->failed = rows_boolean(rows, row, MESSAGE_PAGE_FAILED);
    message->created_at = rows_time(rows, row, MESSAGE_PAGE_CREATED_AT);
    message->reactions = rows_json(rows, row, MESSAGE_PAGE_REACTIONS);
    message->content =
        view_from_row(&view_of_content_view, rows, row, MESSAGE_PAGE_CONTENT, reading->memory);
}

static void read_messages(struct page_reading *reading)
{
    int count = rows_count(reading->rows);
    if (rows_is_null(reading->rows, 0, MESSAGE_PAGE_ID))
        count = 0; /* the head alone */
    reading->messages = g_new0(struct message_view, (gsize)count);
    for (int row = 0; row < count; row++)
        read_message(reading, row);
    reading->end = count;
}

/* When the reader got to SEQ; 0: not yet. Later calls ask for the same or a higher one. */
static gint64 mark_time(struct page_reading *reading, bool own, bool read, gint64 seq)
{
    int *at = &reading->reached[own][read];
    while (*at >= 0 && reading->marks[*at].seq < seq) {
        const struct reach_view *next = &reading->marks[*at + 1];
        bool more = *at + 1 < reading->mark_count && next->own == own && next->read == read;
        *at = more ? *at + 1 : -1;
    }
    return *at >= 0 ? reading->marks[*at].at : 0;
}

/* NULL: the system's. */
static const struct user_view *sender_of(struct page_reading *reading, const struct uuid *id)
{
    for (int tried = 0; !uuid_is_nil(id) && tried < reading->count; tried++) {
        int sender = (reading->sender + tried) % reading->count;
        if (!uuid_equal(&reading->senders[sender].id, id))
            continue;
        reading->sender = sender;
        return &reading->senders[sender];
    }
    return NULL;
}

static void write_item(struct buffer *buf, struct page_reading *reading, int row)
{
    struct message_view *message = &reading->messages[row];
    message->sender = sender_of(reading, &message->sender_id);
    /* Others': the viewer has read. */
    bool own = !uuid_equal(&message->sender_id, &reading->page->viewer);
    message->delivered_at = mark_time(reading, own, false, message->seq);
    message->read_at = mark_time(reading, own, true, message->seq);
    message_view_write(buf, message);
}

/* What a page leaves out on both sides, and the message that the next one continues with. */
struct page_end {
    bool before, after;
    const struct message_view *next; /* NULL: there is no more */
};

static void write_end(struct buffer *buf, const struct page_end *end)
{
    char text[UUID_TEXT_SIZE];
    if (end->next) {
        uuid_format(&end->next->id, text);
        buffer_append_string(buf, "],\"has_more\":true,\"next\":\"");
        buffer_append_string(buf, text);
        buffer_append_string(buf, "\"");
    } else {
        buffer_append_string(buf, "],\"has_more\":false,\"next\":null");
    }
    buffer_append_string(buf,
                         end->before ? ",\"has_more_before\":true" : ",\"has_more_before\":false");
    buffer_append_string(buf,
                         end->after ? ",\"has_more_after\":true}" : ",\"has_more_after\":false}");
}

static gsize text_of(const struct page_reading *reading, int row)
{
    const char *body = reading->messages[row].body;
    return body ? strlen(body) : 0;
}

/* The first row of a message that is not older than SEQ; reading->end: there is none. */
static int row_from(const struct page_reading *reading, gint64 seq)
{
    int row = reading->first;
    while (row < reading->end && reading->messages[row].seq < seq)
        row++;
    return row;
}

/* Leaves the messages that PAGE is of, by number; yields the one that must be on it: where it
 * begins to be read, or what it is around. */
static int cut_numbers(struct page_reading *reading, gint64 place)
{
    const struct message_page *page = reading->page;
    int around = page->from == PAGE_AROUND ? row_from(reading, place) : reading->end;
    if (page->from == PAGE_AFTER) {
        reading->first = row_from(reading, place + 1);
        reading->end = MIN(reading->end, reading->first + page->limit);
        return reading->first;
    }
    if (page->from == PAGE_BEFORE)
        reading->end = row_from(reading, place);
    else if (page->from == PAGE_AROUND)
        reading->end = row_from(reading, place + (page->limit - 1) / 2 + 1);
    reading->first = MAX(reading->first, reading->end - page->limit);
    return CLAMP(around, reading->first, MAX(reading->first, reading->end - 1));
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

/* Drops what is too much. */
static struct page_end cut_page(struct page_reading *reading, gint64 place)
{
    int oldest = reading->first, past = reading->end;
    int kept = cut_numbers(reading, place);
    if (reading->first < reading->end)
        fit_texts(reading, kept);
    struct page_end end = {.before = reading->first > oldest, .after = reading->end < past};
    bool forward = reading->page->from == PAGE_AFTER;
    if (reading->first < reading->end && (forward ? end.after : end.before))
        end.next = &reading->messages[forward ? reading->end - 1 : reading->first];
    return end;
}

bool message_page_write(struct buffer *buf, const struct message_page *page,
                        const struct rows *rows)
{
    g_auto(view_memory) memory = {0};
    struct page_reading reading = {.rows = rows, .page = page, .memory = &memory};
    const struct page_view *head = NULL;
    if (rows_count(rows) > 0)
        head = view_from_row(&view_of_page_view, rows, 0, MESSAGE_PAGE_HEAD, &memory);
    if (!head)
        return false;
    read_senders(&reading, &head->senders);
    read_marks(&reading, &head->marks);
    read_messages(&reading);
    struct page_end end = cut_page(&reading, head->place);
    buffer_append_string(buf, "{\"items\":[");
    bool comma = false;
    for (int row = reading.first; row < reading.end; row++) {
        if (!reading.messages[row].kind)
            continue; /* the viewer has hidden it */
        if (comma)
            buffer_append(buf, ",", 1);
        comma = true;
        write_item(buf, &reading, row);
    }
    write_end(buf, &end);
    g_free(reading.messages);
    g_free(reading.senders);
    return true;
}
