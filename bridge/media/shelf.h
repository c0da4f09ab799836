/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where files lie, as they are encrypted: a folder, in which each is called by its id and the part
 * of it, and perhaps a bucket behind that (bucket.h). No name that somebody gave touches the file
 * system. All of it may wait for the disk, and is for threads (loop/disk.h); safe in several at a
 * time. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/error.h"
#include "bridge/base/id.h"

/* Makes FOLDER what a store needs. False: it cannot be written. */
bool shelf_prepare(const char *folder);

/* The part that lies beside a file while it comes in (intake.h). */
#define SHELF_TAIL "tail"

/* Where PART ("": itself) of FILE lies; caller frees. */
char *shelf_path(const char *folder, const struct uuid *file, const char *part);

/* Reads LENGTH bytes at OFFSET. False: they are not there. */
bool shelf_read(const char *path, guint64 offset, guint8 *ret_bytes, size_t length);

/* Opens PATH for writing, and makes its folder; -1 and errno. */
int shelf_open(const char *path);
/* Writes all of it, at OFFSET. ERROR_QUOTA: the disk is full. */
enum error_code shelf_write(int fd, guint64 offset, const guint8 *bytes, size_t length);
/* What was written, and that it is called so, is on the disk when this is back. */
enum error_code shelf_sync(int fd, const char *path);
/* Puts BYTES in place of what PATH was, or nothing. */
enum error_code shelf_replace(const char *path, const guint8 *bytes, size_t length);
/* Takes it away, from the bucket as well. True also when it was not there. */
bool shelf_remove(const char *path);
/* Takes away what shelf_replace() has made of PATH, and what it left when the process died in it.
 */
void shelf_forget(const char *path);
/* Takes away all of FILE that is in the folder, known or not. */
bool shelf_clear(const char *folder, const struct uuid *file);
/* Moves it to the bucket, if there is one. */
bool shelf_move(const char *path);
