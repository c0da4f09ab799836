/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of a request: what the bridge reads of it, and the strictness that libmicrohttpd lacks.
 * All text is borrowed from the connection and lasts until the request is completed. */
#pragma once

#include <glib.h>
#include <microhttpd.h>
#include <stdbool.h>

struct head {
    const char *method, *url, *version;
    size_t target_length;   /* of path and query together, as received */
    guint64 content_length; /* 0: no body */
    const char *authorization, *on_behalf, *idempotency_key, *last_event_id;
    const char *accept, *content_type, *origin, *host;
    const char *if_none_match;
    const char *cookie, *csrf_token;
    const char *forwarded;      /* X-Forwarded-For; of several lines the last */
    const char *request_method; /* Access-Control-Request-Method */
    const char *connection, *upgrade, *websocket_key, *websocket_version, *websocket_protocol;
};

/* Reads the head that CONNECTION has received; METHOD, URL and VERSION as libmicrohttpd gave them
 * (URL not decoded). NULL if all is well, else static text that says what is wrong: the answer is
 * 400 and the connection must be closed, because its framing cannot be trusted. */
const char *head_read(struct MHD_Connection *connection, struct head *head);

/* Whether the comma-separated LIST has TOKEN, in any case of letters. LIST may be NULL. */
bool head_has_token(const char *list, const char *token);

/* The token of "Bearer <token>", or NULL. */
const char *head_bearer(const char *authorization);
