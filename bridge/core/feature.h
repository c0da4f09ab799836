/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A feature is one struct in one file: what it offers to apps, and what it handles from XMPP. */
#pragma once

#include "bridge/core/request.h"

struct account;
struct change_watcher;
struct core;
struct event;
struct job_kind;
struct stanza_handler;
struct subscriber;
struct uuid;

struct feature {
    const char *name;
    const struct operation *operations;   /* ended by a row without handle; NULL: none */
    const struct stanza_handler *stanzas; /* ended by a row without stanza; NULL: none */
    const struct job_kind *jobs; /* bridge/job/job.h; ended by a row without name; NULL: none */
    /* Before the first stanza and request, and after the last callback of archive and link (both
     * are gone then); may be NULL. */
    void (*start)(struct core *core);
    void (*stop)(struct core *core);
    /* As in struct core; may be NULL. */
    void (*subscriber_changed)(struct core *core, struct subscriber *subscriber,
                               struct account *account, bool added);
    void (*publishing)(struct core *core, const struct event *event, const struct uuid *users,
                       size_t count);
    /* The process is about to stop: what waits for events is answered, streams end. May be called
     * more than once; may be NULL. */
    void (*drain)(struct core *core);
    void (*related)(struct core *core, const struct uuid *user);
    /* A change of USER's lets or makes WATCHER see USER's presence anew; may be NULL. */
    void (*watched)(struct core *core, const struct uuid *user,
                    const struct change_watcher *watcher);
    void (*link_up)(struct core *core);   /* the component link was established; may be NULL */
    void (*link_down)(struct core *core); /* may be NULL */
};
