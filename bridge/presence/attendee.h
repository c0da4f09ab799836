/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of audience.c share: audience.c coming, going and what apps ask; audience_tell.c
 * who is told; audience_partners.c who the partners are; audience_elsewhere.c users of other
 * instances. */
#pragma once

#include <jansson.h>

#include "bridge/presence/status.h"
#include "bridge/presence/visibility.h"

struct core;
struct event;

#define RELOAD_DELAY G_USEC_PER_SEC

struct attendee {
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
    bool abroad;        /* somebody on XMPP has a subscription */
    bool hides_last;    /* somebody may not see when the user was last there */
};

struct audience {
    struct core *core;
    struct status_pacer pacer;
    GHashTable *attendees; /* struct uuid * → struct attendee *, owned */
    GHashTable
        *statuses; /* struct uuid → struct status: who is not just online, see audience_note */
    struct visibilities *views; /* of attendees and their partners */
    GHashTable *reads; /* struct uuid * → struct read *, owned: to be made, or under way */
    GQueue waiting;    /* of them, those to be made */
    guint64 begun;     /* reads, so far: each has its number */
    guint tick;
};

struct attendee *attendee_find(const struct audience *audience, const struct uuid *user);
void attendee_choose(struct attendee *attendee, enum status_kind kind, bool away);
/* Has what the user is now told, at the pace of status.h. */
void attendee_refresh(struct audience *audience, struct attendee *attendee);
/* Sends partners' presence to the sockets that wait for it. */
void attendee_greet(const struct audience *audience, struct attendee *attendee);

/* The presence event of a user; the caller's reference. */
struct event *attendee_event(const struct uuid *id, gint64 number, const struct status *status);
/* How the other one of VIEW looks to VIEWER, one of its sides. */
struct status attendee_sees(const struct audience *audience, const struct visibility *view,
                            unsigned viewer);
/* USER has become STATUS: whoever has sockets here and may see it is told. */
void audience_deliver(const struct audience *audience, const struct uuid *user,
                      const struct status *status);
/* Everybody who may see the user is told what it has become, here and at other instances. */
void attendee_tell(struct audience *audience, struct attendee *attendee);
/* A bus_handler: another instance says what a user has become. */
void attendees_told(struct core *core, const json_t *message, void *data);

/* ATTENDEE has sockets at another instance too: what was said there holds here, and was told. */
void attendee_take_over(struct attendee *attendee, const struct status *status);

/* Several instances: STATUS is what all instances were told of USER. */
void audience_note(struct audience *audience, const struct uuid *user, const struct status *status);
/* What USER is, wherever that was said; offline also while nobody has heard of USER. */
struct status audience_status(const struct audience *audience, const struct uuid *user);
void audience_elsewhere_start(struct audience *audience);

/* Begins the reads of partners whose time has come. */
void partners_advance(struct audience *audience);
/* The partners of USER are read, DELAY microseconds from now at the earliest: what the answer shows
 * is not older than this call. USER may have no sockets here. */
void partners_want(struct audience *audience, const struct uuid *user, gint64 delay);
void partners_start(struct audience *audience);
void partners_stop(struct audience *audience);
/* ATTENDEE goes: views of two of whom none is left are forgotten. */
void partners_leave(struct audience *audience, const struct attendee *attendee);
