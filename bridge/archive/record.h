/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Composite values and arrays as PostgreSQL sends them in binary form. */
#pragma once

#include "bridge/archive/archive.h"

/* A composite value or an array, in binary form: its parts, one after another. */
struct record {
    const char *next, *end;
    int count;  /* of parts that are left */
    bool typed; /* each has the id of its type before it */
};

struct record_part {
    const char *bytes; /* NULL: SQL NULL */
    size_t length;
};

/* The composite value in a part; the array of one dimension. False: SQL NULL. What is no such value
 * has no parts. */
bool record_begin(const struct record_part *part, struct record *ret_record);
bool record_begin_array(const struct record_part *part, struct record *ret_record);
/* False: there is no further part. */
bool record_next(struct record *record, struct record_part *ret_part);
/* Of a part that is not NULL: an integer of any size, a time (as rows_time()). */
gint64 record_integer(const struct record_part *part);
gint64 record_time(const struct record_part *part);
