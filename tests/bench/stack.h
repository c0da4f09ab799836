/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The running system under test, as scripts/stack describes it: addresses, the token key, process
 * ids. Also mints the tokens of the bench's users. */
#pragma once

#include <glib.h>

#include "tests/bench/engine.h"
#include "tests/bench/ws.h"

enum cpu_role { CPU_BRIDGE, CPU_POSTGRES, CPU_XMPP, CPU_GENERATOR, CPU_ROLE_MAX };

extern const char *const cpu_role_names[CPU_ROLE_MAX];

struct stack {
    struct endpoint rest;
    struct ws_target ws;
    struct endpoint admin; /* port 0: unknown */
    char *database;        /* URI; NULL: unknown, then nothing can be checked */
    char *secret;
    char *issuer;               /* NULL: none */
    char *audience;             /* NULL: none */
    GArray *pids[CPU_ROLE_MAX]; /* of int; without children */
};

/* Reads the JSON object in the file PATH; NULL with a line on stderr. */
struct stack *stack_read(const char *path);
void stack_free(struct stack *stack);

/* An HS256 token for the app's user SUBJECT, good for a day; g_free(). */
char *stack_token(const struct stack *stack, const char *subject);
