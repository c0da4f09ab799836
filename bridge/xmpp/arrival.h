/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is kept of a stanza that came, beside what it says. */
#pragma once

#include "bridge/xmpp/dispatch.h"

/* When a stanza that came late was sent (XEP-0203), wall clock, as a server says that had it, or
 * else its sender; 0: just now. */
gint64 arrival_sent_at(const struct options *options, const struct stanza_context *context);

/* STANZA as it is archived: without ids that only we give, and if it came to a room without what
 * only a room says. The caller frees it. */
char *arrival_text(const struct options *options, xmpp_stanza_t *stanza);
