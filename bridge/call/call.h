/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls that are not over, in memory: as their rows say (sql/function/call.sql), or a step ahead of
 * them while that is being written. Each instance knows the calls it has had to do with, and what
 * the others tell on the bus; the rows decide. */
#pragma once

#include <jansson.h>

#include "bridge/base/error.h"
#include "bridge/call/machine.h"

struct core;

#define CALLS_MAX 20000        /* in memory */
#define CALL_SIGNALS_MAX 128   /* kept for somebody who is not there, or has not accepted */
#define CALL_CANDIDATES_MAX 64 /* of one side, per minute */

struct call_person {
    struct uuid id;
    char *jid;   /* bare */
    bool hosted; /* in an app, else on XMPP */
};

struct call {
    int references;
    struct core *core;
    struct uuid id, conversation;
    char id_text[UUID_TEXT_SIZE];
    char *sid;
    bool video;
    bool silent;           /* the callee is not told before it is over */
    bool strangers;        /* the callee does not know the caller: see [calls] relay_only */
    bool forked;           /* it rings at an account of another server: in its app, and at its
                            * clients, which are told as a peer is */
    const char *by;        /* which of them has answered: "app", "xmpp"; else NULL */
    bool listed;           /* is in the table: not over, as far as is known here */
    bool ahead;            /* what is known is a step that another instance is writing */
    bool telling;          /* a step is told that is not on its way to the row yet */
    bool ours;             /* this process has made the last step, and watches the timer */
    int version;           /* of the row, once all that is under way is written */
    struct uuid last_step; /* the name of the one that made it so; nil: it has just begun */
    unsigned writing;
    gint64 due; /* wall clock: when the timer is over */
    struct call_person person[CALL_SIDES];
    struct call_machine machine;
    json_t *bound[CALL_SIDES]; /* by the last description of an app, see binding.h; objects */
    json_t *held;    /* array of signals { type, data }: the caller's, for the callee to accept */
    json_t *session; /* object: what the XMPP side needs to go on; see jingle.h */
    GQueue waiting[CALL_SIDES];      /* struct event *: for a side whose device is away; at most
                                      * CALL_SIGNALS_MAX */
    unsigned candidates[CALL_SIDES]; /* in the minute that began at `minute` */
    gint64 minute;                   /* clock_monotonic */
};

typedef struct call trestle_call;
struct call *call_ref(struct call *call);
void call_unref(struct call *call); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(trestle_call, call_unref)

void calls_start(struct core *core);
void calls_stop(struct core *core);

/* The call that ROW (of call_row() in SQL) is about, as it says unless a later version is known;
 * borrowed, valid until the loop turns. NULL: no row, or no room. */
struct call *call_learn(struct core *core, const json_t *row);
/* Likewise, ROW being what CALL is instead of what a step was to make of it, whatever is known. */
struct call *call_learn_instead(struct call *call, const json_t *row);
/* What is known of it here may be untrue: the next one who asks reads the row. */
void call_forget(struct call *call);
/* Of those at whom a forked call rings one has answered: the app, or a client ON_XMPP. */
void call_choose(struct call *call, bool on_xmpp);
/* Out of the table, if it is over. */
void call_settle(struct call *call);

/* Tells the other instances ROW. */
void call_publish(struct core *core, const json_t *row);
/* Tells them what CALL is about to become, before they hear of the signal that made it so: whoever
 * answers that is not refused for being faster than the commit. The row takes its place. */
void call_publish_ahead(const struct call *call);

struct call *call_peek(const struct uuid *id); /* in memory; NULL: perhaps a row */
/* The call that USER takes part in; of those in memory. */
struct call *call_of_user(const struct uuid *user);
void call_each(void (*each)(struct call *call, void *data), void *data);

/* What has to be remembered besides the row's columns; a new reference. */
json_t *call_live_json(const struct call *call);
/* The same of a call that CALLER begins. */
json_t *call_live_new(const struct call_device *caller);

/* Which call is meant: by id, or as a session that LOCAL and PEER (bare JIDs) have. */
struct call_name {
    const struct uuid *id;
    const char *local, *peer, *sid;
};

/* CALL is borrowed, NULL when there is none (ERROR_NOT_FOUND) or it cannot be known; it may be over
 * then, and is not in the table. Called exactly once, now or later. */
typedef void (*call_found)(struct call *call, enum error_code error, void *data);
void call_find(struct core *core, const struct call_name *name, call_found found, void *data);
/* Likewise, from the row in any case. */
void call_read(struct core *core, const struct call_name *name, call_found found, void *data);
