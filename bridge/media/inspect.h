/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file that is all there, looked at once from its beginning to its end: that each segment is what
 * was written, its digest, and what its first bytes say it is. */
#pragma once

#include <glib.h>

#include "bridge/base/error.h"
#include "bridge/base/id.h"
#include "bridge/media/vault.h"

struct inspection {
    enum error_code error; /* ERROR_NONE, or ERROR_GONE: it cannot be read */
    char sha256[65];       /* hex */
    guint8 head[64];
    size_t head_length;
};

struct inspection_plan {
    const char *folder;
    struct uuid file;
    const guint8 *key; /* copied */
    guint64 size;
    void (*done)(const struct inspection *found, void *data); /* once, later */
    void *data;
};

void file_inspect(const struct inspection_plan *plan);
