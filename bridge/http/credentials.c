/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who asks: Bearer token, token or ticket of a handshake, or cookie, in this order. A browser adds
 * the cookie to whatever a page makes it send, so it alone proves nothing about the page: what
 * changes something needs an Origin that may, and the session's CSRF token. */
#include "config.h"

#include <string.h>

#include "bridge/account/secret.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/base/origin.h"
#include "bridge/base/text.h"
#include "bridge/core/core.h"
#include "bridge/http/caller.h"
#include "bridge/http/cookie.h"
#include "bridge/http/credentials.h"
#include "bridge/http/exchange.h"
#include "bridge/http/parameters.h"

bool origin_is_listed(const struct http_server *server, const char *origin)
{
    g_autofree char *normal = server->origins[0] ? origin_normal(origin) : NULL;
    return normal && g_strv_contains((const char *const *)server->origins, normal);
}

static bool origin_is_own_host(const struct exchange *exchange, const char *origin)
{
    const char *host = exchange->head.host;
    return host && origin_is_of_host(origin, host);
}

/* No Origin: not a browser. A page of the host that was asked may, and so may the listed ones. */
bool origin_is_welcome(const struct exchange *exchange)
{
    const char *origin = exchange->head.origin;
    return !origin || origin_is_listed(exchange->server, origin) ||
           origin_is_own_host(exchange, origin);
}

/* Once origins are listed, the own host is no exception. */
static bool origin_may_use_cookies(const struct exchange *exchange)
{
    const char *origin = exchange->head.origin;
    if (!origin)
        return false;
    return exchange->server->origins[0] ? origin_is_listed(exchange->server, origin)
                                        : origin_is_own_host(exchange, origin);
}

/* ---- The caller's address -------------------------------------------------------------------- */

/* Where failed sign-ins are counted. */
static guint64 find_address(const struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const char *forwarded = exchange->head.forwarded;
    bool silent;
    guint64 address =
        caller_address(server->proxies, info ? info->client_addr : NULL, forwarded, &silent);
    if (silent && !server->silent_proxy)
        log_warning(AREA_HTTP, "proxy-hides-client",
                    "problem=\"%s\" effect=\"failed sign-ins count for the proxy\"",
                    forwarded ? "the last entry of X-Forwarded-For is no address"
                              : "X-Forwarded-For is missing");
    server->silent_proxy |= silent;
    return address;
}

/* ---- Credentials ----------------------------------------------------------------------------- */

static bool is_safe(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* Takes the cookie, if there is one that counts. False after exchange_fail. */
static bool take_cookie(struct exchange *exchange)
{
    switch (cookie_find(exchange->head.cookie, exchange->cookie)) {
    case COOKIE_NONE:
        return true;
    case COOKIE_BAD:
        exchange_fail(exchange, ERROR_UNAUTHENTICATED, "the session is not valid", NULL);
        return false;
    case COOKIE_FOUND:
    default:
        break;
    }
    if (exchange->handshake && !exchange->head.origin)
        return true; /* no browser: the first frame may sign in */
    if ((exchange->handshake || !is_safe(exchange->head.method)) &&
        !origin_may_use_cookies(exchange)) {
        exchange_fail(exchange, ERROR_FORBIDDEN, "a cookie does not count for this origin", NULL);
        return false;
    }
    exchange->credentials.kind = CREDENTIAL_COOKIE;
    exchange->credentials.token = exchange->cookie;
    return true;
}

/* Only where the deployment says so: addresses are written down on the way. */
static void take_token(struct exchange *exchange)
{
    const struct options *options = exchange->server->core->options;
    if (g_strcmp0(options->websocket_token_in_address, "true") == 0)
        exchange->credentials.token =
            MHD_lookup_connection_value(exchange->mhd, MHD_GET_ARGUMENT_KIND, "token");
}

static void take_ticket(struct exchange *exchange)
{
    const char *ticket = exchange->ticket = parameter_text(exchange->mhd, "ticket");
    if (!ticket)
        return;
    if (!secret_is_possible(ticket, strlen(ticket))) {
        exchange_fail(exchange, ERROR_UNAUTHENTICATED, "the ticket is not valid", NULL);
        return;
    }
    exchange->credentials.kind = CREDENTIAL_TICKET;
    exchange->credentials.token = ticket;
}

void credentials_find(struct exchange *exchange)
{
    const struct operation *operation = exchange->match.operation;
    struct credentials *credentials = &exchange->credentials;
    *credentials = (struct credentials){.token = head_bearer(exchange->head.authorization),
                                        .on_behalf = exchange->head.on_behalf,
                                        .limit = operation ? operation->limit : LIMIT_REQUESTS,
                                        .only_looks = strcmp(exchange->head.method, "HEAD") == 0,
                                        .address = find_address(exchange)};
    exchange->request.address = credentials->address;
    if (credentials->on_behalf &&
        !text_is_xml_safe(credentials->on_behalf, strlen(credentials->on_behalf)))
        exchange_fail(exchange, ERROR_BAD_REQUEST, "Trestle-User must be UTF-8", NULL);
    if (exchange->code != ERROR_NONE)
        return;
    if (operation && (operation->flags & OPERATION_ANONYMOUS)) {
        /* Whoever begins a session with a cookie must be able to use it. */
        if ((operation->flags & OPERATION_SETS_COOKIE) && exchange->head.origin &&
            !origin_may_use_cookies(exchange))
            exchange_fail(exchange, ERROR_FORBIDDEN, "a cookie does not count for this origin",
                          NULL);
        return;
    }
    bool by_ticket = operation && (operation->flags & OPERATION_TAKES_TICKET);
    if (!credentials->token && exchange->handshake)
        take_token(exchange);
    if (!credentials->token && (exchange->handshake || by_ticket))
        take_ticket(exchange);
    if (!credentials->token && exchange->code == ERROR_NONE && !take_cookie(exchange))
        return;
    if (!credentials->token && !exchange->handshake)
        exchange_fail(exchange, ERROR_UNAUTHENTICATED, "Authorization: Bearer is missing", NULL);
}

bool credentials_csrf_is_right(const struct exchange *exchange, const struct session *session)
{
    return exchange->credentials.kind != CREDENTIAL_COOKIE || is_safe(exchange->head.method) ||
           secret_equal(session->csrf, exchange->head.csrf_token);
}
