/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Those who are in a room, as its presences show them. */
#pragma once

#include <jansson.h>

#include "xep/stanza.h"

#define OCCUPANT_SHOWN_MAX 8192 /* bytes of what somebody shows */

/* The presence from PLACE (room/nick) to TO that FACTS tell, see room_show() in
 * sql/function/room.sql; NULL: they are none. */
xmpp_stanza_t *occupant_build(const json_t *facts, const char *place, const char *to);

/* What of PRESENCE a room passes on, as text: what somebody shows, not who that is. Of one that is
 * larger than the limit above, availability, status and capabilities. The caller frees it. */
char *occupant_shown(xmpp_stanza_t *presence);
