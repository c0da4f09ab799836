/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists as bare arrays. */
#pragma once

#include "bridge/http/exchange.h"

/* Whether a list is to be sent as a bare array. */
bool array_is_asked(const struct exchange *exchange);
/* Makes one of the content. The value of the Link header, owned by the caller; NULL: no more pages.
 */
char *array_unwrap(struct exchange *exchange);
