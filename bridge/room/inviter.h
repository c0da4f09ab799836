/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who asks into a room elsewhere. */
#pragma once

struct options;

/* Who is taken for the one that asks, when the room ROOM (an address) passes on that INVITER (may
 * be NULL) does: that one, where the room's word for it is good; else the service that the room is
 * at, for a room is nobody that one talks with. The caller frees it. */
char *inviter_of(const struct options *options, const char *room, const char *inviter);
