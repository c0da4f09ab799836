/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A set of WebSocket connections opened together: the receivers of a delivery workload, or idle
 * ones. Opening keeps a bounded number of handshakes in flight. */
#pragma once

#include "tests/bench/ws.h"

struct receivers {
    struct engine *engine;
    const struct ws_target *target;
    unsigned count;
    struct ws_client *clients;
    unsigned opened;     /* greeted so far; with a cursor: resumed */
    char cursor[64];     /* of the last greeting */
    const char *resumes; /* the cursor that each resumes from, or NULL */
    unsigned lost;       /* closed by the server since */
    uint16_t last_close_code;
    void (*text)(void *context, const char *text, size_t length); /* may be NULL */
    void *context;
};

/* Opens COUNT sockets, number i with the token that TOKEN_OF gives (borrowed), and waits for every
 * greeting. NULL with a line on stderr if one fails or the greetings stall. */
struct receivers *receivers_new(struct engine *engine, const struct ws_target *target,
                                unsigned count,
                                const char *(*token_of)(void *context, unsigned index),
                                void *context);
/* The same, and each resumes from CURSOR (borrowed): a storm of those who come back. */
struct receivers *receivers_resumed(struct engine *engine, const struct ws_target *target,
                                    unsigned count,
                                    const char *(*token_of)(void *context, unsigned index),
                                    void *context, const char *cursor);
void receivers_free(struct receivers *receivers); /* closes them in good manner */

/* Lets the loop run for NANOSECONDS: answers pings, drains frames. */
void receivers_idle(struct receivers *receivers, uint64_t nanoseconds);
