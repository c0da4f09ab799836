/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A feature is one struct in one file: what it offers to apps, and what it handles from XMPP. */
#pragma once

#include "bridge/core/part.h"
#include "bridge/core/request.h"

struct content;
struct entry_kind;
struct job_kind;
struct outgoing;
struct stanza_handler;

struct feature {
    const char *name;
    const struct part *part; /* what it hears of; a feature with state calls part_add in `start` */
    const struct operation *operations;   /* ended by a row without handle; NULL: none */
    const struct stanza_handler *stanzas; /* ended by a row without stanza; NULL: none */
    const struct job_kind *jobs;     /* bridge/job/job.h; ended by a row without name; NULL: none */
    const struct outgoing *outgoing; /* core/outbox.h; ended by a row without kind; NULL: none */
    const struct content *contents;  /* core/content.h; ended by a row without key; NULL: none */
    const struct entry_kind *entries; /* core/entry.h; likewise */
    /* Whether there is what it needs, such as a service of the operator's: without that apps are
     * not told of it (GET /api/capabilities). NULL: it needs nothing. */
    bool (*is_there)(void);
    /* Before the first stanza and request, and after the last callback of archive and link (both
     * are gone then); may be NULL. */
    void (*start)(struct core *core);
    void (*stop)(struct core *core);
};
