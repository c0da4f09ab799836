/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gets what a URL leads to, from the public internet and nowhere else. */
#pragma once

#include <glib.h>

#include "bridge/base/fetch.h"

/* What may come. */
enum get_kind {
    GET_PAGE,    /* HTML */
    GET_PICTURE, /* image/… */
    GET_FILE     /* anything; its bytes go to descriptor 4 as they come */
};

struct get_plan {
    const char *url, *allowed;
    gint64 most; /* bytes */
    long seconds;
    enum get_kind kind;
};

struct got {
    GByteArray *bytes; /* of no GET_FILE */
    gint64 length;
    char *type; /* as the other side says: "text/html; charset=utf-8" */
    char *url;  /* where it was, behind what led there */
};

/* Fills *RET, which got_clear() empties in any case. */
enum fetch_outcome get_run(const struct get_plan *plan, struct got *ret);
void got_clear(struct got *got);
