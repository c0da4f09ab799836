/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a user missed since a position in the log. */
#pragma once

#include <glib.h>

#include "bridge/base/error.h"
#include "bridge/core/event.h"

struct account;
struct core;

#define RESUME_BYTES "1000000" /* of texts, before a last one */

struct resume_result {
    enum error_code error; /* ERROR_UNAVAILABLE when the database is away; else ERROR_NONE */
    bool resync;           /* too much was missed, or the position is not known any more */
    gint64 position;       /* everything up to it is in events: head of the log when it was read, or
                              with has_more the last of events */
    bool has_more;         /* there are more than was asked for, or than may be read at once */
    GPtrArray *events;     /* struct event *, ascending position; borrowed */
};

void resumes_init(struct core *core);
/* Whoever still waits is answered with ERROR_UNAVAILABLE. */
void resumes_clear(struct core *core);

typedef void (*resume_done)(const struct resume_result *result, void *data);

/* Reads at most options->websocket_resume_max events of ACCOUNT after POSITION, and no more than
 * about RESUME_BYTES of them: a client that reads slowly must not hold more. DONE is called exactly
 * once, later. Live events that arrive meanwhile and are at or below result->position are in
 * result->events as well: the caller drops those it held back. */
void resume_read(struct core *core, struct account *account, gint64 position, resume_done done,
                 void *data);

/* The same, but no more than LIMIT events; 0: as many as may be. */
void resume_page(struct core *core, struct account *account, gint64 position, gint64 limit,
                 resume_done done, void *data);
