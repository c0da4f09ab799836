/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Binary arrays for statement parameters, and binary results. */
#pragma once

#include <libpq-fe.h>

#include "bridge/archive/archive.h"

struct array {
    GByteArray *bytes;
    guint32 type; /* OID of the elements */
    gint32 count;
    bool optional; /* NULL as a whole when all elements are */
    bool empty;    /* all of them are NULL */
};

/* ARRAY_RARE: texts that few rows have. */
enum array_type { ARRAY_UUID, ARRAY_TEXT, ARRAY_BOOLEAN, ARRAY_INTEGER, ARRAY_RARE };

void array_begin(struct array *array, enum array_type type);
void array_add_text(struct array *array, const char *text);
void array_add_uuid(struct array *array, const struct uuid *id); /* nil: SQL NULL */
void array_add_boolean(struct array *array, bool value);
void array_add_integer(struct array *array, gint64 value);
/* Fills in the header; what is to be sent, or NULL: SQL NULL. */
const GByteArray *array_end(struct array *array);
void array_clear(struct array *array);

gint64 binary_integer(const PGresult *result, int row, int column);
gint64 binary_time(const PGresult *result, int row, int column); /* wall clock, microseconds */
bool binary_boolean(const PGresult *result, int row, int column);
void binary_uuid(const PGresult *result, int row, int column, struct uuid *ret_id); /* NULL: nil */
/* Arrays of struct uuid and of struct member, the ids in one column and the numbers in another;
 * NULL for NULL, caller unrefs. */
GArray *binary_uuids(const PGresult *result, int row, int column);
GArray *binary_members(const PGresult *result, int row, int ids, int numbers);
GBytes *binary_bytes(const PGresult *result, int row,
                     int column);                               /* caller unrefs; NULL for NULL */
char *binary_text(const PGresult *result, int row, int column); /* caller frees; NULL for NULL */
