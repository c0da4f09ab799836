/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Extensions of WebSockets that a handshake offers. */
#pragma once

#include <stdbool.h>

/* What is answered to an offer that is taken. */
#define EXTENSION_DEFLATE                                                                          \
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

/* Whether OFFERS, the value of Sec-WebSocket-Extensions (NULL is fine), has one that
 * EXTENSION_DEFLATE answers: of permessage-deflate (RFC 7692), with parameters that are known, said
 * once and good, and without a smaller window for what is sent to the client. */
bool extension_asks_deflate(const char *offers);
