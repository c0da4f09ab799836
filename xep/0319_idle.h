/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0319 last user interaction in presence. */
#pragma once

#include <stdint.h>

#include "xep/stanza.h"

/* Since when, microseconds since 1970. False without a readable time. */
bool idle_parse(xmpp_stanza_t *presence, int64_t *ret_since_us);
void idle_add(xmpp_stanza_t *presence, int64_t since_us);
