/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A program of ours that does one thing in a process of its own: it gets its input, and what it
 * wrote is handed over when it has ended. Nothing waits. */
#pragma once

#include <glib.h>

#include "bridge/base/buffer.h"

struct child;

/* OUTPUT is borrowed and holds at most what was allowed; what is more ends the program. STATUS is
 * that of waitpid(). CHILD is freed afterwards. */
typedef void (*child_done)(const struct buffer *output, int status, void *data);

struct child_plan {
    const char *program; /* as of child_program() */
    GBytes *input;       /* a reference is taken; NULL: nothing */
    size_t output_max;   /* bytes */
    unsigned seconds;    /* after that it is killed */
    child_done done;     /* called once, later, unless child_kill() came first */
    void *data;
    const char *argument; /* its first one; NULL: none */
    const int *fds;       /* it has copies of these as 3 and 4; NULL: none */
};

/* Where our program NAME lies: beside our own, where a build has it, or where it is installed.
 * Caller frees. */
char *child_program(const char *name);

/* NULL and *ERROR when it cannot be started. The program has no environment; its standard error
 * goes nowhere. */
struct child *child_start(const struct child_plan *plan, GError **error);
void child_kill(struct child *child); /* kills and frees it; NULL is fine */
