/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The WebSocket handshake (RFC 6455 section 4.2) and the hand-over of its socket. */
#include "config.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/socket.h>

#include "bridge/base/error.h"
#include "bridge/base/metrics.h"
#include "bridge/http/credentials.h"
#include "bridge/http/exchange.h"
#include "bridge/http/extension.h"
#include "bridge/http/handshake.h"
#include "bridge/http/parameters.h"
#include "bridge/http/spoken.h"
#include "bridge/http/server_part.h"

#define KEY_LENGTH 24 /* 16 bytes in base64 */

bool handshake_is_asked(const struct exchange *exchange)
{
    const char *url = exchange->head.url;
    return exchange->server->upgrade.upgraded && strcmp(exchange->head.method, "GET") == 0 &&
           (strcmp(url, "/ws") == 0 || strcmp(url, "/api/ws") == 0);
}

static bool key_is_right(const char *key)
{
    guchar bytes[KEY_LENGTH / 4 * 3];
    if (!key || strlen(key) != KEY_LENGTH || strcmp(key + KEY_LENGTH - 2, "==") != 0)
        return false;
    return EVP_DecodeBlock(bytes, (const guchar *)key, KEY_LENGTH) == (int)sizeof bytes;
}

static const char *handshake_problem(const struct exchange *exchange)
{
    const struct head *head = &exchange->head;
    if (strcmp(head->version, "HTTP/1.1") != 0 || !head_has_token(head->upgrade, "websocket") ||
        !head_has_token(head->connection, "upgrade"))
        return "this path is for WebSockets: Upgrade and Connection must say so";
    if (g_strcmp0(head->websocket_version, "13") != 0)
        return "Sec-WebSocket-Version must be 13";
    if (!key_is_right(head->websocket_key))
        return "Sec-WebSocket-Key must be 16 bytes in base64";
    if (head->content_length > 0 || head->chunked)
        return "a handshake has no body";
    return NULL;
}

void handshake_check(struct exchange *exchange)
{
    const char *dialect = spoken_name(exchange);
    const char *fault = handshake_problem(exchange);
    if (fault)
        exchange_fail(exchange, ERROR_BAD_REQUEST, fault, NULL);
    else if (!origin_is_welcome(exchange))
        exchange_fail(exchange, ERROR_FORBIDDEN, "pages of this origin may not connect", NULL);
    else if (dialect && !exchange->server->upgrade.knows(dialect))
        exchange_fail(exchange, ERROR_UNPROCESSABLE, "is not one of the permitted values",
                      "/dialect");
    else if (exchange->server->stopping)
        exchange_fail(exchange, ERROR_UNAVAILABLE, NULL, NULL);
}

void handshake_admit(struct exchange *exchange)
{
    const struct websocket_upgrade *upgrade = &exchange->server->upgrade;
    enum error_code code = ERROR_NONE;
    if (exchange->code == ERROR_NONE && upgrade->admits)
        code = upgrade->admits(upgrade->data, exchange->credentials.address);
    if (code != ERROR_NONE)
        exchange_fail(exchange, code, "too many sockets that have not signed in", NULL);
    if (exchange->code != ERROR_NONE)
        metric_add_of(METRIC_WS_REFUSED, error_info(exchange->code)->code, 1);
}

static void choose_dialect(struct exchange *exchange)
{
    const char *const *names = exchange->server->upgrade.dialects;
    for (; names && *names; names++) {
        if (head_has_token(exchange->head.websocket_protocol, *names)) {
            exchange->accept = exchange->dialect = *names;
            return;
        }
    }
    exchange->dialect = exchange->asked_dialect;
}

static void write_accept(const char *key, char ret_accept[32])
{
    char text[KEY_LENGTH + 37];
    guchar digest[SHA_DIGEST_LENGTH];
    g_snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    EVP_Digest(text, strlen(text), digest, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock((guchar *)ret_accept, digest, sizeof digest);
}

/* libmicrohttpd has sent the 101. It would keep the connection's memory for as long as the socket
 * is open: so take a descriptor of our own and let it close its one, which does not touch TCP. */
static void on_upgrade(void *data, struct MHD_Connection *mhd, void *context, const char *extra,
                       size_t extra_size, MHD_socket socket,
                       struct MHD_UpgradeResponseHandle *handle)
{
    (void)mhd;
    struct http_server *server = data;
    struct exchange *exchange = context;
    int on = 1;
    int fd = fcntl(socket, F_DUPFD_CLOEXEC, 3);
    if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        g_autofree char *cursor = parameter_text(exchange->mhd, "cursor");
        struct websocket_handshake handshake = {
            .fd = fd,
            .extra = extra,
            .extra_length = extra_size,
            .credentials = &exchange->credentials,
            .dialect = exchange->dialect,
            .deflates = exchange->deflates,
            .cursor = cursor,
        };
        server->upgrade.upgraded(server->upgrade.data, &handshake);
    } else {
        metric_add_of(METRIC_WS_REFUSED, "no_descriptor", 1);
        server_note_starved(server);
    }
    MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
    server_want_run(server);
}

enum MHD_Result handshake_send(struct exchange *exchange)
{
    choose_dialect(exchange);
    exchange->deflates = exchange->server->upgrade.deflates &&
                         extension_asks_deflate(exchange->head.websocket_extensions);
    struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgrade, exchange->server);
    if (!response)
        return MHD_NO;
    char accept[32];
    write_accept(exchange->head.websocket_key, accept);
    MHD_add_response_header(response, "Upgrade", "websocket");
    MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
    if (exchange->accept)
        MHD_add_response_header(response, "Sec-WebSocket-Protocol", exchange->accept);
    if (exchange->deflates)
        MHD_add_response_header(response, "Sec-WebSocket-Extensions", EXTENSION_DEFLATE);
    metric_add(METRIC_HTTP_REQUESTS, 1);
    exchange->state = EXCHANGE_SENT;
    enum MHD_Result result =
        MHD_queue_response(exchange->mhd, MHD_HTTP_SWITCHING_PROTOCOLS, response);
    MHD_destroy_response(response);
    return result;
}
