/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is made of a file in the store, by trestle-media: parts of it, in the store as well. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#include "bridge/base/error.h"
#include "bridge/base/id.h"

struct rendered {
    enum error_code error; /* ERROR_NONE; ERROR_UNPROCESSABLE: it is no picture that can be read */
    json_t *facts; /* { parts: [{ name, type, size, width, height, sha256 }], width, height } */
};

struct render_plan {
    const char *folder;
    struct uuid file;
    const guint8 *key; /* copied */
    guint64 size;
    void (*done)(const struct rendered *rendered, void *data); /* once, later */
    void *data;
};

/* Stores the parts that trestle-media has said in OUTPUT, and adds them to PARTS; what is the
 * picture itself as the part `clean`, as it was said last. Yields { width, height }, a new
 * reference; NULL: it said nothing. In a thread. */
struct render_parts_plan {
    const char *folder;
    struct uuid file;
    const guint8 *key;
    const char *clean;
};
json_t *render_parts_store(const struct render_parts_plan *plan, GBytes *output, json_t *parts,
                           enum error_code *ret_error);

/* Only one is at work at a time: whoever calls sees to that. */
void picture_render(const struct render_plan *plan);
void render_start(void);
/* What is at work ends, and is told so (ERROR_UNAVAILABLE), before the threads do; no program
 * begins after that. */
void render_stop(void);
