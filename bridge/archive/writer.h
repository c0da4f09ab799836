/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writing half of the archive. */
#pragma once

#include "bridge/archive/archive.h"
#include "bridge/archive/health.h"

struct writer;
struct options;
struct pq_connection;

/* CALLBACKS and its DATA must outlive the writer. */
struct writer *writer_new(const struct options *options, struct pq_connection *connection,
                          const struct archive_callbacks *callbacks, struct health *health,
                          void *data);
void writer_free(struct writer *writer); /* it must be empty */
bool writer_is_empty(const struct writer *writer);
void writer_fail_all(struct writer *writer); /* answers everything; its connection is gone */
void writer_refuse(struct writer *writer);   /* answers what did not fit into the queue */
void writer_progress(struct writer *writer, struct archive_progress *ret_progress);
void writer_add(struct writer *writer, struct write *write);
bool writer_is_waiting(const struct writer *writer); /* for the answer to a batch */
/* The highest position in the log that writes were told. */
gint64 writer_newest(const struct writer *writer);
void writer_set_newest(struct writer *writer, gint64 position);
void writer_other_log(struct writer *writer); /* what was missed of the one before is of no use */
/* See archive_grew(). */
void writer_forget(struct writer *writer, const struct uuid *conversation);
void writer_connected(struct writer *writer); /* what was in flight is sent again, then the rest */
/* Nothing is sent until writer_connected(): the connection is gone, or its schema is not ours. */
void writer_parted(struct writer *writer);
void writer_flush(struct writer *writer); /* at each turn's end */
void writer_tick(struct writer *writer);  /* twice a second: gives up on what waited too long */
