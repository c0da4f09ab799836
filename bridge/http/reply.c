/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers as HTTP. */
#include "config.h"

#include <string.h>
#include <sys/socket.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/http/array.h"
#include "bridge/http/coding.h"
#include "bridge/http/credentials.h"
#include "bridge/http/exchange.h"
#include "bridge/http/reply.h"
#include "bridge/http/server_part.h"
#include "bridge/http/spoken.h"
#include "bridge/http/stream.h"

#define ASKED_HEADERS_MAX 64 /* names in a preflight */

static void header_add(struct MHD_Response *response, const char *name, const char *value)
{
    MHD_add_response_header(response, name, value);
}

#define FILES_BELOW "/f/"

/* What links to files lead to, whoever has them, is for pages of all origins, without credentials:
 * web clients of others put files there and show them, and a CDN keeps one answer for all. */
static bool is_for_all(const struct exchange *exchange)
{
    return exchange->head.url && g_str_has_prefix(exchange->head.url, FILES_BELOW);
}

/* Tells a browser that a page of a listed origin may read the answer. Nothing is told to others. */
static void add_origin(const struct exchange *exchange, struct MHD_Response *response)
{
    const char *origin = exchange->head.origin;
    if (is_for_all(exchange)) {
        header_add(response, "Access-Control-Allow-Origin", "*");
        header_add(response, "Access-Control-Expose-Headers",
                   "Content-Disposition, Content-Range, ETag");
        return;
    }
    if (!exchange->server->origins[0])
        return;
    header_add(response, "Vary", "Origin");
    if (!origin || !origin_is_listed(exchange->server, origin))
        return;
    header_add(response, "Access-Control-Allow-Origin", origin);
    header_add(response, "Access-Control-Allow-Credentials", "true");
    header_add(response, "Access-Control-Expose-Headers",
               "Link, Location, Request-Id, Retry-After, RateLimit, RateLimit-Policy, "
               "Content-Disposition, Content-Range, ETag, Tus-Resumable, Tus-Version, "
               "Upload-Length, Upload-Offset");
}

static void add_problem_headers(const struct exchange *exchange, struct MHD_Response *response)
{
    if (exchange->code == ERROR_UNAUTHENTICATED)
        header_add(response, "WWW-Authenticate", "Bearer");
    if (exchange->code == ERROR_UNAVAILABLE)
        header_add(response, "Retry-After", "1");
    if (exchange->coded)
        header_add(response, "Accept-Encoding", "identity"); /* RFC 9110 section 15.5.16 */
    if (exchange->code == ERROR_METHOD_NOT_ALLOWED && exchange->match.allow)
        header_add(response, "Allow", exchange->match.allow);
    if (exchange->handshake)
        header_add(response, "Sec-WebSocket-Version", "13");
}

static void add_limit(const struct exchange *exchange, struct MHD_Response *response)
{
    char policy[LIMIT_HEADER_SIZE], state[LIMIT_HEADER_SIZE];
    bool is_limited = limit_headers(&exchange->limit, policy, state);
    if (is_limited) {
        header_add(response, "RateLimit-Policy", policy);
        header_add(response, "RateLimit", state);
    }
    if (exchange->code != ERROR_RATE_LIMITED)
        return;
    /* It may also be something that is open already, which no bucket tells. */
    gint64 seconds = is_limited ? limit_retry_seconds(&exchange->limit) : 0;
    g_snprintf(state, sizeof state, "%" G_GINT64_FORMAT, MAX(seconds, 1));
    header_add(response, "Retry-After", state);
}

static bool is_cacheable(const struct exchange *exchange)
{
    const struct operation *operation = exchange->request.operation;
    return exchange->code == ERROR_NONE && operation && (operation->flags & OPERATION_CACHEABLE);
}

