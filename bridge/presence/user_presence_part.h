/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of users' presence share: user_presence.c has coming, going and what apps ask,
 * user_presence_tell.c who is told, user_presence_partners.c who the partners are,
 * user_presence_elsewhere.c the users of other instances. */
#pragma once

#include <jansson.h>

#include "bridge/presence/status.h"
#include "bridge/presence/visibility.h"

struct core;
struct event;

#define RELOAD_DELAY G_USEC_PER_SEC

struct user_presence {
    struct status_entry shown;
    struct account *account; /* reference */
    enum status_kind chosen; /* STATUS_ONLINE or STATUS_IN_CALL */
    bool away;
    gint64 away_since;  /* wall clock */
    struct status said; /* what contacts on XMPP were told, besides online and offline */
    gint64 left;        /* wall clock: when it was last online */
    bool known;         /* the partners have been read */
    bool whole;         /* all of them, when they were read last */
    GPtrArray *greet;   /* struct subscriber *, borrowed: they wait for their greeting */
    bool greeting;      /* is in the array of that name below */
    bool abroad;        /* somebody on XMPP has a subscription */
    bool hides_last;    /* somebody may not see when the user was last there */
};

struct user_presences {
    struct core *core;
    struct status_pacer pacer;
    GHashTable *users;   /* struct uuid * → struct user_presence *, owned */
    GPtrArray *greeting; /* struct user_presence *, borrowed: known, with a new socket */
    GHashTable *
        statuses; /* struct uuid → struct status: who is not just online, see user_presences_note */
    struct visibilities *views; /* of users and their partners */
    GHashTable *reads; /* struct uuid * → struct read *, owned: to be made, or under way */
    GQueue waiting;    /* of them, those to be made */
    guint64 begun;     /* reads, so far: each has its number */
    guint tick;
};

struct user_presence *user_presence_find(const struct user_presences *presences,
                                         const struct uuid *user);
void user_presence_choose(struct user_presence *presence, enum status_kind kind, bool away);
/* Whoever may see the user is told what the user is now, at the pace of status.h. */
void user_presence_refresh(struct user_presences *presences, struct user_presence *presence);
/* Sends partners' presence to the sockets that wait for it. */
void user_presence_greet(const struct user_presences *presences, struct user_presence *presence);

/* The presence event of a user; the caller's reference. */
struct event *user_presence_event(const struct uuid *id, gint64 number,
                                  const struct status *status);
/* How the other one of VIEW looks to VIEWER, one of its sides. */
struct status user_presence_sees(const struct user_presences *presences,
                                 const struct visibility *view, unsigned viewer);
/* USER has become STATUS: whoever has sockets here and may see it is told. */
void user_presences_deliver(const struct user_presences *presences, const struct uuid *user,
                            const struct status *status);
/* Everybody who may see the user is told what it has become, here and at other instances. */
void user_presence_tell(struct user_presences *presences, struct user_presence *presence);
/* A bus_handler: another instance says what a user has become. */
void user_presences_told(struct core *core, const json_t *message, void *data);

/* PRESENCE has sockets at another instance too: what was said there holds here, and was told. */
void user_presence_take_over(struct user_presence *presence, const struct status *status);

/* Several instances: STATUS is what all instances were told of USER. */
void user_presences_note(struct user_presences *presences, const struct uuid *user,
                         const struct status *status);
/* What USER is, wherever that was said; offline also while nobody has heard of USER. */
struct status user_presences_status(const struct user_presences *presences,
                                    const struct uuid *user);
void user_presences_elsewhere_start(struct user_presences *presences);

/* Begins the reads of partners whose time has come. */
void partners_advance(struct user_presences *presences);
/* The partners of USER are read, DELAY microseconds from now at the earliest: what the answer shows
 * is not older than this call. USER may have no sockets here. */
void partners_want(struct user_presences *presences, const struct uuid *user, gint64 delay);
void partners_start(struct user_presences *presences);
void partners_stop(struct user_presences *presences);
/* PRESENCE goes: views of two of whom none is left are forgotten. */
void partners_leave(struct user_presences *presences, const struct user_presence *presence);
