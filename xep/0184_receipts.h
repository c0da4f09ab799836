/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0184 message delivery receipts. */
#pragma once

#include "xep/stanza.h"

/* Whether MESSAGE asks for a receipt: it has a request, an id to answer to, and is no receipt
 * itself. */
bool receipt_is_requested(xmpp_stanza_t *message);
/* The id of the message whose arrival MESSAGE reports, or NULL. Without the id attribute, which old
 * clients leave out, the stanza's own id is meant. */
const char *receipt_parse(xmpp_stanza_t *message);
void receipt_add_request(xmpp_stanza_t *message);
void receipt_add_received(xmpp_stanza_t *message, const char *id);
