/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers, as they are written. */
#pragma once

#include "bridge/http/exchange.h"

/* Gives the answer to libmicrohttpd. */
enum MHD_Result reply_send(struct exchange *exchange);
/* Gives RESPONSE, which is taken, with what every answer has. */
enum MHD_Result reply_queue(struct exchange *exchange, unsigned status,
                            struct MHD_Response *response);
enum MHD_Result reply_preflight(struct exchange *exchange);
/* Whether the client says (If-None-Match) that it has what ETAG, which is quoted, names; "*" is
 * any. */
bool reply_is_known(const struct exchange *exchange, const char *etag);
/* Writes a problem to the connection itself, past libmicrohttpd, which takes no answer in the
 * middle of a body. Nothing else may have been written of this answer; the connection must end now.
 */
void reply_in_the_middle(int fd, enum error_code code, const char *detail);
