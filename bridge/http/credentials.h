/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who asks: the token, ticket or cookie of a request, and its origin. */
#pragma once

#include "bridge/http/exchange.h"

void credentials_find(struct exchange *exchange); /* may exchange_fail */
bool credentials_csrf_is_right(const struct exchange *exchange, const struct session *session);
bool origin_is_listed(const struct http_server *server, const char *origin);
bool origin_is_welcome(const struct exchange *exchange);
