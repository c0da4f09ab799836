/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking all other instances at once what each of them knows for itself. As an instance's messages
 * come in the order in which it published them, whatever it had said before it answered has been
 * heard by then. Alone, there is nobody to say yes. */
#pragma once

#include <jansson.h>

#include <stdbool.h>

struct core;

#define ASKS_MAX 10000 /* at once; a further one is answered with ASK_UNKNOWN */

enum ask_result {
    ASK_NO,     /* everybody has said so */
    ASK_YES,    /* somebody has */
    ASK_UNKNOWN /* the bus is away, or somebody has not answered within a second */
};

/* Called exactly once, later. An instance that has just started waits until it can have heard of
 * the others before it asks. */
typedef void (*ask_done)(struct core *core, enum ask_result result, void *data);
/* QUESTION, an object, is taken; of a TOPIC that nobody answers the result is ASK_NO. */
void ask_others(struct core *core, const char *topic, json_t *question, ask_done done, void *data);

/* ANSWER says what this instance has to say of QUESTION under TOPIC (static). In a feature's start;
 * for the life of CORE. */
typedef bool (*ask_answer)(struct core *core, const json_t *question);
void ask_serve(struct core *core, const char *topic, ask_answer answer);

void ask_init(struct core *core); /* after the bus */
/* What is still asked ends with ASK_UNKNOWN. Before the bus. */
void ask_clear(struct core *core);
