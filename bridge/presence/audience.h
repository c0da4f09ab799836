/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Presence of hosted users, told to the apps of those who may see it: whom they talk to, and who
 * are their contacts. Who they are is read once when a user comes online, and again when that may
 * have changed. announce.c decides who is online. */
#pragma once

#include <stdbool.h>

struct account;
struct audience;
struct core;
struct presence_stanza;
struct uuid;

/* The audience of CORE; NULL before the start and after the stop. */
struct audience *audience_of(const struct core *core);

/* ACCOUNT came online, or went offline. */
void audience_changed(struct core *core, struct account *account);

/* Who may see USER, or be seen, may have changed: it is read anew, soon. */
void audience_reload(struct core *core, const struct uuid *user);

/* Fills in what ACCOUNT says of itself: away, in a call, idle. */
void audience_dress(const struct core *core, const struct account *account,
                    struct presence_stanza *presence);
