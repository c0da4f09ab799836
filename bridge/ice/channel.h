/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A way to a STUN or TURN server: UDP, TCP or TLS. Blocking, with timeouts. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bridge/base/ice_uri.h"

#define CHANNEL_MESSAGE_MAX 2048 /* bytes; a STUN message is smaller */
#define CHANNEL_SECONDS 4        /* to connect, and to read or write over TCP */

struct channel;

/* NULL and *RET_REASON (static text) when there is no way. With TLS the certificate is checked as
 * browsers do. */
struct channel *channel_open(const struct ice_uri *uri, const char **ret_reason);
void channel_close(struct channel *channel); /* NULL is fine */

bool channel_send(struct channel *channel, const uint8_t *bytes, size_t length);
/* One message within MILLISECONDS (UDP), or CHANNEL_SECONDS. 0: none came; *RET_CLOSED: none will.
 */
size_t channel_receive(struct channel *channel, uint8_t ret_bytes[CHANNEL_MESSAGE_MAX],
                       unsigned milliseconds, bool *ret_closed);
/* Whether what is sent may get lost, and has to be sent again. */
bool channel_is_lossy(const struct channel *channel);
