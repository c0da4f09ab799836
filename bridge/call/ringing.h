/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages about calls, from XMPP. */
#pragma once

#include "bridge/xmpp/dispatch.h"

/* False: it is about no call. */
bool ringing_message(const struct stanza_context *context);
/* Of a proposal that could not be delivered. */
void ringing_error(const struct stanza_context *context);
