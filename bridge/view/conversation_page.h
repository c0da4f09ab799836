/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages of conversations, from the rows of conversation_list() in sql/function. */
#pragma once

#include "bridge/view/rows.h"

/* Writes { items, has_more, next }, newest first. FORWARD: the rows are oldest first. COMPACT: with
 * the users beside the items, see people.h. */
void conversation_page_write(struct buffer *buf, const struct rows *rows, bool forward,
                             bool compact);
