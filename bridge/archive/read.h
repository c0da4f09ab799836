/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One reading query on its way: from the queue to a connection, perhaps by way of a replica. */
#pragma once

#include "bridge/archive/archive_part.h"

struct replica;

#define READ_VALUES_MAX 8
#define READ_PIPELINE 32 /* reads in flight on one connection */

struct read {
    struct archive *archive;
    enum query query;
    char *values[READ_VALUES_MAX];
    archive_done done;
    void *data;
    gint64 queued;
    int attempts;
    int victim; /* see archive_is_victim() */
    bool binary;
    bool primary; /* not to be tried at a replica, any more */
    /* replica.c's own */
    struct replica *replica;
    gint64 taken;  /* clock_monotonic */
    guint64 floor; /* how far it must see: a position in the write-ahead log, bytes */
};

/* VALUES are copied. */
struct read *read_new(struct archive *archive, enum query query, const char *const *values);
/* Tells who asked, and frees READ. RESULT is NULL unless ERROR is ERROR_NONE. */
void read_finish(struct read *read, const PGresult *result, enum error_code error);
/* False: CONNECTION is not ready. DONE gets READ as its data. */
bool read_send(struct read *read, struct pq_connection *connection, pq_done done);
