/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bench's users and conversations. Senders and receivers are two separate sets, so that in a
 * delivery workload only receivers have sockets; conversation j is between sender j % S and
 * receiver (j + j / S) % R. Everything is made over REST, by create-or-get, so a second run on the
 * same stack finds what the first one made. */
#pragma once

#include "tests/bench/drive.h"
#include "tests/bench/stack.h"

struct world_user {
    char *subject;
    char *token;
    char *headers; /* request headers from the end of the path to the body of a message */
    size_t headers_length;
};

struct world_conversation {
    uint32_t sender;   /* index in senders */
    uint32_t receiver; /* index in receivers */
    char id[37];
};

struct world {
    const struct stack *stack;
    unsigned senders_count;
    unsigned receivers_count;
    unsigned conversations_count;
    struct world_user *senders;
    struct world_user *receivers;
    struct world_conversation *conversations;
    unsigned failures; /* of the set-up */
};

#define WORLD_TEXT_LENGTH 200 /* characters of a message */
#define WORLD_TAG_LENGTH 20   /* of them: the client_id, "b" + run (8) + "-" + number (10) */
#define WORLD_BODY_LENGTH (14 + WORLD_TAG_LENGTH + 13 + WORLD_TEXT_LENGTH + 2)

/* Makes USERS senders and as many receivers, and CONVERSATIONS between them. CACHE, a file or NULL,
 * keeps the conversation ids for the next run on the same database. NULL on failure. */
struct world *world_new(const struct stack *stack, struct drive *drive, unsigned users,
                        unsigned conversations, const char *cache);
void world_free(struct world *world);
