/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What clients, good and bad, see of the HTTP server: connections, routes, origins, sockets, and
 * the end. With an argument "serve" the program serves for ever and prints its port: something to
 * measure. */
#include "config.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/http_fake_core.h"
#include "tests/unit/http_world.h"
#include "tests/unit/unit.h"

CLIENT_TEST(a_connection_serves_many_requests)
{
    int fd = dial();
    for (int i = 0; i < 10000; i++) {
        say(fd, i % 2 ? GET_NOW : "GET /api/deferred HTTP/1.1\r\n" HOST AUTH "\r\n");
        char bytes[1024];
        ssize_t length = recv(fd, bytes, sizeof bytes - 1, 0);
        ck_assert_int_gt(length, 0);
        bytes[length] = '\0';
        ck_assert_msg(g_str_has_prefix(bytes, "HTTP/1.1 200 "), "%s", bytes);
        ck_assert_ptr_nonnull(strstr(bytes, "{\"values\":[]}"));
    }
    close(fd);
}

CLIENT_TEST(pipelined_requests_are_answered_in_order)
{
    int fd = dial();
    GString *text = g_string_new(NULL);
    for (int i = 0; i < 40; i++)
        g_string_append_printf(text, "GET /api/items/n%d HTTP/1.1\r\n" HOST "%s\r\n", i,
                               i % 3 ? AUTH : "Authorization: Bearer later\r\n");
    put(fd, text->str, text->len);
    for (int i = 0; i < 40; i++) {
        g_autofree char *wanted = g_strdup_printf("{\"values\":[\"n%d\",0]}", i);
        ck_assert_str_eq(hear(fd)->body, wanted);
    }
    g_string_free(text, TRUE);
    close(fd);
}

