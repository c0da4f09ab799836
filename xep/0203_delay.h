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
/* When STANZA was sent, by whose word counts most: of the earliest stamps that each of BY has given
 * (JIDs, in the order in which they are believed; "" stands for a delay that names nobody; ended by
 * NULL), the first. A stamp counts between the year 2000 and LATEST_US: others are of no clock that
 * is right; and of many the first eight are looked at. False without one. */
bool delay_choose(xmpp_stanza_t *stanza, const char *const *by, int64_t latest_us, int64_t *ret_us);
void delay_add(xmpp_stanza_t *stanza, const struct delay *delay);