static void reply_count(const struct exchange *exchange, unsigned status)
{
    metric_add(METRIC_HTTP_REQUESTS, 1);
    if (status >= 400)
        metric_add(METRIC_HTTP_ERRORS, 1);
    const struct operation *operation = exchange->request.operation;
    char user[UUID_TEXT_SIZE] = "-";
    if (!uuid_is_nil(&exchange->user))
        uuid_format(&exchange->user, user);
    if (log_access_is_on())
        log_access("request", "request=%s method=%s path=%s status=%u user=%s ms=%" G_GINT64_FORMAT,
                   exchange->request.id, operation ? operation->method : exchange->head.method,
                   operation ? operation->path : "-", status, user,
                   (clock_monotonic() - exchange->began) / 1000);
    log_debug(AREA_HTTP, "answered", "request=%s method=%s path=%s status=%u", exchange->request.id,
              operation ? operation->method : "-", operation ? operation->path : "-", status);
}

enum MHD_Result reply_queue(struct exchange *exchange, unsigned status,
                            struct MHD_Response *response)
{
    if (exchange->close || exchange->server->stopping)
        header_add(response, "Connection", "close");
    add_origin(exchange, response);
    reply_count(exchange, status);
    exchange->state = EXCHANGE_SENT;
    connection_wait(exchange->server, exchange->connection,
                    exchange->stream ? WAIT_NOTHING : WAIT_CLIENT);
    enum MHD_Result result = MHD_queue_response(exchange->mhd, status, response);
    MHD_destroy_response(response);
    return result;
}

bool reply_is_known(const struct exchange *exchange, const char *etag)
{
    const char *list = exchange->head.if_none_match;
    if (!list)
        return false;
    return strcmp(list, "*") == 0 || strstr(list, etag);
}

/* What the handler wants. Whether it says how long the answer may be kept. */
static bool add_own_headers(const struct exchange *exchange, struct MHD_Response *response)
{
    bool says = false;
    char **headers = exchange->request.headers;
    for (size_t i = 0; headers && headers[i] && headers[i + 1]; i += 2) {
        header_add(response, headers[i], headers[i + 1]);
        says = says || strcmp(headers[i], "Cache-Control") == 0;
    }
    return says;
}

/* What is named by its digest never changes, unless the handler knows better. Browsers must take it
 * for what it is called. */
static enum MHD_Result send_bytes(struct exchange *exchange)
{
    bool known = reply_is_known(exchange, exchange->etag);
    GBytes *bytes = g_steal_pointer(&exchange->bytes);
    size_t length = 0;
    const void *data = g_bytes_get_data(bytes, &length);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        known ? 0 : length, (void *)(guintptr)data, MHD_RESPMEM_MUST_COPY);
    g_bytes_unref(bytes);
    if (!response)
        return MHD_NO;
    if (!known)
        header_add(response, "Content-Type", exchange->media_type);
    header_add(response, "ETag", exchange->etag);
    if (!add_own_headers(exchange, response))
        header_add(response, "Cache-Control", "public, max-age=31536000, immutable");
    header_add(response, "X-Content-Type-Options", "nosniff");
    header_add(response, "Content-Security-Policy", "default-src 'none'; sandbox");
    header_add(response, "Cross-Origin-Resource-Policy", "cross-origin");
    header_add(response, "Request-Id", exchange->request.id);
    return reply_queue(exchange, known ? MHD_HTTP_NOT_MODIFIED : exchange->status, response);
}

static const char *content_type_of(const struct exchange *exchange, bool is_array)
{
    if (exchange->code != ERROR_NONE)
        return "application/problem+json";
    if (exchange->bodiless)
        return exchange->bodiless;
    return is_array ? "application/json; profile=array" : "application/json";
}

/* What is read, and no more than that, may come compressed: what sends is answered as fast as can
 * be. */
static bool may_be_coded(const struct exchange *exchange)
{
    return exchange->status == MHD_HTTP_OK && g_strcmp0(exchange->head.method, "GET") == 0;
}

static bool content_compress(struct exchange *exchange)
{
    size_t length;
    if (!may_be_coded(exchange) ||
        !coding_is_accepted(
            MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, "Accept-Encoding"), "gzip"))
        return false;
    char *coded = coding_gzip(exchange->content, exchange->content_length, &length);
    if (!coded)
        return false;
    g_free(exchange->content);
    exchange->content = coded;
    exchange->content_length = length;
    return true;
}

