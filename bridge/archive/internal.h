/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the files of this folder only. */
#pragma once

#include "bridge/archive/archive.h"
#include "bridge/loop/pq.h"

#define ARCHIVE_PATIENCE                                                                           \
    (3 * G_USEC_PER_SEC) /* how long work waits for a database that is away                        \
                          */

/* Static table of all queries, QUERY_MAX long. */
const struct pq_statement *archive_statements(void);

/* The code that a failed statement means; ERROR_NONE for success. */
enum error_code archive_result_error(const PGresult *result);

/* The session may not write, and stored nothing; the next one may. */
bool archive_is_read_only(const PGresult *result);

struct rows {
    const PGresult *result;
};

/* Whether the database takes writes, as writes and the watchdog find. A connection that is up does
 * not say so: the disk may be full, a lock may be held, the session may be read only. */
struct health {
    gint64 proven; /* clock_monotonic of the last write that was committed; 0: none on this
                      connection */
    bool refused;
};
void health_proven(struct health *health);
void health_refused(struct health *health,
                    const char *reason); /* for the log: a SQLSTATE or a word */
void health_note_error(struct health *health, const PGresult *result);

/* The writing half. */
struct writer;
/* CALLBACKS and its DATA must outlive the writer. */
struct writer *writer_new(const struct options *options, struct pq_connection *connection,
                          const struct archive_callbacks *callbacks, struct health *health,
                          void *data);
void writer_free(struct writer *writer); /* it must be empty */
bool writer_is_empty(const struct writer *writer);
void writer_fail_all(struct writer *writer); /* answers everything; its connection is gone */
void writer_refuse(struct writer *writer);   /* answers what did not fit into the queue */
void writer_add(struct writer *writer, struct write *write);
bool writer_is_waiting(const struct writer *writer); /* for the answer to a batch */
/* The highest position in the log that writes were told. */
gint64 writer_newest(const struct writer *writer);
void writer_set_newest(struct writer *writer, gint64 position);
void writer_connected(struct writer *writer); /* what was in flight is sent again, then the rest */
void writer_flush(struct writer *writer);     /* at each turn's end */
void writer_tick(struct writer *writer);      /* twice a second: gives up on what waited too long */

/* Binary arrays for statement parameters, and binary results; see codec.c. */
struct array {
    GByteArray *bytes;
    guint32 type; /* OID of the elements */
    gint32 count;
};

enum array_type { ARRAY_UUID, ARRAY_TEXT, ARRAY_BOOLEAN };

void array_begin(struct array *array, enum array_type type);
void array_add(struct array *array, const void *bytes, size_t length); /* bytes NULL: SQL NULL */
void array_add_text(struct array *array, const char *text);
void array_add_uuid(struct array *array, const struct uuid *id); /* nil: SQL NULL */
void array_add_boolean(struct array *array, bool value);
void array_end(struct array *array); /* fills in the header; bytes are ready to be sent */
void array_clear(struct array *array);

gint64 binary_integer(const PGresult *result, int row, int column);
gint64 binary_time(const PGresult *result, int row, int column); /* wall clock, microseconds */
bool binary_boolean(const PGresult *result, int row, int column);
void binary_uuid(const PGresult *result, int row, int column, struct uuid *ret_id); /* NULL: nil */
/* Arrays of struct uuid and of struct member, the ids in one column and the numbers in another;
 * NULL for NULL, caller unrefs. */
GArray *binary_uuids(const PGresult *result, int row, int column);
GArray *binary_members(const PGresult *result, int row, int ids, int numbers);
char *binary_text(const PGresult *result, int row, int column); /* caller frees; NULL for NULL */

#define ARRAYS_MAX 12 /* columns of a batch */

/* How writes of one kind become a statement and results; see write_kinds.c. */
struct write_codec {
    enum query query;
    int arrays; /* the first parameters are arrays of these types */
    enum array_type types[ARRAYS_MAX];
    enum { SCALAR_NONE, SCALAR_CAREFUL } scalar; /* the parameter behind them */
    void (*encode)(struct write *write, struct array *arrays);
    void (*decode)(struct write *write, const PGresult *result, int row);
};
extern const struct write_codec write_codecs[WRITE_KINDS];
