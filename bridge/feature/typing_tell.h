/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an app is told of somebody who types: the event `typing`. */
#pragma once

#include "bridge/core/event.h"

/* Of `parties`, conversation, actor and the numbers count: actor_number is the typist's,
 * peer_number that of who is told, in a direct conversation. */
struct typing_notice {
    struct event_parties parties;
    struct uuid to;
    bool active;
    bool repeat; /* nothing new: only for subscribers with `repeats` */
};

/* Tells the sockets of one user, whichever instance has them. */
void typing_tell(struct core *core, const struct typing_notice *notice);
/* Listens to other instances. */
void typing_tell_start(struct core *core);
