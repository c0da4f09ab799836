/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of a request: what the bridge reads of it, and the strictness that libmicrohttpd lacks.
 * Text is borrowed from the connection, or from the head itself where that had to make it, and
 * lasts until the request is completed. */
#pragma once

#include <glib.h>
#include <microhttpd.h>
#include <stdbool.h>

#include "bridge/base/error.h"

#define HEAD_MAX 16384        /* bytes of a head */
#define HEAD_TARGET_MAX 12288 /* of them in path and query */

struct head {
    const char *method, *version;
    const char *url;        /* the path; after head_read with unreserved characters decoded */
    size_t target_length;   /* of path and query together, as received */
    guint64 content_length; /* 0: no body, or chunked */
    bool chunked;           /* the body comes in chunks: nobody knows how long it is */
    const char *authorization, *on_behalf, *idempotency_key, *last_event_id;
    const char *dialect; /* Trestle-Dialect */
    const char *accept, *content_type, *content_encoding, *origin, *host;
    const char *if_none_match;
    const char *cookie, *csrf_token;
    const char *forwarded;       /* X-Forwarded-For */
    const char *request_method;  /* Access-Control-Request-Method */
    const char *request_headers; /* Access-Control-Request-Headers */
    const char *connection, *upgrade, *websocket_key, *websocket_version, *websocket_protocol,
        *websocket_extensions;
    char *path;        /* what url is borrowed from, if it differs from what was received */
    GPtrArray *joined; /* lists that came in several lines, as one; NULL: none */
};

/* Reads the head that CONNECTION has received; METHOD, URL and VERSION as libmicrohttpd gave them
 * (URL not decoded). ERROR_NONE if all is well, else what to answer, with static text that says
 * what is wrong: the connection must be closed, because its framing cannot be trusted. Lists that
 * came in several lines are one list (RFC 9110 section 5.3). */
enum error_code head_read(struct MHD_Connection *connection, struct head *head,
                          const char **ret_detail);
void head_clear(struct head *head);

/* Whether the comma-separated LIST has TOKEN, in any case of letters. LIST may be NULL. */
bool head_has_token(const char *list, const char *token);

/* Whether the LENGTH bytes at TEXT are a token (RFC 9110 section 5.6.2). */
bool head_is_token(const char *text, size_t length);

/* The value of an Idempotency-Key: the inside of a string (RFC 8941 section 3.3.3; its parameters
 * mean nothing), or, as most clients send it, the text without quotes. The caller's; NULL:
 * malformed. */
char *head_idempotency_key(const char *text);

/* The token of "Bearer <token>", "" if it is missing; NULL: no such header, or another scheme,
 * which proxies may have added for themselves. */
const char *head_bearer(const char *authorization);
