/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of libpq's results. */
#include "config.h"

#include "bridge/archive/archive_part.h"
#include "bridge/archive/record.h"

int rows_count(const struct rows *rows)
{
    return rows->count;
}

const char *rows_text(const struct rows *rows, int row, int column)
{
    if (PQgetisnull(rows->result, rows->first + row, column))
        return NULL;
    return PQgetvalue(rows->result, rows->first + row, column);
}

bool rows_is_null(const struct rows *rows, int row, int column)
{
    return PQgetisnull(rows->result, rows->first + row, column);
}

const char *rows_json(const struct rows *rows, int row, int column)
{
    const char *value = rows_text(rows, row, column);
    return value ? value + 1 : NULL; /* a byte says which form follows, always 1 */
}

size_t rows_length(const struct rows *rows, int row, int column)
{
    return (size_t)PQgetlength(rows->result, rows->first + row, column);
}

gint64 rows_integer(const struct rows *rows, int row, int column)
{
    if (PQfformat(rows->result, column))
        return binary_integer(rows->result, rows->first + row, column);
    return g_ascii_strtoll(PQgetvalue(rows->result, rows->first + row, column), NULL, 10);
}

gint64 rows_time(const struct rows *rows, int row, int column)
{
    return PQgetisnull(rows->result, rows->first + row, column)
               ? 0
               : binary_time(rows->result, rows->first + row, column);
}

bool rows_boolean(const struct rows *rows, int row, int column)
{
    if (PQfformat(rows->result, column))
        return binary_boolean(rows->result, rows->first + row, column);
    return *PQgetvalue(rows->result, rows->first + row, column) == 't';
}

bool rows_part(const struct rows *rows, int row, int column, struct record_part *ret_part)
{
    size_t length = rows_length(rows, row, column); /* of NULL: 0 */
    if (length == 0 && PQgetisnull(rows->result, rows->first + row, column)) {
        *ret_part = (struct record_part){0};
        return false;
    }
    *ret_part = (struct record_part){PQgetvalue(rows->result, rows->first + row, column), length};
    return true;
}

bool rows_uuid(const struct rows *rows, int row, int column, struct uuid *ret_id)
{
    if (PQfformat(rows->result, column)) {
        binary_uuid(rows->result, rows->first + row, column, ret_id);
        return !PQgetisnull(rows->result, rows->first + row, column);
    }
    return uuid_parse(PQgetvalue(rows->result, rows->first + row, column), ret_id);
}
