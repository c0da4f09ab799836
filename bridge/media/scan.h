/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks clamd about a file, by its socket (INSTREAM). In a thread. */
#pragma once

#include <glib.h>

#include "bridge/base/id.h"

enum scan_verdict {
    SCAN_CLEAN,
    SCAN_INFECTED,
    SCAN_HELD,  /* it is too large to be looked at, or clamd cannot say */
    SCAN_FAILED /* nobody was there to ask: to be tried again */
};

struct scan_plan {
    const char *socket; /* path */
    const char *folder;
    struct uuid file;
    const guint8 *key; /* copied */
    guint64 size;
    /* Once, later. NAME: of what was found, or NULL. */
    void (*done)(enum scan_verdict verdict, const char *name, void *data);
    void *data;
};

void file_scan(const struct scan_plan *plan);