static struct MHD_Response *make_response(struct exchange *exchange)
{
    if (exchange->stream)
        return stream_respond(exchange->stream);
    spoken_reply(exchange);
    bool is_array = array_is_asked(exchange);
    g_autofree char *link = is_array ? array_unwrap(exchange) : NULL;
    bool is_coded = content_compress(exchange);
    /* The content goes to libmicrohttpd as it is and is freed by it. */
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
        exchange->content_length, exchange->content, g_free);
    if (!response)
        return NULL;
    exchange->content = NULL;
    if (exchange->status != MHD_HTTP_NO_CONTENT && exchange->status != MHD_HTTP_NOT_MODIFIED)
        header_add(response, "Content-Type", content_type_of(exchange, is_array));
    if (may_be_coded(exchange))
        header_add(response, "Vary", "Accept-Encoding");
    if (is_coded)
        header_add(response, "Content-Encoding", "gzip");
    if (link)
        header_add(response, "Link", link);
    return response;
}

enum MHD_Result reply_send(struct exchange *exchange)
{
    if (exchange->bytes)
        return send_bytes(exchange);
    struct MHD_Response *response = make_response(exchange);
    if (!response)
        return MHD_NO;
    if (!add_own_headers(exchange, response))
        header_add(response, "Cache-Control",
                   is_cacheable(exchange) ? "public, max-age=3600" : "no-store");
    header_add(response, "X-Content-Type-Options", "nosniff");
    header_add(response, "Request-Id", exchange->request.id);
    if (exchange->set_cookie)
        header_add(response, "Set-Cookie", exchange->set_cookie);
    add_limit(exchange, response);
    if (exchange->code != ERROR_NONE)
        add_problem_headers(exchange, response);
    return reply_queue(exchange, exchange->status, response);
}

/* Those that mean something here, and whatever else the page wants to send: tools for tracing add
 * headers of their own, and what is not known is not looked at. */
static char *allowed_headers(const char *asked)
{
    GString *list = g_string_new("Authorization, Content-Type, Idempotency-Key, Last-Event-ID, "
                                 "Trestle-Dialect, Trestle-User, X-CSRF-Token");
    g_auto(GStrv) names = g_strsplit_set(asked ? asked : "", ", \t", ASKED_HEADERS_MAX);
    for (char **name = names; *name; name++) {
        if (**name && head_is_token(*name, strlen(*name)) && !head_has_token(list->str, *name))
            g_string_append_printf(list, ", %s", *name);
    }
    return g_string_free(list, FALSE);
}

void reply_in_the_middle(int fd, enum error_code code, const char *detail)
{
    const struct error_info *info = error_info(code);
    g_auto(buffer) problem = BUFFER_INIT(4096);
    problem_write(&problem, &(struct problem){.code = code, .detail = detail});
    g_autofree char *reply = g_strdup_printf(
        "HTTP/1.1 %u %s\r\nContent-Type: application/problem+json\r\nContent-Length: %zu\r\n"
        "Cache-Control: no-store\r\n%sConnection: close\r\n\r\n%s",
        info->http_status, info->title, problem.length,
        code == ERROR_UNAVAILABLE || code == ERROR_RATE_LIMITED ? "Retry-After: 1\r\n" : "",
        problem.data);
    metric_add(METRIC_HTTP_ERRORS, 1);
    /* It may get lost: the client learns from the closed connection then. */
    if (send(fd, reply, strlen(reply), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug(AREA_HTTP, "refusal-lost", NULL);
}

enum MHD_Result reply_preflight(struct exchange *exchange)
{
    static char nothing[1];
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    header_add(response, "Request-Id", exchange->request.id);
    const char *origin = exchange->head.origin;
    if (is_for_all(exchange)) {
        header_add(response, "Access-Control-Allow-Methods", "GET, HEAD, PUT");
        header_add(response, "Access-Control-Allow-Headers", "Content-Type, Range");
        header_add(response, "Access-Control-Max-Age", "600");
    } else if (origin && origin_is_listed(exchange->server, origin)) {
        g_autofree char *headers = allowed_headers(exchange->head.request_headers);
        header_add(response, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
        header_add(response, "Access-Control-Allow-Headers", headers);
        header_add(response, "Access-Control-Max-Age", "600");
    }
    return reply_queue(exchange, MHD_HTTP_NO_CONTENT, response);
}
