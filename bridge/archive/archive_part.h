/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this folder share. */
#pragma once

#include "bridge/archive/archive.h"
#include "bridge/archive/codec.h"
#include "bridge/loop/pq.h"

#define ARCHIVE_PATIENCE                                                                           \
    (3 * G_USEC_PER_SEC) /* how long work waits for a database that is away                        \
                          */

/* Static table of all queries, QUERY_MAX long. */
const struct pq_statement *archive_statements(void);

/* The code that a failed statement means; ERROR_NONE for success. */
enum error_code archive_result_error(const PGresult *result);

/* Whether a row of log_state() tells of the schema and the functions that this program needs. */
bool log_state_fits(const PGresult *result);

/* The session may not write, and stored nothing; the next one may. */
bool archive_is_read_only(const PGresult *result);

/* A deadlock or a serialization failure has undone it: the same may succeed a moment later. */
bool archive_is_victim(const PGresult *result);
#define VICTIM_RETRIES 3

/* Those of a result from the first one on. */
struct rows {
    const PGresult *result;
    int first, count;
};

#define ARRAYS_MAX 16 /* columns of a batch */

/* How writes of one kind become a statement and results; see write_kinds.c. */
struct write_codec {
    enum query query;
    int arrays; /* the first parameters are arrays of these types */
    enum array_type types[ARRAYS_MAX];
    enum { SCALAR_NONE, SCALAR_CAREFUL } scalar; /* the parameter behind them */
    void (*encode)(struct write *write, struct array *arrays);
    void (*decode)(struct write *write, const PGresult *result, int row);
    int place; /* the column with the place of a row's write in the batch; 0: it is that of the row
                */
    /* Of a short way: whether ROW is WRITE's. */
    bool (*is_row)(const struct write *write, const PGresult *result, int row);
};
extern const struct write_codec write_codecs[WRITE_KINDS];
/* The short way of those that need nothing but their row, else without a query: messages whose seq,
 * sender_seq and members are known (message_put), and delivered marks (mark_put). The result has
 * rows, in the order of the writes, of those only that were stored. */
extern const struct write_codec write_codecs_plain[WRITE_KINDS];
