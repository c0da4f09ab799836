/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0199 XMPP ping. */
#pragma once

#include "xep/stanza.h"

bool ping_is_request(xmpp_stanza_t *iq);
/* A ping; answer one with stanza_reply_result(). */
xmpp_stanza_t *ping_build(const char *id, const char *from, const char *to);
