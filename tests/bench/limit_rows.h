/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes batches of plausible message rows for whatever columns a table has. The list comes from the
 * catalog, so it follows the schema: columns of unique indexes get fresh values by type; the others
 * get the bytes of a real row of the sample table if there is one, so that the payload is the
 * product's, or else something of a message's size. Everything is binary. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct row_maker;

/* Reads the columns of TABLE and a sample from SAMPLE (NULL: none). NULL with a line on stderr. */
struct row_maker *row_maker_new(PGconn *connection, const char *table, const char *sample);
void row_maker_free(struct row_maker *maker);

/* INSERT INTO TABLE (…) SELECT * FROM unnest($1::…[], …); g_free(). */
char *row_maker_statement(const struct row_maker *maker);
char *row_maker_columns(const struct row_maker *maker); /* names, for people; g_free() */

/* ROWS new rows as one array per column. The pointers are good until the next call for the same
 * SLOT (0 .. ROW_SLOTS_MAX - 1). */
#define ROW_SLOTS_MAX 8

struct row_batch {
    int columns;
    const char *const *values;
    const int *lengths;
    const int *formats;
};

struct row_batch row_maker_batch(struct row_maker *maker, unsigned slot, unsigned rows);
