/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who looks online, and who is to be told about: the state alone, without clock, database or link.
 *
 * A user is shown from the first socket until a grace after the last one has gone, so that a
 * reconnect is no news. An account waits at most once to be announced, and what is announced is how
 * it stands when its turn comes. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct account;
struct online;

/* GRACE in microseconds. */
struct online *online_new(gint64 grace);
void online_free(struct online *online);

/* ACCOUNT (a reference is kept while needed) got its first socket, lost its last one at NOW. */
void online_connected(struct online *online, struct account *account);
void online_disconnected(struct online *online, struct account *account, gint64 now);
/* An earlier process showed ACCOUNT: it goes after the grace unless a socket comes. */
void online_recovered(struct online *online, struct account *account, gint64 now);

bool online_is_shown(const struct online *online, const struct account *account);

/* Ends the graces that are over at NOW. */
void online_expire(struct online *online, gint64 now);
/* ACCOUNT is to be announced again, if it is shown. */
void online_renew(struct online *online, const struct account *account);
/* Everybody who is shown is to be announced again. */
void online_repeat(struct online *online);

/* GONE is told of each account at the end of its grace; it must not change ONLINE. */
void online_watch(struct online *online, void (*gone)(struct account *account, void *data),
                  void *data);

struct online_notice {
    struct account *account; /* reference */
    bool available;
    gint64 left; /* unless available: when the last socket went */
};

unsigned online_waiting(const struct online *online);
/* The next to announce, news before repetitions; false: nobody. The caller owns the reference. */
bool online_next(struct online *online, struct online_notice *ret_notice);
/* NOTICE could not be told: it waits again, first, unless it has become untrue. Takes the
 * reference. */
void online_return(struct online *online, struct online_notice *notice);
