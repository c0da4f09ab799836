/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the features share: options, archive, accounts in memory, position in the log, and the way
 * out to XMPP. One per process. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/service.h"
#include "bridge/core/stanza_out.h"

struct account;
struct accounts;
struct announcer;
struct archive;
struct audience;
struct event;
struct bus;
struct change_watcher;
struct elsewhere;
struct event_router;
struct fanout;
struct operation;
struct limiter;
struct link;
struct options;
struct outbox;
struct pairs;
struct subscriber;
struct relations;
struct sessions;
struct typing;
struct uuid;
struct watch;

struct core {
    const struct options *options;
    struct archive *archive;
    struct stanza_sink sinks[SERVICE_MAX];
    struct link *links[SERVICE_MAX]; /* this process's own: for IQ requests of features; or NULL */
    struct outbox *outbox;
    struct bus *bus;       /* NULL: no other instances */
    struct fanout *fanout; /* these three likewise */
    const struct event_router *router;
    struct elsewhere *elsewhere;
    struct accounts *accounts;   /* those in memory */
    struct sessions *sessions;   /* how they come in */
    struct relations *relations; /* how users stand to others, bounded */
    /* Tell them that USER stands otherwise to others than before, and that the outbox has rows up
     * to NEWEST. NULL: there is nobody to tell. */
    void (*tell_related)(struct core *core, const struct uuid *user);
    void (*tell_outbox)(struct core *core, gint64 newest);
    struct limiter *limiter; /* NULL: no limits */
    char *epoch;             /* of the log; changes when another server goes on with it */
    char *past;              /* epochs that have ended, see cursor_accept() */
    unsigned log;            /* counts logs: positions of an older one mean nothing */
    GArray *appearing; /* of struct uuid: conversations to bring into lists, until the turn's end */
    gint64 position;   /* up to which the log was handed out to subscribers */
    GQueue later;      /* event.c's own */
    const struct operation *const *operations; /* tables of all features, NULL-terminated */
    /* The account got its first subscriber, or lost its last one. NULL: nobody wants to know. */
    void (*presence_changed)(struct core *core, struct account *account, bool online);
    /* SUBSCRIBER of ACCOUNT was added, or has been removed. NULL: nobody wants to know. */
    void (*subscriber_changed)(struct core *core, struct subscriber *subscriber,
                               struct account *account, bool added);
    /* EVENT of the log is about to be told to USERS. NULL: nobody wants to know. */
    void (*publishing)(struct core *core, const struct event *event, const struct uuid *users,
                       size_t count);
    /* A message of somebody else was handed to a socket of USER. NULL: nobody wants to know. */
    void (*delivered)(struct core *core, const struct uuid *conversation, const struct uuid *user,
                      const struct uuid *message);
    struct pairs *pairs;       /* direct conversations in memory, bounded */
    struct typing *typing;     /* who types */
    struct watch *watch;       /* presence of contacts on XMPP */
    struct audience *audience; /* presence of hosted users, told to apps */
    /* How USER stands to others may have changed. NULL: nobody wants to know. */
    void (*related)(struct core *core, const struct uuid *user);
    void (*watched)(struct core *core, const struct uuid *user,
                    const struct change_watcher *watcher);
    /* PEER was told that it may see the presence of USER (bare JIDs). NULL: nobody wants to know.
     */
    void (*subscribed)(struct core *core, const char *user, const char *peer);
    struct announcer *announcer; /* who looks online to XMPP contacts */
    gint64 started;              /* clock_monotonic at start */
};
