/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole files, for programs that look at them, and what those made, onto the shelf. For threads. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/error.h"
#include "bridge/base/id.h"

struct plain_place {
    const char *folder;
    struct uuid file;
    const char *part;
    const guint8 *key;
};

/* Hands the SIZE bytes to TAKE, a segment after the other. False: they are not there, or not what
 * they were, or TAKE was false. */
bool plain_each(const struct plain_place *place, guint64 size,
                bool (*take)(const guint8 *bytes, size_t length, void *data), void *data);
/* SIZE bytes; NULL: they are not there, or not what they were. */
GBytes *plain_read(const struct plain_place *place, guint64 size);
/* The same into the descriptor FD. */
bool plain_copy(const struct plain_place *place, guint64 size, int fd);
/* LENGTH bytes at DATA become the part, and are on the disk. */
enum error_code plain_store(const struct plain_place *place, const guint8 *data, size_t length);
