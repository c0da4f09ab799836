/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the features share: options, archive, accounts in memory, position in the log, and the way
 * out to XMPP. One per process. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/service.h"
#include "bridge/core/stanza_out.h"
#include "bridge/core/toggle.h"

struct account;
struct dispatch;
struct accounts;
struct archive;
struct message_judge;
struct event_router;
struct operation;
struct limiter;
struct options;
struct outbox;
struct outgoing;
struct parts;
struct relations;
struct resumes;
struct sessions;

struct core {
    const struct options *options;
    struct archive *archive;
    struct stanza_sink sinks[SERVICE_MAX];
    struct stanza_sink bound; /* of accounts of other hosts, see bridge/bound; else zero */
    /* Adds to STANZA, a message of one of ours, what the host that it goes to is to know; NULL:
     * nothing. */
    void (*bound_mark)(struct core *core, xmpp_stanza_t *stanza);
    /* Whether the host of ACCOUNT, a bound one, takes nothing from it; NULL: there are none. */
    bool (*bound_lacks)(const struct core *core, const struct account *account);
    /* Whether the account with bare JID, of another host, has a session now; NULL likewise. */
    bool (*bound_is_here)(const struct core *core, const char *jid);
    struct dispatch *dispatch; /* what becomes of stanzas, for those that come otherwise */
    struct outbox *outbox;
    const struct event_router *router; /* NULL: there is no other instance */
    struct accounts *accounts;         /* those in memory */
    struct sessions *sessions;         /* how they come in */
    struct relations *relations;       /* how users stand to others, bounded */
    struct resumes *resumes;           /* who asks what was missed; NULL: each by itself */
    struct limiter *limiter;           /* NULL: no limits */
    const struct message_judge *judge; /* core/message.h; NULL: nobody is asked about messages */
    struct toggles toggles;            /* which features are on */
    char *epoch;                       /* of the log; changes when another server goes on with it */
    char *past;                        /* epochs that have ended, see cursor_accept() */
    unsigned log;                      /* counts logs: positions of an older one mean nothing */
    GArray *appearing; /* of struct uuid: conversations to bring into lists, until the turn's end */
    gint64 position;   /* up to which the log was handed out to subscribers */
    GQueue later;      /* event.c's own */
    const struct operation *const *operations; /* tables of all features, NULL-terminated */
    const struct outgoing *const *outgoing;    /* likewise */
    struct parts *parts;                       /* see part.h; NULL: none */
    gint64 started;                            /* clock_monotonic at start */
};
