/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Message object, one writer for a fresh message, a page and a search; and pages of it, from
 * the rows of message_page() in sql/function. message_text() there is the same object. */
#pragma once

#include "bridge/archive/archive.h"
#include "bridge/base/buffer.h"

/* Borrowed. Times are wall clock microseconds, 0: not yet. */
struct message_view {
    struct uuid id, conversation, sender;
    const char *sender_json; /* NULL, as is `sender` nil: the system says it */
    const char *client_id;   /* may be NULL */
    const char *body;        /* may be NULL */
    const char *kind;
    gint64 seq;
    gint64 created_at, delivered_at, read_at;
    gint64 sent_at;       /* long before, as the sender's side says */
    const char *metadata; /* JSON object; NULL: none */
    bool failed;
};

void message_json_write(struct buffer *buf, const struct message_view *message);

#define MESSAGE_PAGE_TEXT (4 * 1024 * 1024) /* bytes of text; a page with more ends early */
#define MESSAGE_PAGE_MAX (32 * 1024 * 1024) /* bytes of its JSON, one text of any size included */

struct message_page {
    struct uuid conversation;
    struct uuid viewer; /* who asks */
    int limit;
    bool forward;       /* next continues with newer messages, not with older ones */
    struct uuid around; /* a message that the page must hold; nil: none */
};

/* Writes { items, has_more, next }. What no entrance would let in any more can be read all the
 * same: a page whose texts are long holds fewer messages, one at least. False: ROWS are of no
 * conversation. */
bool message_page_write(struct buffer *buf, const struct message_page *page,
                        const struct rows *rows);
