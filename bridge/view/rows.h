/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of values of the types of sql/type in rows, and replies of them. */
#pragma once

#include "bridge/archive/archive.h"
#include "bridge/view/view.h"

/* The struct in a column of that SQL type, of rows of archive_query_binary(); NULL for SQL NULL. */
const void *view_from_row(const struct view_type *type, const struct rows *rows, int row,
                          int column, struct view_memory *memory);

/* The struct whose facts are in the columns from FIRST on, as many and in the order of the type's.
 * Its texts are those of ROWS. */
void *view_from_columns(const struct view_type *type, const struct rows *rows, int row, int first,
                        struct view_memory *memory);

/* The struct of a value of that SQL type in binary form, LENGTH bytes; NULL of NULL. */
const void *view_from_bytes(const struct view_type *type, GBytes *bytes,
                            struct view_memory *memory);

/* Writes what ROWS of archive_query_binary() say as the object or page that REPLY names in
 * schema.def. An object: the first column of the only row. A page: ITEM, MORE and NEXT, which is
 * text; the first row has the last two and no item, the others are the items. False: there is no
 * row, or it is NULL. */
enum { VIEW_PAGE_ITEM, VIEW_PAGE_MORE, VIEW_PAGE_NEXT };
bool view_reply(struct buffer *buf, const char *reply, const struct rows *rows);
