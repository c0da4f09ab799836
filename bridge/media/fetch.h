/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What others host, got by trestle-fetch: a process for each, a few at a time. Off unless an option
 * of [fetch] wants it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/fetch.h"

struct options;

enum fetch_kind { /* as of bridge/fetch/get.h */
                  FETCH_PAGE,
                  FETCH_PICTURE,
                  FETCH_FILE
};

/* Borrowed; valid during the callback. */
struct fetched {
    enum fetch_outcome outcome; /* all else only if FETCH_DONE */
    const char *type, *url;     /* as the other side says; where it was in the end */
    GBytes *bytes;              /* of no FETCH_FILE */
    gint64 length;
};

typedef void (*fetch_done)(const struct fetched *fetched, void *data);

struct fetch_plan {
    const char *url; /* copied, as all else */
    enum fetch_kind kind;
    gint64 most;      /* bytes */
    unsigned seconds; /* for all of it */
    int fd;           /* of a FETCH_FILE: takes the bytes, and stays the caller's */
    fetch_done done;  /* once, later */
    void *data;
};

void fetches_start(const struct options *options);
/* What is under way and what waits is told FETCH_UNTRIED, as is what comes later. */
void fetches_stop(void);
bool fetches_are_on(void);

/* What is more than can wait is FETCH_UNTRIED at once. */
void fetch_begin(const struct fetch_plan *plan);

/* What the page of TYPE at URL that BYTES are says of itself: lines "title TEXT" … (bridge/fetch);
 * NULL: nothing. DONE once, later. */
typedef void (*facts_done)(const char *lines, void *data);
void fetch_facts(GBytes *bytes, const char *type, const char *url, facts_done done, void *data);
