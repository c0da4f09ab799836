/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes of a file, or of what was made of it: read from the shelf and decrypted by a thread, a
 * quarter of a MiB at a time. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/id.h"

/* Which bytes of what. */
struct part_place {
    const char *folder;
    struct uuid file;
    const char *part;
    const guint8 *key;
    guint64 size;          /* of the whole part */
    guint64 first, length; /* the bytes that are wanted; there are some */
};

struct part_reader;

/* All of PLACE is copied. */
struct part_reader *part_reader_new(const struct part_place *place);
/* NULL is fine. What is being read is told to nobody any more. */
void part_reader_free(struct part_reader *reader);

/* BYTES are the reader's, until the function is back, which may ask for more or free the reader.
 * LENGTH 0: they are not there, or not what they were. */
typedef void (*part_read)(const guint8 *bytes, size_t length, void *data);

/* Reads on, once what was asked for before has been told. */
void part_reader_next(struct part_reader *reader, part_read done, void *data);
bool part_reader_at_end(const struct part_reader *reader);
