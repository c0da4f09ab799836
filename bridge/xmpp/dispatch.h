/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the handler of a stanza in the features' tables. */
#pragma once

#include <strophe.h>

#include <stdbool.h>

struct link;
struct options;

/* Who is addressed; a handler names those it serves. */
enum stanza_target {
    TARGET_DOMAIN = 1 << 0,   /* app.example.org */
    TARGET_USER = 1 << 1,     /* alice@app.example.org */
    TARGET_RESOURCE = 1 << 2, /* alice@app.example.org/rest (or any other resource) */
    TARGET_ANY = 7
};

struct stanza_context {
    xmpp_stanza_t *stanza; /* borrowed */
    xmpp_stanza_t
        *payload;     /* the element that chose the handler; NULL for a whole-stanza handler */
    const char *from; /* as delivered */
    const char *from_bare;
    const char *to;
    const char *to_bare;
    enum stanza_target target;
    struct link *link;
    void *data; /* the dispatcher's data: the core */
};

struct stanza_handler {
    const char *stanza; /* "iq", "message", "presence" */
    const char *type;   /* iq: "get" or "set"; message, presence: NULL for any. A message without
                         * type counts as "normal", a presence without as "available" */
    const char *name;   /* payload element; NULL: any element of NS */
    const char *ns;     /* NULL with NAME NULL: the whole stanza (messages, presence) */
    unsigned targets;   /* of enum stanza_target */
    /* Returns true if the stanza is dealt with; false lets the next handler look (messages and
     * presence only; an IQ handler always answers, now or later, exactly once). */
    bool (*handle)(const struct stanza_context *context);
};

/* HANDLERS: tables of all features, each ended by a row without stanza; the array by NULL.
 * Called for every stanza of the link. Answers IQs nobody handles with service-unavailable, a
 * malformed one with bad-request (not exactly one child, no or an unknown type); never answers an
 * error or a result. Drops, and counts in trestle_stanzas_refused_total: carbons (nobody above us
 * could send them), anything claiming to come from our own domain, and what is not addressed to it.
 */
void dispatch_stanza(const struct stanza_handler *const *handlers, struct link *link,
                     const struct options *options, xmpp_stanza_t *stanza, void *data);
