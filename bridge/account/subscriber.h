/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who listens for an account. core/event.h says how one is added and told. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/account/grant.h"
#include "bridge/base/id.h"

struct account;
struct event;

/* Somebody who wants an account's events: a WebSocket, an event stream, a waiting sync.
 * Embedded in its owner. */
struct subscriber {
    void (*deliver)(struct subscriber *subscriber,
                    struct event *event); /* takes a ref if it keeps it */
    /* The account may not be used any longer (token expired, suspended); close. */
    void (*revoked)(struct subscriber *subscriber);
    /* More was missed up to POSITION than is worth reading: the client has to fetch its state anew.
     * NULL: revoked is called. */
    void (*missed)(struct subscriber *subscriber, gint64 position);
    /* The log is another one: its positions start anew, at POSITION, and the client has to fetch
     * its state. */
    void (*start_anew)(struct subscriber *subscriber, gint64 position);
    struct account *account; /* reference held while subscribed */
    /* Its clients forget by themselves that somebody types, so they are told again and again. */
    bool repeats;
    struct grant grant;  /* by what it was let in; set by its owner */
    struct uuid session; /* a socket's own name, which its hello tells; nil: it has none */
    const char *kind;    /* what it is, for administrators: socket, stream or sync; static */
    gint64 since;        /* wall clock: subscriber_add() */
    const char *why;     /* for revoked(), and after it: what to tell the client; static */
};
