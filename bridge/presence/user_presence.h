/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Presence of hosted users, told to the apps of those who may see it: whom they talk to, and who
 * are their contacts. Who they are is read once when a user comes online, and again when that may
 * have changed. announce.c decides who is online. */
#pragma once

#include <stdbool.h>

struct account;
struct user_presences;
struct core;
struct presence_stanza;
struct uuid;

/* The presences of CORE; NULL before the start and after the stop. */
struct user_presences *user_presences_of(const struct core *core);

/* ACCOUNT came online, or went offline. */
void user_presence_changed(struct core *core, struct account *account);

/* USER takes part in a call, or not any more. */
void user_presence_set_in_call(struct core *core, const struct uuid *user, bool in_call);

/* Fills in what ACCOUNT says of itself: away, in a call, idle. */
void user_presence_dress(const struct core *core, const struct account *account,
                         struct presence_stanza *stanza);
