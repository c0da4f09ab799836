/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file that has come from elsewhere, in a descriptor without a name, goes onto the shelf under a
 * key of its own. */
#pragma once

#include <glib.h>

#include "bridge/base/error.h"
#include "bridge/base/id.h"
#include "bridge/media/vault.h"

struct adopted {
    /* ERROR_NONE; ERROR_UNPROCESSABLE: it is not what it was said to be; or why it cannot be stored
     */
    enum error_code error;
    guint64 size;
    char sha256[65];  /* hex */
    const char *type; /* TYPE of the plan, or what its bytes say; borrowed */
};

struct adopt_plan {
    const char *folder;
    struct uuid file;
    const guint8 *key; /* FILE_KEY_SIZE bytes, by which it is to lie there; copied */
    int fd;            /* the caller's */
    const char *type;  /* it is said to be that; copied */
    const char *told;  /* what its server says, which counts where TYPE says nothing; may be NULL */
    const char *aesgcm; /* hex, by which it is encrypted (XEP-0454); NULL: it is not */
    const char *sha256; /* what it has to be, hex; NULL: anything */
    void (*done)(const struct adopted *adopted, void *data); /* once, later */
    void *data;
};

void file_adopt(const struct adopt_plan *plan);
