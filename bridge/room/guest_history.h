/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was said in a room elsewhere while nobody of ours was there, from its archive. */
#pragma once

#include <stdbool.h>

#include "bridge/room/guest.h"

/* Asks the archive of ROOM, which has an ear, on from what is here; when all is here the room is
 * live. */
void guest_history_begin(struct guest_room *room);
/* Whether a result of the archive ROOM (an address), of which USER (bare JID) has asked, is
 * awaited: it is not to be counted as something that somebody just sends. */
bool guest_history_awaits(const char *user, const char *room);
/* Gives it up. */
void guest_history_end(struct guest_room *room);