CLIENT_TEST(replies_carry_the_promised_headers)
{
    struct reply *reply = ask(GET_NOW);
    ck_assert_uint_eq(reply->status, 200);
    ck_assert_ptr_nonnull(strstr(reply->head, "Content-Type: application/json\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "Cache-Control: no-store\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "X-Content-Type-Options: nosniff\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "Request-Id: "));
    int fd = dial();
    say(fd, "HEAD /api/now HTTP/1.1\r\n" HOST AUTH "Connection: close\r\n\r\n");
    char bytes[1024] = "";
    for (size_t i = 0; i < sizeof bytes - 1 && get_byte(fd, &bytes[i]); i++)
        continue;
    ck_assert(g_str_has_prefix(bytes, "HTTP/1.1 200 ") && g_str_has_suffix(bytes, "\r\n\r\n"));
    close(fd);
    reply = ask("GET /api/now HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(reply->status, 401);
    ck_assert_ptr_nonnull(strstr(reply->head, "WWW-Authenticate: Bearer\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "Content-Type: application/problem+json\r\n"));
    reply = ask("GET /api/now HTTP/1.1\r\n" HOST "Authorization: Bearer away\r\n\r\n");
    ck_assert_uint_eq(reply->status, 503);
    ck_assert_ptr_nonnull(strstr(reply->head, "Retry-After: 1\r\n"));
    reply = ask("GET /api/now HTTP/1.1\r\n" HOST "Authorization: Bearer bad\r\n\r\n");
    ck_assert_uint_eq(reply->status, 401);
}

CLIENT_TEST(routes_and_rights_are_checked)
{
    ck_assert_uint_eq(ask("GET /api/nothing HTTP/1.1\r\n" HOST AUTH "\r\n")->status, 404);
    struct reply *reply = ask("DELETE /api/now HTTP/1.1\r\n" HOST AUTH "\r\n");
    ck_assert_uint_eq(reply->status, 405);
    ck_assert_ptr_nonnull(strstr(reply->head, "Allow: GET, HEAD, POST\r\n"));
    ck_assert_uint_eq(ask("GET /api/items/me HTTP/1.1\r\n" HOST AUTH "\r\n")->status, 201);
    ck_assert_uint_eq(ask("GET /api/open HTTP/1.1\r\n" HOST "\r\n")->status, 200);
    ck_assert_uint_eq(ask("POST /api/users HTTP/1.1\r\n" HOST AUTH "\r\n")->status, 403);
    ck_assert_uint_eq(
        ask("POST /api/users HTTP/1.1\r\n" HOST "Authorization: Bearer key\r\n\r\n")->status, 201);
    ck_assert_uint_eq(
        ask("GET /api/now HTTP/1.1\r\n" HOST "Authorization: Bearer key\r\n\r\n")->status, 403);
    ck_assert_uint_eq(
        ask("GET /api/now HTTP/1.1\r\n" HOST "Authorization: Bearer key\r\nTrestle-User: x\r\n\r\n")
            ->status,
        200);
    reply = ask("GET /api/refused HTTP/1.1\r\n" HOST AUTH "\r\n");
    ck_assert_uint_eq(reply->status, 403);
    ck_assert_ptr_null(strstr(reply->body, "never shown"));
}

CLIENT_TEST(parameters_are_decoded_once)
{
    ck_assert_str_eq(ask("GET /api/items/a%2Fb%20c?limit=7 HTTP/1.1\r\n" HOST AUTH "\r\n")->body,
                     "{\"values\":[\"a/b c\",7]}");
    ck_assert_uint_eq(ask("GET /api/items/a%00b HTTP/1.1\r\n" HOST AUTH "\r\n")->status, 404);
    ck_assert_uint_eq(ask("GET /api/items/me%00 HTTP/1.1\r\n" HOST AUTH "\r\n")->status, 404);
    ck_assert_uint_eq(ask("GET /api/items/a%zz HTTP/1.1\r\n" HOST AUTH "\r\n")->status, 400);
    ck_assert_uint_eq(ask("GET /api/items/a?limit=0 HTTP/1.1\r\n" HOST AUTH "\r\n")->status, 422);
    ck_assert_uint_eq(ask("GET /api/items/a?limit=5&limit=6 HTTP/1.1\r\n" HOST AUTH "\r\n")->status,
                      422);
    struct reply *reply = ask("GET /api/items/a?nope=5 HTTP/1.1\r\n" HOST AUTH "\r\n");
    ck_assert_uint_eq(reply->status, 422);
    ck_assert_ptr_nonnull(strstr(reply->body, "\"pointer\":\"/nope\""));
    ck_assert_uint_eq(ask("GET /api/items/a?limit=%3 HTTP/1.1\r\n" HOST AUTH "\r\n")->status, 422);
}

/* Who does nothing makes room for who comes. */
CLIENT_TEST(idle_connections_make_room)
{
    struct options *options = (struct options *)(guintptr)core.options;
    int silent[4], idle = dial();
    say(idle, GET_NOW);
    ck_assert_uint_eq(hear(idle)->status, 200);
    for (size_t i = 0; i < G_N_ELEMENTS(silent); i++)
        silent[i] = dial();
    while (metric_get(METRIC_HTTP_CONNECTIONS) < 5)
        g_thread_yield();
    options->http_connections_max = 5;
    for (size_t i = 0; i < G_N_ELEMENTS(silent); i++) {
        int fd = dial();
        say(fd, GET_NOW);
        ck_assert_uint_eq(hear(fd)->status, 200);
        ck_assert(has_ended(silent[i]));
        close(silent[i]);
    }
    ck_assert_uint_eq(ask(GET_NOW)->status, 200);
    ck_assert(has_ended(idle));
    close(idle);
}

/* An address of this machine that is not loopback; NULL: it has none. */
static char *own_address(void)
{
    struct ifaddrs *all = NULL;
    char text[INET_ADDRSTRLEN];
    char *found = NULL;
    if (getifaddrs(&all) != 0)
        return NULL;
    for (struct ifaddrs *one = all; one && !found; one = one->ifa_next) {
        const struct sockaddr_in *v4 = (const void *)one->ifa_addr;
        if (v4 && v4->sin_family == AF_INET && (ntohl(v4->sin_addr.s_addr) >> 24) != 127 &&
            inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text))
            found = g_strdup(text);
    }
    freeifaddrs(all);
    return found;
}

static char *far_address;

static int dial_far(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, far_address, &address.sin_addr);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void crowded_client(void)
{
    int fds[3];
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
        fds[i] = dial_far();
    while (metric_get(METRIC_HTTP_CONNECTIONS) < 3)
        g_thread_yield();
    int more = dial_far();
    struct reply *reply = hear(more);
    ck_assert_uint_eq(reply->status, 429);
    ck_assert_ptr_nonnull(strstr(reply->body, "\"code\":\"rate_limited\""));
    ck_assert_ptr_nonnull(strstr(reply->head, "Retry-After: "));
    ck_assert(has_ended(more));
    close(more);
    say(fds[0], GET_NOW); /* signs in: counts no more */
    ck_assert_uint_eq(hear(fds[0])->status, 200);
    more = dial_far();
    say(more, "GET /api/now HTTP/1.1\r\n" HOST "\r\n");
    ck_assert_uint_eq(hear(more)->status, 401);
    close(more);
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
}

START_TEST(an_address_has_so_many_connections_without_signing_in)
{
    far_address = own_address();
    if (!far_address)
        return;
    struct options *options = (struct options *)(guintptr)core.options;
    http_server_free(server);
    g_free(options->http_listen);
    options->http_listen = g_strdup(far_address);
    options->limits_address_connections = 3;
    server = http_server_new(&core, NULL, NULL);
    ck_assert_ptr_nonnull(server);
    port = http_server_port(server);
    run_client(crowded_client);
    g_free(far_address);
}
END_TEST

/* Everything that comes until the server ends the connection. */
static char *hear_all(const char *text)
{
    int fd = dial();
    say(fd, text);
    GString *heard = g_string_new(NULL);
    char byte;
    while (get_byte(fd, &byte))
        g_string_append_c(heard, byte);
    close(fd);
    return g_string_free(heard, FALSE);
}

CLIENT_TEST(head_has_the_head_alone_and_no_effect)
{
    static const char *const paths[] = {"/api/live",    "/api/now",     "/api/items/x?limit=3",
                                        "/api/nothing", "/api/refused", "/api/items/x?limit=0",
                                        "/api/deferred"};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *text =
            g_strdup_printf("HEAD %s HTTP/1.1\r\n" HOST AUTH "Connection: close\r\n\r\n", paths[i]);
        g_autofree char *heard = hear_all(text);
        ck_assert_msg(g_str_has_prefix(heard, "HTTP/1.1 ") && g_str_has_suffix(heard, "\r\n\r\n") &&
                          strstr(heard, "\r\n\r\n") == heard + strlen(heard) - 4,
                      "%s: %s", paths[i], heard);
        if (i == 0) {
            ck_assert_ptr_nonnull(strstr(heard, "HTTP/1.1 200 "));
            ck_assert_ptr_nonnull(strstr(heard, "Content-Type: text/event-stream\r\n"));
        }
    }
    ck_assert_uint_eq(fake_core_live_calls(), 0);
    g_autofree char *refused =
        hear_all("HEAD /api/live HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    ck_assert(g_str_has_prefix(refused, "HTTP/1.1 401 "));
    ck_assert_uint_eq(ask("GET /api/live HTTP/1.1\r\n" HOST AUTH "\r\n")->status, 200);
    ck_assert_uint_eq(fake_core_live_calls(), 1);
}

CLIENT_TEST(a_connection_outlives_a_mistake_but_not_a_flood)
{
    int fd = dial();
    say(fd, "POST /api/nothing HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: 2\r\n\r\n{}" GET_NOW);
    ck_assert_uint_eq(hear(fd)->status, 404);
    ck_assert_uint_eq(hear(fd)->status, 200);
    g_autofree char *large = g_strnfill(2000000, 'x');
    say(fd, "POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: 2000000\r\n\r\n");
    put(fd, large, 2000000);
    ck_assert_uint_eq(hear(fd)->status, 413);
    say(fd, GET_NOW);
    ck_assert_uint_eq(hear(fd)->status, 200);
    say(fd, "POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: 9000000\r\n\r\n");
    ck_assert_uint_eq(hear(fd)->status, 413);
    ck_assert(has_ended(fd));
    close(fd);
}

static gboolean release(void *data)
{
    (void)data;
    fake_core_release();
    return G_SOURCE_REMOVE;
}

CLIENT_TEST(slow_clients_are_cut)
{
    int half = dial(), body = dial(), idle = dial(), busy = dial();
    say(half, "GET /api/now HT");
    say(body, "POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: 100\r\n\r\n{");
    say(idle, GET_NOW);
    ck_assert_uint_eq(hear(idle)->status, 200);
    say(busy, "POST /api/slow HTTP/1.1\r\n" HOST AUTH JSON
              "Content-Length: 15\r\n\r\n{\"content\":\"x\"}");
    while (fake_core_waiting() == 0)
        ck_assert_uint_eq(ask(GET_NOW)->status, 200);
    wait_for(17);
    ck_assert(has_ended(half));
    struct reply *late = hear(body);
    ck_assert_uint_eq(late->status, 408);
    ck_assert_ptr_nonnull(strstr(late->body, "\"code\":\"upload_timeout\""));
    ck_assert(has_ended(body));
    say(idle, GET_NOW);
    ck_assert_uint_eq(hear(idle)->status, 200);
    wait_for(61);
    ck_assert(has_ended(idle));
    g_idle_add(release, NULL);
    ck_assert_uint_eq(hear(busy)->status, 200);
    close(half);
    close(body);
    close(idle);
    close(busy);
}

CLIENT_TEST(a_client_may_leave_while_its_request_runs)
{
    int fds[20];
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = dial();
        say(fds[i], "POST /api/slow HTTP/1.1\r\n" HOST AUTH JSON
                    "Content-Length: 15\r\n\r\n{\"content\":\"x\"}");
    }
    while (fake_core_waiting() < G_N_ELEMENTS(fds))
        ck_assert_uint_eq(ask(GET_NOW)->status, 200);
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
        if (i % 2)
            setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
                       sizeof(struct linger));
        if (i != 4)
            close(fds[i]);
    }
    ck_assert_uint_eq(ask(GET_NOW)->status, 200);
    g_idle_add(release, NULL);
    ck_assert_uint_eq(hear(fds[4])->status, 200);
    close(fds[4]);
    ck_assert_uint_eq(ask(GET_NOW)->status, 200);
}

CLIENT_TEST(pages_of_listed_origins_may_ask)
{
    struct reply *reply =
        ask("OPTIONS /api/now HTTP/1.1\r\n" HOST "Origin: https://app.example.org\r\n"
            "Access-Control-Request-Method: POST\r\n\r\n");
    ck_assert_uint_eq(reply->status, 204);
    ck_assert_ptr_nonnull(
        strstr(reply->head, "Access-Control-Allow-Origin: https://app.example.org\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "Access-Control-Allow-Credentials: true\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "X-CSRF-Token"));
    ck_assert_ptr_nonnull(strstr(reply->head, "Vary: Origin\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "Request-Id: "));
    reply = ask("OPTIONS /api/now HTTP/1.1\r\n" HOST "Origin: capacitor://localhost\r\n"
                "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: "
                "authorization,baggage,sentry-trace,traceparent,x\"y\r\n\r\n");
    ck_assert_uint_eq(reply->status, 204);
    ck_assert_ptr_nonnull(
        strstr(reply->head, "Access-Control-Allow-Origin: capacitor://localhost\r\n"));
    ck_assert_ptr_nonnull(
        strstr(reply->head, ", X-CSRF-Token, baggage, sentry-trace, traceparent\r\n"));
    reply = ask("OPTIONS /api/now HTTP/1.1\r\n" HOST "Origin: https://evil.example\r\n"
                "Access-Control-Request-Method: POST\r\n\r\n");
    ck_assert_ptr_null(strstr(reply->head, "Access-Control"));
    reply =
        ask("GET /api/now HTTP/1.1\r\n" HOST AUTH "Origin: https://app.example.org.evil\r\n\r\n");
    ck_assert_ptr_null(strstr(reply->head, "Access-Control"));
}

CLIENT_TEST(a_websocket_is_handed_over)
{
    int fd = dial();
    say(fd, "GET /api/ws HTTP/1.1\r\n" HOST AUTH UPGRADE
            "Sec-WebSocket-Protocol: other, trestle.v1\r\n\r\nearly");
    struct reply *reply = hear(fd);
    ck_assert_uint_eq(reply->status, 101);
    ck_assert_ptr_nonnull(
        strstr(reply->head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "Sec-WebSocket-Protocol: trestle.v1\r\n"));
    char bytes[256] = "";
    size_t length = 0;
    while (!strchr(bytes, ';'))
        ck_assert(get_byte(fd, &bytes[length++]));
    ck_assert_str_eq(bytes, "token=known dialect=trestle.v1 extra=early;");
    /* The HTTP server has let go of it; the socket lives on. */
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(ask(GET_NOW)->status, 200);
    say(fd, "ping");
    for (int i = 0; i < 4; i++)
        ck_assert(get_byte(fd, &bytes[i]));
    ck_assert_int_eq(memcmp(bytes, "ping", 4), 0);
    close(fd);
}

CLIENT_TEST(bad_handshakes_are_refused)
{
    static const struct {
        const char *text;
        unsigned status;
    } cases[] = {
        {"GET /ws HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: close\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         400},
        {"GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: upgrade\r\n"
         "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         400},
        {"GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n",
         400},
        {"GET /ws HTTP/1.1\r\n" HOST UPGRADE "Content-Type: application/json\r\n"
         "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
         400},
        {"GET /ws HTTP/1.1\r\n" HOST UPGRADE "Origin: null\r\n\r\n", 403},
        {"GET /ws HTTP/1.1\r\n" HOST UPGRADE "Origin: http://localhost:81\r\n\r\n", 403},
        {"GET /ws HTTP/1.1\r\n" HOST UPGRADE "Origin: http://localhost.evil\r\n\r\n", 403},
        {"GET /ws HTTP/1.1\r\n" HOST UPGRADE "Origin: https://app.example.org:8443\r\n\r\n", 403},
        {"GET /ws HTTP/1.1\r\n" HOST UPGRADE "Origin: http://localhost\r\n\r\n", 101},
        {"GET /ws HTTP/1.1\r\n" HOST UPGRADE "Origin: https://app.example.org\r\n\r\n", 101},
        {"GET /ws HTTP/1.1\r\n" HOST UPGRADE "Origin: capacitor://localhost\r\n\r\n", 101},
        {"GET /ws HTTP/1.1\r\n" HOST UPGRADE "Origin: tauri://localhost\r\n\r\n", 403},
        {"GET /ws HTTP/1.1\r\nHost: chat.example.org:443\r\n" UPGRADE
         "Origin: https://chat.example.org\r\n\r\n",
         101},
        {"GET /ws HTTP/1.1\r\nHost: Chat.Example.org.\r\n" UPGRADE
         "Origin: https://chat.example.org\r\n\r\n",
         101},
        {"GET /ws HTTP/1.1\r\nHost: chat.example.org:80\r\n" UPGRADE
         "Origin: https://chat.example.org\r\n\r\n",
         403},
        {"GET /ws HTTP/1.1\r\nHost: [::1]:8080\r\n" UPGRADE "Origin: http://[0::1]:8080\r\n\r\n",
         101},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct reply *reply = ask(cases[i].text);
        ck_assert_msg(reply->status == cases[i].status, "case %zu: %s", i, reply->head);
        if (reply->status == 400)
            ck_assert_ptr_nonnull(strstr(reply->head, "Sec-WebSocket-Version: 13\r\n"));
    }
}

CLIENT_TEST(sockets_that_are_too_many_are_refused_before_they_are_made)
{
    static const enum error_code codes[] = {ERROR_RATE_LIMITED, ERROR_UNAVAILABLE, ERROR_NONE};
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        admission = codes[i];
        struct reply *reply = ask("GET /ws HTTP/1.1\r\n" HOST UPGRADE "\r\n");
        ck_assert_uint_eq(reply->status, codes[i] ? error_info(codes[i])->http_status : 101);
        if (codes[i])
            ck_assert_ptr_nonnull(strstr(reply->head, "Retry-After: 1\r\n"));
    }
}

CLIENT_TEST(operators_see_the_state)
{
    static const struct {
        const char *path, *wanted;
        unsigned status;
    } cases[] = {{"/livez", "\"ok\"", 200},
                 {"/readyz", "{\"parts\":{\"database\":\"up\",\"link\":\"down\"}", 503},
                 {"/metrics", "trestle_http_requests_total", 200},
                 {"/", "", 404}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int fd = dial_port(http_admin_port(admin));
        g_autofree char *text = g_strdup_printf("GET %s HTTP/1.1\r\n" HOST "\r\n", cases[i].path);
        say(fd, text);
        struct reply *reply = hear(fd);
        ck_assert_uint_eq(reply->status, cases[i].status);
        ck_assert_ptr_nonnull(strstr(reply->body, cases[i].wanted));
        close(fd);
    }
}

static int stop_fds[2];

static void on_stopped(void *data)
{
    (void)data;
    g_main_loop_quit(main_loop);
}

static gboolean begin_stop(void *data)
{
    (void)data;
    http_server_stop(server, 5000, on_stopped, NULL);
    return G_SOURCE_REMOVE;
}

static void *stop_client(void *data)
{
    (void)data;
    stop_fds[0] = dial();
    say(stop_fds[0], GET_NOW);
    ck_assert_uint_eq(hear(stop_fds[0])->status, 200);
    stop_fds[1] = dial();
    say(stop_fds[1], "POST /api/slow HTTP/1.1\r\n" HOST AUTH JSON
                     "Content-Length: 15\r\n\r\n{\"content\":\"x\"}" GET_NOW);
    while (fake_core_waiting() == 0)
        ck_assert_uint_eq(ask(GET_NOW)->status, 200);
    g_idle_add(begin_stop, NULL);
    ck_assert(has_ended(stop_fds[0]));
    g_idle_add(release, NULL);
    struct reply *reply = hear(stop_fds[1]);
    ck_assert_uint_eq(reply->status, 200);
    ck_assert_ptr_nonnull(strstr(reply->head, "Connection: close\r\n"));
    ck_assert(has_ended(stop_fds[1]));
    return NULL;
}

START_TEST(stopping_finishes_what_runs)
{
    GThread *thread = g_thread_new("client", stop_client, NULL);
    g_main_loop_run(main_loop);
    g_thread_join(thread);
    close(stop_fds[0]);
    close(stop_fds[1]);
}
END_TEST

CLIENT_TEST(freeing_with_requests_under_way_is_safe)
{
    for (int i = 0; i < 3; i++)
        say(dial(), "POST /api/slow HTTP/1.1\r\n" HOST AUTH JSON
                    "Content-Length: 15\r\n\r\n{\"content\":\"x\"}");
    while (fake_core_waiting() < 3)
        ck_assert_uint_eq(ask(GET_NOW)->status, 200);
}

static Suite *suite(void)
{
    const TTest *const tests[] = {
        a_connection_serves_many_requests,
        pipelined_requests_are_answered_in_order,
        replies_carry_the_promised_headers,
        routes_and_rights_are_checked,
        parameters_are_decoded_once,
        idle_connections_make_room,
        an_address_has_so_many_connections_without_signing_in,
        head_has_the_head_alone_and_no_effect,
        a_connection_outlives_a_mistake_but_not_a_flood,
        a_client_may_leave_while_its_request_runs,
        slow_clients_are_cut,
        pages_of_listed_origins_may_ask,
        a_websocket_is_handed_over,
        bad_handshakes_are_refused,
        sockets_that_are_too_many_are_refused_before_they_are_made,
        operators_see_the_state,
        stopping_finishes_what_runs,
        freeing_with_requests_under_way_is_safe,
    };
    TCase *tcase = world_case("http_server", tests, G_N_ELEMENTS(tests));
    Suite *result = suite_create("http_server");
    suite_add_tcase(result, tcase);
    return result;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "serve") == 0) {
        set_up();
        g_print("%u\n", port);
        g_main_loop_run(main_loop);
    }
    return unit_run(suite());
}
