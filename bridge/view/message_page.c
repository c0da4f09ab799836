/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. */
#include "config.h"

#include <string.h>

#include "bridge/view/message.h"
#include "bridge/view/message_page.h"

/* What MESSAGE_PAGE_PART says. */
enum { PART_SENDER, PART_MESSAGE, PART_DELIVERED, PART_READ };

struct page_reading {
    const struct rows *rows;
    const struct uuid *viewer;
    struct view_memory *memory;
    const struct message_view **messages; /* by row; NULL: the row is none */
    struct user_view *senders;            /* as written */
    int sender;     /* the sender of the message at work; most have the one before */
    int count;      /* how many senders there are: so many rows from the first */
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

static bool is_read_by_viewer(const struct page_reading *reading, int row)
{
    struct uuid id;
    return rows_uuid(reading->rows, row, MESSAGE_PAGE_SENDER_ID, &id) &&
           uuid_equal(&id, reading->viewer);
}

static void read_senders(struct page_reading *reading)
{
    const struct view_schema *schema = view_schema_find("User");
    while (part_of(reading, reading->count) == PART_SENDER)
        reading->count++;
    reading->senders = g_new0(struct user_view, (gsize)reading->count);
    for (int row = 0; row < reading->count; row++) {
        const struct user_view *user = view_from_row(&view_of_user_view, reading->rows, row,
                                                     MESSAGE_PAGE_SENDER, reading->memory);
        if (!user)
            continue;
        reading->senders[row] = *user;
        reading->senders[row].written = view_written(schema, user, reading->memory);
    }
}

static void read_messages(struct page_reading *reading)
{
    reading->messages = g_new0(const struct message_view *, (gsize)rows_count(reading->rows));
    reading->first = reading->end = reading->count;
    for (; part_of(reading, reading->end) == PART_MESSAGE; reading->end++)
        reading->messages[reading->end] = view_from_columns(
            &view_of_message_view, reading->rows, reading->end, MESSAGE_PAGE_ID, reading->memory);
    for (int row = rows_count(reading->rows) - 1; row >= reading->end; row--)
        reading->marks[is_read_by_viewer(reading, row)][part_of(reading, row) == PART_READ] = row;
}

/* When the reader got to SEQ; 0: not yet. Later calls ask for the same or a higher one. */
static gint64 mark_time(struct page_reading *reading, bool own, int part, gint64 seq)
{
    int *row = &reading->marks[own][part == PART_READ];
    while (*row && rows_integer(reading->rows, *row, MESSAGE_PAGE_SEQ) < seq) {
        bool more =
            part_of(reading, *row + 1) == part && is_read_by_viewer(reading, *row + 1) == own;
        *row = more ? *row + 1 : 0;
    }
    return *row ? rows_time(reading->rows, *row, MESSAGE_PAGE_CREATED_AT) : 0;
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
    struct message_view message = *reading->messages[row];
    message.sender = sender_of(reading, &message.sender_id);
    bool own = !uuid_equal(&message.sender_id, reading->viewer); /* others': the viewer has read */
    message.delivered_at = mark_time(reading, own, PART_DELIVERED, message.seq);
    message.read_at = mark_time(reading, own, PART_READ, message.seq);
    message_view_write(buf, &message);
}

static void write_end(struct buffer *buf, const struct message_view *next)
{
    char text[UUID_TEXT_SIZE];
    if (!next) {
        buffer_append_string(buf, "],\"has_more\":false,\"next\":null}");
        return;
    }
    uuid_format(&next->id, text);
    buffer_append_string(buf, "],\"has_more\":true,\"next\":\"");
    buffer_append_string(buf, text);
    buffer_append_string(buf, "\"}");
}

static gsize text_of(const struct page_reading *reading, int row)
{
    const char *body = reading->messages[row]->body;
    return body ? strlen(body) : 0;
}

/* The row that must be on the page: where it begins to be read, or the message it is around. */
static int row_to_keep(const struct page_reading *reading, const struct message_page *page)
{
    for (int row = reading->first; !uuid_is_nil(&page->around) && row < reading->end; row++) {
        if (uuid_equal(&reading->messages[row]->id, &page->around))
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
    g_auto(view_memory) memory = {0};
    struct page_reading reading = {.rows = rows, .viewer = &page->viewer, .memory = &memory};
    if (part_of(&reading, 0) != PART_SENDER)
        return false;
    read_senders(&reading);
    read_messages(&reading);
    int next = cut_page(&reading, page);
    buffer_append_string(buf, "{\"items\":[");
    bool comma = false;
    for (int row = reading.first; row < reading.end; row++) {
        if (!reading.messages[row]->kind)
            continue; /* the viewer has hidden it */
        if (comma)
            buffer_append(buf, ",", 1);
        comma = true;
        write_item(buf, &reading, row);
    }
    write_end(buf, next ? reading.messages[next] : NULL);
    g_free(reading.messages);
    g_free(reading.senders);
    return true;
}
