/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0012 last activity. */
#pragma once

#include <stdint.h>

#include "xep/stanza.h"

bool last_is_request(xmpp_stanza_t *iq);
/* Answers IQ; STATUS may be NULL. NULL when IQ must not be answered. */
xmpp_stanza_t *last_build_result(xmpp_stanza_t *iq, uint64_t seconds, const char *status);
/* Reads a result. False without a whole number of seconds. */
bool last_parse(xmpp_stanza_t *iq, uint64_t *ret_seconds);
