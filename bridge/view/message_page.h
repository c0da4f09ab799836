/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages of messages, from the rows of message_page() in sql/function. */
#pragma once

#include "bridge/view/rows.h"

#define MESSAGE_PAGE_TEXT (4 * 1024 * 1024) /* bytes of text; a page with more ends early */
#define MESSAGE_PAGE_MAX (32 * 1024 * 1024) /* bytes of its JSON, one text of any size included */

/* On which side of its place a page lies. */
enum message_page_from {
    PAGE_NEWEST, /* it has no place: it ends with the newest message */
    PAGE_BEFORE,
    PAGE_AFTER, /* next continues with newer messages, not with older ones */
    PAGE_AROUND
};

struct message_page {
    struct uuid viewer; /* who asks */
    struct uuid conversation;
    int limit;
    enum message_page_from from;
};

/* Writes { items, has_more, next, has_more_before, has_more_after }. What no entrance would let in
 * any more can be read all the same: a page whose texts are long holds fewer messages, one at
 * least. False: ROWS are of no conversation. */
bool message_page_write(struct buffer *buf, const struct message_page *page,
                        const struct rows *rows);
