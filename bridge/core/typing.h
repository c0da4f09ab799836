/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who types in which conversation: the state alone, without clock, sockets, link or database.
 *
 * A change is told at once, but at most one a second per typist and conversation; what comes faster
 * is gathered, and the last state always gets out. Who is not heard of any more has stopped. */
#pragma once

#include "bridge/core/relation.h"

struct typing;

enum typing_end {
    TYPING_STOPPED, /* said so */
    TYPING_PAUSED,  /* was silent for too long */
    TYPING_LEFT,    /* the socket that typed has closed */
    TYPING_GONE,    /* and it was the user's last one */
    TYPING_MESSAGE  /* the message has come */
};

struct typing_change {
    struct relation *relation; /* borrowed */
    unsigned side;             /* who types: which party */
    bool active;
    bool repeat;         /* nothing new: for clients that forget by themselves */
    enum typing_end end; /* unless active */
};

struct typing_rules {
    gint64 app_silence;  /* microseconds without a repetition until a hosted typist has stopped */
    gint64 peer_silence; /* the same for one on XMPP: their clients say it only once */
    /* Clients that forget by themselves hear of a typist each `repeat`, and that a hosted one has
     * stopped after this silence. */
    gint64 short_silence;
    gint64 repeat;
    gint64 pace; /* between two changes */
    void (*tell)(const struct typing_change *change, void *data);
    void *data;
};

struct typing *typing_new(const struct typing_rules *rules, gint64 now);
void typing_free(struct typing *typing);

/* SIDE of RELATION says that it types, or does not. ORIGIN is the socket that said so, NULL: none.
 */
struct typing_report {
    struct relation *relation;
    unsigned side;
    const void *origin;
    bool active;
};
void typing_set(struct typing *typing, const struct typing_report *report, gint64 now);

/* USER has stopped typing in CONVERSATION (NULL: in all), now: END says why. Only where ORIGIN has
 * typed, unless it is NULL. */
struct typing_stop {
    const struct uuid *user;
    const struct uuid *conversation;
    const void *origin;
    enum typing_end end;
};
void typing_stop(struct typing *typing, const struct typing_stop *stop, gint64 now);

/* Tells what is due at NOW. */
void typing_advance(struct typing *typing, gint64 now);

/* How many typists there are; with none, nothing will be due. */
unsigned typing_count(const struct typing *typing);
