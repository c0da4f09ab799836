/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Getting into rooms elsewhere, and noticing that one is out of them. */
#pragma once

#include <stdbool.h>

#include "bridge/room/guest.h"

/* The room has no archive, and what it tells of earlier has come: it is listened to from now on. */
void guest_room_settled(struct guest_room *room);
/* All that was said is here: what our users say goes out. NEWEST: the last id of the archive that
 * was looked at, or NULL; FIRST: nothing was here before. */
void guest_room_live(struct guest_room *room, const char *newest, bool first);
/* The session of USER (bare JID), an account of another server, is there: its places are taken; or
 * it is not any more, and nor are those. */
void guest_user_here(const char *user);
void guest_user_gone(const char *user);
/* Asks the room anew what it is. */
void guest_room_describe(struct guest_room *room);
