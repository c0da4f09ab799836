/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which users have sockets at other instances. As fresh as the bus: a moment late, and while Redis
 * is away as it was before. Alone, nobody is elsewhere. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct account;
struct core;
struct uuid;

#define ELSEWHERE_USERS_MAX 1000000

void elsewhere_init(struct core *core); /* after the bus */
void elsewhere_clear(struct core *core);

/* Whether there may be other instances at all. */
bool elsewhere_is_used(const struct core *core);

bool elsewhere_is_online(const struct core *core, const struct uuid *user);

/* How many users have sockets elsewhere, and none here. */
unsigned elsewhere_count(const struct core *core);

/* Whether of all the instances where USER has sockets it is for this one to speak: one does, or,
 * for a moment, several, but never none. */
bool elsewhere_is_ours(const struct core *core, const struct uuid *user);

/* CHANGED is called when USER got the first, or lost the last, socket elsewhere. */
typedef void (*elsewhere_changed)(struct core *core, const struct uuid *user, bool online,
                                  void *data);
void elsewhere_watch(struct core *core, elsewhere_changed changed, void *data);

/* DONE is called, exactly once, later, when everything that the others have said until now has been
 * heard, or they do not answer: after a second, a little more when this process has just started.
 */
void elsewhere_catch_up(struct core *core, void (*done)(struct core *core, void *data), void *data);

/* ACCOUNT got its first socket here, or lost its last one: tells the others. */
void elsewhere_tell(struct core *core, const struct account *account, bool online);
