/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bucket behind the folder of the store, if there is one: any that speaks S3. What is complete
 * is moved there, as it is encrypted; what is not in the folder is read from there. For threads,
 * safe in several at a time. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/error.h"

struct options;

/* That of media.s3_url, an "https://host/bucket" or with a path behind it; nothing where that is
 * empty. What it needs of OPTIONS is copied. */
void bucket_begin(const struct options *options);
void bucket_end(void);
bool bucket_is_set(void);
/* What is asked for from now on is signed with KEY and SECRET (copied). Nothing without a bucket.
 */
void bucket_renew(const char *key, const char *secret);

/* NAME: of an object below the address. */
bool bucket_read(const char *name, guint64 offset, guint8 *ret_bytes, size_t length);
/* The file at PATH becomes the object. ERROR_NONE: the other side says that it has it, whole. */
enum error_code bucket_put(const char *name, const char *path);
bool bucket_remove(const char *name); /* true also when it was not there */
