/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file that comes in, piece by piece, onto the shelf: encrypted, in segments, with at most two of
 * them in memory. What intake_settle() has said to be there is on the disk, and stays there
 * whatever happens: the beginning of a segment lies beside the file, and is never written over in
 * place. */
#pragma once

#include <glib.h>

#include "bridge/base/error.h"
#include "bridge/base/id.h"
#include "bridge/media/vault.h"

struct intake;

struct intake_plan {
    const char *folder;
    struct uuid file;
    const guint8 *key; /* FILE_KEY_SIZE bytes, copied */
    guint64 offset;    /* where it goes on */
    guint64 size;      /* of the whole file */
    /* Once, later: it goes on, or what was there before cannot be read (ERROR_GONE), or somebody
     * else writes the file (ERROR_CONFLICT), which nobody can until this one is freed. */
    void (*opened)(enum error_code error, void *data);
    /* intake_take() takes more. */
    void (*room)(void *data);
    /* See intake_settle(). OFFSET: up to which it is there. */
    void (*settled)(enum error_code error, guint64 offset, void *data);
    void *data;
};

struct intake *intake_open(const struct intake_plan *plan);

/* Takes what it can of LENGTH bytes, which are not more than the file still lacks, and says how
 * much. If that is not all, `room` is called. What went wrong is said when it is settled. */
size_t intake_take(struct intake *intake, const guint8 *bytes, size_t length);

/* Up to where it was taken. */
guint64 intake_offset(const struct intake *intake);

/* Brings all that was taken to the disk; `settled` is called once, later. Nothing is taken any
 * more.
 */
void intake_settle(struct intake *intake);

/* At once, or when its thread has ended; calls nothing any more. NULL is fine. */
void intake_free(struct intake *intake);
