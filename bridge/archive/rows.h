/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a query has found. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"

/* Rows of a finished query; valid during the callback. */
struct rows;
int rows_count(const struct rows *rows);
const char *rows_text(const struct rows *rows, int row, int column); /* NULL for SQL NULL */
size_t rows_length(const struct rows *rows, int row, int column);
gint64 rows_integer(const struct rows *rows, int row, int column); /* 0 for SQL NULL */
bool rows_boolean(const struct rows *rows, int row, int column);
bool rows_is_null(const struct rows *rows, int row, int column);
/* The text of a jsonb; NULL for SQL NULL. Of archive_query_binary() only. */
const char *rows_json(const struct rows *rows, int row, int column);
bool rows_uuid(const struct rows *rows, int row, int column, struct uuid *ret_id);
/* Wall clock, microseconds; 0 for SQL NULL. Of archive_query_binary() only. */
gint64 rows_time(const struct rows *rows, int row, int column);

struct record_part; /* see record.h */
/* The bytes in a column of archive_query_binary(); false: SQL NULL. */
bool rows_part(const struct rows *rows, int row, int column, struct record_part *ret_part);
