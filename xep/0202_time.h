/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0202 entity time. */
#pragma once

#include <stdint.h>

#include "xep/stanza.h"

/* Answers IQ with UTC; NULL when IQ must not be answered. */
xmpp_stanza_t *entity_time_build_result(xmpp_stanza_t *iq, int64_t now_us);
/* Reads a result: the moment, and the offset as text or NULL. */
bool entity_time_parse(xmpp_stanza_t *iq, int64_t *ret_us, const char **ret_offset);
