/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hooks: services of the operator's that are asked about something, by a POST with JSON that is
 * signed as Standard Webhooks has it (webhook-id, webhook-timestamp, webhook-signature: v1,
 * HMAC-SHA256). Behind a breaker, so that one that is away costs nobody any time. */
#pragma once

#include <jansson.h>

#include "bridge/base/breaker.h"

struct http_client;

struct hook {
    struct http_client *client; /* borrowed */
    const char *url;            /* borrowed */
    const char
        *secret; /* borrowed; "whsec_" and base64, or any other text, which is the key as it is;
                    "": nothing is signed */
    unsigned timeout; /* milliseconds */
    bool defers;      /* a 202 is an answer, too: it comes later, by a way of its own */
    struct breaker breaker;
    enum metric asked, failed; /* counters */
};

/* ANSWER: a JSON object, borrowed; a JSON null: it comes later (of a hook that defers); NULL: there
 * was none, or not in time, or not one. */
typedef void (*hook_answer)(const json_t *answer, void *data);

/* Asks HOOK about QUESTION (taken). DONE is told later, exactly once. False: nobody is asked just
 * now, and DONE is told nothing. */
bool hook_ask(struct hook *hook, json_t *question, hook_answer done, void *data);

/* From now on HOOK signs with FRESH (borrowed like .secret), or, if that is NULL, with FIRST. */
void hook_renew(struct hook *hook, const char *fresh, const char *first);
