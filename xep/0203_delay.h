/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0203 delayed delivery. */
#pragma once

#include <stdint.h>

#include "xep/stanza.h"

/* FROM is who claims the delay, borrowed, maybe NULL. */
struct delay {
    int64_t stamp_us;
    const char *from;
};

/* The first delay with a readable stamp. False without one. */
bool delay_parse(xmpp_stanza_t *stanza, struct delay *ret);
void delay_add(xmpp_stanza_t *stanza, const struct delay *delay);
