/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The dialect of a client of the routes: the header Trestle-Dialect, or ?dialect=, which goes
 * first. */
#pragma once

#include "bridge/http/exchange.h"

#define DIALECT_PARAMETER "dialect"

/* What the request says; kept in asked_dialect; NULL: nothing. */
const char *spoken_name(struct exchange *exchange);
/* Likewise, and finds the dialect; after exchange_fail() if there is none of that name. */
const char *spoken_find(struct exchange *exchange);
/* Members of the body that the operation knows under another name get that. */
void spoken_read(struct exchange *exchange);
/* Gives the answer the shapes of that dialect. */
void spoken_reply(struct exchange *exchange);
