/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was said in a room elsewhere while nobody of ours was there, from its archive. */
#pragma once

#include "bridge/room/guest.h"

/* Asks the archive of ROOM, which has an ear, on from what is here; when all is here the room is
 * live. */
void guest_history_begin(struct guest_room *room);
/* Gives it up. */
void guest_history_end(struct guest_room *room);
