/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs that do what is due by then: rows of a table, each by a change of its own. */
#pragma once

#include <jansson.h>

#include "bridge/archive/archive.h"

struct core;
struct job;

struct due {
    enum query query;     /* what is due, the first first: of $1 rows at most the first column */
    const char *change;   /* does it */
    const char *argument; /* of the change, which that column is */
    /* Adds further arguments; may be NULL. */
    void (*add)(struct core *core, json_t *arguments);
    const char *rest; /* a change without arguments, when nothing is due any more: it asks for the
                       * job anew */
};

/* The whole run of JOB. What fails is done in a later run, which must do no harm to the rest. */
void due_run(struct job *job, const struct due *due);
