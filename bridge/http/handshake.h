/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The opening handshake of a WebSocket. */
#pragma once

#include "bridge/http/exchange.h"

bool handshake_is_asked(const struct exchange *exchange);
void handshake_check(struct exchange *exchange); /* may exchange_fail */
void handshake_admit(struct exchange *exchange); /* the same; the caller's address is known */
enum MHD_Result handshake_send(struct exchange *exchange);
