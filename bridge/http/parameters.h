/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What path and query say. */
#pragma once

#include "bridge/http/exchange.h"

/* Decodes what path and query say into exchange->texts. False after exchange_fail. */
bool parameters_read(struct exchange *exchange);
/* What the query says for NAME, decoded; NULL: nothing; "" when it cannot be read. The caller's. */
char *parameter_text(struct MHD_Connection *mhd, const char *name);
const char *parameter_find(void *data, const struct field *field, size_t *ret_length);
