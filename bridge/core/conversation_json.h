/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages of Conversation objects from the rows of conversation_list() in sql/function.
 * conversation_object() there is the same object. */
#pragma once

#include "bridge/archive/archive.h"
#include "bridge/base/buffer.h"

/* Writes { items, has_more, next }, newest first. FORWARD: the rows are oldest first. USER: who
 * asked. */
void conversation_page_write(struct buffer *buf, const struct rows *rows, bool forward,
                             const struct uuid *user);
