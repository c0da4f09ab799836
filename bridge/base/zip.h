/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A ZIP archive that is written as it is handed out: entries one after another, in pieces; what was
 * made of them is taken from memory before more is written. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct zip;

/* Never NULL. */
struct zip *zip_new(void);
void zip_free(struct zip *zip); /* NULL is fine */
typedef struct zip zip_file;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(zip_file, zip_free)

struct zip_entry {
    const char *name;
    gint64 size;
    gint64 made; /* wall clock, microseconds */
    bool stored; /* as it is: it would not become smaller */
};

/* Begins the file that ENTRY says; the one before is complete. False: it cannot be written, and
 * nothing else can. Archives of more than 4 GiB, and files of so much, are of ZIP64. */
bool zip_begin(struct zip *zip, const struct zip_entry *entry);
bool zip_write(struct zip *zip, const char *bytes, size_t length);
/* Behind the last file. */
bool zip_end(struct zip *zip);

/* What there is of the archive behind what was taken: the callee's until the next call. */
const GByteArray *zip_output(const struct zip *zip);
void zip_take(struct zip *zip);
