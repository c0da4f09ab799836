/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What clients, good and bad, see of the HTTP server: the server runs on the main thread, the
 * client is a thread with blocking sockets. With an argument "serve" the program serves for ever
 * and prints its port: something to measure. */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/http/admin.h"
#include "bridge/http/server.h"
#include "bridge/http/upgrade.h"
#include "bridge/loop/loop.h"
#include "tests/unit/http_fake_core.h"

#define AUTH "Authorization: Bearer known\r\n"
#define HOST "Host: localhost\r\n"
#define JSON "Content-Type: application/json\r\n"
#define GET_NOW "GET /api/now HTTP/1.1\r\n" HOST AUTH "\r\n"

static struct core core;
static struct http_server *server;
static struct http_admin *admin;
static unsigned port;
static GMainLoop *main_loop;
static const char *const dialects[] = {"trestle.v1", NULL};

/* The socket layer of these tests: greets with what it was handed, then echoes until the end. */
struct echo {
    struct loop_watch watch;
};

static void on_echo(struct loop_watch *watch, uint32_t events)
{
    (void)events;
    char bytes[4096];
    ssize_t length = recv(watch->fd, bytes, sizeof bytes, 0);
    if (length > 0 && send(watch->fd, bytes, (size_t)length, MSG_NOSIGNAL) == length)
        return;
    loop_remove(watch);
    close(watch->fd);
    metric_add(METRIC_WS_SOCKETS, -1);
    g_free(loop_owner(watch, struct echo, watch));
}

static void on_upgraded(void *data, const struct websocket_handshake *handshake)
{
    (void)data;
    g_autofree char *greeting =
        g_strdup_printf("token=%s dialect=%s extra=%.*s;",
                        handshake->credentials->token ? handshake->credentials->token : "none",
                        handshake->dialect ? handshake->dialect : "none",
                        (int)handshake->extra_length, handshake->extra);
    g_assert(send(handshake->fd, greeting, strlen(greeting), MSG_NOSIGNAL) > 0);
    struct echo *echo = g_new0(struct echo, 1);
    echo->watch = (struct loop_watch){handshake->fd, on_echo};
    loop_add(&echo->watch, 1 /* EPOLLIN */);
    metric_add(METRIC_WS_SOCKETS, 1);
}

static bool knows(const char *name)
{
    return strcmp(name, "strange") != 0;
}

static enum error_code admission;

static enum error_code admits(void *data, guint64 address)
{
    (void)data;
    ck_assert_uint_eq(address, 0); /* loopback */
    return admission;
}

static const struct http_part *parts(void *data)
{
    (void)data;
    static const struct http_part list[] = {
        {"database", true, false}, {"link", false, false}, {NULL, false, false}};
    return list;
}

static void set_up(void)
{
    loop_start();
    fake_core_init(&core);
    struct websocket_upgrade upgrade = {
        .dialects = dialects, .knows = knows, .admits = admits, .upgraded = on_upgraded};
    server = http_server_new(&core, &upgrade, NULL);
    g_assert(server);
    admin = http_admin_new(core.options, &(struct http_probe){.parts = parts}, NULL);
    g_assert(admin);
    port = http_server_port(server);
    main_loop = g_main_loop_new(NULL, FALSE);
}

static void tear_down(void)
{
    http_server_free(server);
    http_admin_free(admin);
    if (fake_core_waiting() > 0)
        fake_core_release(); /* handlers may answer after the server has gone */
    ck_assert_int_eq(metric_get(METRIC_HTTP_CONNECTIONS), 0);
    g_main_loop_unref(main_loop);
    loop_stop();
    fake_core_clear(&core);
}

/* The client's side */

static int dial_port(unsigned to)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)to),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval patience = {.tv_sec = 20};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static int dial(void)
{
    return dial_port(port);
}

static void put(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the server may close before it has read everything */
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void say(int fd, const char *text)
{
    put(fd, text, strlen(text));
}

struct reply {
    unsigned status; /* 0: the connection ended */
    char head[4096];
    char body[262144];
};

static bool get_byte(int fd, char *ret_byte)
{
    return recv(fd, ret_byte, 1, 0) == 1;
}

static struct reply *hear(int fd)
{
    static struct reply reply;
    reply = (struct reply){0};
    size_t length = 0;
    while (length < sizeof reply.head - 1 && !g_str_has_suffix(reply.head, "\r\n\r\n")) {
        if (!get_byte(fd, &reply.head[length]))
            return &reply;
        length++;
    }
    reply.status = (unsigned)strtoul(reply.head + 9, NULL, 10);
    const char *size = strstr(reply.head, "Content-Length: ");
    size_t expected = size ? strtoul(size + 16, NULL, 10) : 0;
    for (size_t i = 0; i < expected && i < sizeof reply.body - 1; i++)
        ck_assert(get_byte(fd, &reply.body[i]));
    return &reply;
}

static bool has_ended(int fd)
{
    char byte;
    return recv(fd, &byte, 1, 0) <= 0;
}

/* Sends TEXT on a connection of its own and returns the reply. */
static struct reply *ask(const char *text)
{
    int fd = dial();
    say(fd, text);
    struct reply *reply = hear(fd);
    close(fd);
    return reply;
}

static struct reply *post(const char *body, const char *headers)
{
    g_autofree char *text =
        g_strdup_printf("POST /api/now HTTP/1.1\r\n" HOST AUTH "%sContent-Length: %zu\r\n\r\n%s",
                        headers, strlen(body), body);
    return ask(text);
}

static gboolean quit(void *data)
{
    (void)data;
    g_main_loop_quit(main_loop);
    return G_SOURCE_REMOVE;
}

static void *client_thread(void *data)
{
    void (*client)(void) = *(void (**)(void))data;
    client();
    g_idle_add(quit, NULL);
    return NULL;
}

static void run_client(void (*client)(void))
{
    GThread *thread = g_thread_new("client", client_thread, &client);
    g_main_loop_run(main_loop);
    g_thread_join(thread);
}

#define CLIENT_TEST(name)                                                                          \
    static void name##_client(void);                                                               \
    START_TEST(name)                                                                               \
    {                                                                                              \
        run_client(name##_client);                                                                 \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_client(void)

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

CLIENT_TEST(raw_bodies_and_replies_pass_unchanged)
{
    int fd = dial();
    g_autofree char *most = g_strnfill(200000, '\x01');
    g_autofree char *head = g_strdup_printf("PUT /api/raw HTTP/1.1\r\n" HOST AUTH
                                            "Content-Type: image/png\r\nContent-Length: %u\r\n\r\n",
                                            200000u);
    say(fd, head);
    put(fd, most, 200000);
    struct reply *reply = hear(fd);
    ck_assert_uint_eq(reply->status, 200);
    ck_assert_ptr_nonnull(strstr(reply->head, "Content-Type: image/png\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "ETag: \"abc\"\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "X-Content-Type-Options: nosniff\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "immutable"));
    ck_assert_str_eq(reply->body, most);
    close(fd);
    reply = ask("PUT /api/raw HTTP/1.1\r\n" HOST AUTH
                "If-None-Match: \"x\", \"abc\"\r\nContent-Length: 3\r\n\r\nabc");
    ck_assert_uint_eq(reply->status, 304);
    ck_assert_str_eq(reply->body, "");
    reply = ask("PUT /api/raw HTTP/1.1\r\n" HOST AUTH
                "Expect: 100-continue\r\nContent-Length: 400001\r\n\r\n");
    ck_assert_uint_eq(reply->status, 413);
    reply = ask("PUT /api/raw HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\na");
    ck_assert_uint_eq(reply->status, 401);
}

static gboolean pass_time(void *data)
{
    clock_advance(GPOINTER_TO_INT(data) * G_USEC_PER_SEC);
    return G_SOURCE_REMOVE;
}

static void wait_for(int seconds)
{
    g_idle_add(pass_time, GINT_TO_POINTER(seconds));
}

#define UPLOAD(path) "PUT " path " HTTP/1.1\r\n" HOST AUTH "Content-Type: image/png\r\n"

static struct reply *upload(const char *path, char fill, size_t length)
{
    int fd = dial();
    g_autofree char *bytes = g_strnfill(length, fill);
    g_autofree char *head = g_strdup_printf(
        "PUT %s HTTP/1.1\r\n" HOST AUTH "Content-Length: %zu\r\n\r\n", path, length);
    say(fd, head);
    put(fd, bytes, length);
    struct reply *reply = hear(fd);
    say(fd, GET_NOW); /* the next request begins where the body ends */
    static struct reply first;
    first = *reply;
    ck_assert_uint_eq(hear(fd)->status, 200);
    close(fd);
    return &first;
}

static void await_uploads(unsigned count)
{
    while (fake_core_uploads() != count)
        ck_assert_uint_eq(ask(GET_NOW)->status, 200);
}

CLIENT_TEST(bodies_are_read_as_fast_as_they_are_taken)
{
    g_autofree char *most = g_strnfill(200000, 'a');
    struct reply *reply = upload("/api/sip", 'a', 200000);
    ck_assert_uint_eq(reply->status, 200);
    ck_assert_str_eq(reply->body, most);
    reply = upload("/api/later", 'a', 200000);
    ck_assert_uint_eq(reply->status, 200);
    ck_assert_str_eq(reply->body, most);
    ck_assert_uint_eq(upload("/api/raw", 'a', 0)->status, 200);
    ck_assert_uint_eq(upload("/api/later", 'a', 0)->status, 200);
    /* Nothing is taken: the client waits, others do not. */
    int fd = dial();
    say(fd, UPLOAD("/api/stuck") "Content-Length: 400000\r\n\r\naaaa");
    await_uploads(1);
    ck_assert_int_eq(fake_core_upload_end(), -1);
    ck_assert_uint_eq(ask(GET_NOW)->status, 200);
    close(fd);
}

CLIENT_TEST(nobody_reads_the_body_of_a_stranger)
{
    static const char *const heads[] = {"Authorization: Bearer bad\r\n", "",
                                        "Authorization: Bearer key\r\n"};
    static const unsigned statuses[] = {401, 401, 403};
    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
        g_autofree char *waits =
            g_strdup_printf("PUT /api/raw HTTP/1.1\r\n" HOST "%sExpect: 100-continue\r\n"
                            "Content-Length: 3000\r\n\r\n",
                            heads[i]);
        ck_assert_uint_eq(ask(waits)->status, statuses[i]);
        g_autofree char *rest = g_strnfill(3000, 'a');
        g_autofree char *whole = g_strdup_printf(
            "PUT /api/raw HTTP/1.1\r\n" HOST "%sContent-Length: 3000\r\n\r\n%s", heads[i], rest);
        ck_assert_uint_eq(ask(whole)->status, statuses[i]);
    }
    ck_assert_int_eq(fake_core_upload_end(), 0); /* none has begun */
    int fd = dial();
    say(fd, "PUT /api/raw HTTP/1.1\r\n" HOST "Authorization: Bearer later\r\n"
            "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    ck_assert_uint_eq(hear(fd)->status, 100); /* who may send it is asked to */
    say(fd, "abc");
    ck_assert_str_eq(hear(fd)->body, "abc");
    close(fd);
}

CLIENT_TEST(a_body_may_be_refused_in_the_middle)
{
    ck_assert_uint_eq(upload("/api/disliked", 'a', 200000)->status, 409);
    g_autofree char *large = g_strnfill(300000, 'x');
    g_autofree char *text = g_strdup_printf(UPLOAD("/api/raw") "Transfer-Encoding: chunked\r\n\r\n"
                                                               "%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n",
                                            300000u, large, 300000u, large);
    struct reply *reply = ask(text);
    ck_assert_uint_eq(reply->status, 413);
    ck_assert_ptr_nonnull(strstr(reply->body, "\"limit\":400000"));
    ck_assert_int_eq(fake_core_upload_end(), ERROR_TOO_LARGE);
    reply = ask(UPLOAD("/api/raw") "Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
                                   "3\r\nabc\r\n0\r\n\r\n");
    ck_assert_uint_eq(reply->status, 415);
}

CLIENT_TEST(a_body_that_breaks_off_is_told)
{
    static const char *const bodies[] = {
        "Content-Length: 1000\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3e8\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0",
    };
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(bodies); i++) {
        int fd = dial();
        say(fd, UPLOAD("/api/raw"));
        say(fd, bodies[i / 2]);
        await_uploads(1);
        if (i % 2)
            shutdown(fd, SHUT_WR); /* and still listens */
        else
            close(fd);
        await_uploads(0);
        ck_assert_msg(fake_core_upload_end() != ERROR_NONE, "body %zu was taken for whole", i);
        if (i % 2)
            close(fd);
    }
}

CLIENT_TEST(a_slow_body_is_cut_by_its_rate)
{
    int fd = dial(), slow = dial();
    g_autofree char *much = g_strnfill(300000, 'a');
    say(fd, UPLOAD("/api/raw") "Content-Length: 300001\r\n\r\n");
    await_uploads(1);
    put(fd, much, 300000);
    wait_for(14);
    say(fd, "b");
    ck_assert_uint_eq(hear(fd)->status, 200);
    say(slow, UPLOAD("/api/raw") "Content-Length: 300000\r\n\r\n");
    await_uploads(1);
    wait_for(10);
    put(slow, much, 200000); /* too little: the time goes on */
    wait_for(7);
    ck_assert_uint_eq(hear(slow)->status, 408);
    await_uploads(0);
    ck_assert_int_eq(fake_core_upload_end(), ERROR_UPLOAD_TIMEOUT);
    close(fd);
    close(slow);
}

CLIENT_TEST(bodies_are_checked)
{
    ck_assert_str_eq(post("{\"content\":\"hi\"}", JSON)->body, "{\"values\":[\"hi\",null]}");
    ck_assert_str_eq(post("{\"content\":\"hi\"}", JSON "Idempotency-Key: k1\r\n")->body,
                     "{\"values\":[\"hi\",\"k1\"]}");
    ck_assert_uint_eq(
        post("{\"content\":\"hi\"}", "Content-Type: application/json; charset=utf-8\r\n")->status,
        201);
    ck_assert_uint_eq(post("{\"content\":\"hi\"}", "Content-Type: text/plain\r\n")->status, 415);
    ck_assert_uint_eq(post("{\"content\":\"hi\"", JSON)->status, 400);
    ck_assert_uint_eq(post("{\"content\":\"\xff\"}", JSON)->status, 400);
    ck_assert_uint_eq(post("{\"content\":\"a\\u0000b\"}", JSON)->status, 422);
    ck_assert_uint_eq(post("{\"content\":\"\\ud800\"}", JSON)->status, 422);
    ck_assert_uint_eq(post("{\"content\":\"a\",\"content\":\"b\"}", JSON)->status, 400);
    ck_assert_uint_eq(post("{\"content\":\"a\",\"more\":1}", JSON)->status, 422);
    ck_assert_uint_eq(post("[]", JSON)->status, 422);
    ck_assert_uint_eq(post("{}", JSON)->status, 422);
    ck_assert_uint_eq(ask("POST /api/now HTTP/1.1\r\n" HOST AUTH "\r\n")->status, 422);
    g_autofree char *deep = g_strnfill(100000, '[');
    ck_assert_uint_eq(post(deep, JSON)->status, 400);
    g_autofree char *large = g_strnfill(150000, 'x');
    g_autofree char *body = g_strdup_printf("{\"content\":\"%s\"}", large);
    ck_assert_uint_eq(post(body, JSON)->status, 201);
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

#define CHUNKED "POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Transfer-Encoding: chunked\r\n\r\n"

CLIENT_TEST(chunked_bodies_are_read_and_end_the_connection)
{
    static const char *const bodies[] = {
        "10\r\n{\"content\":\"hi\"\r\n1\r\n}\r\n0\r\n\r\n",
        "1\r\n{\r\n00010\r\n\"content\":\"hi\"}\r\n0\r\n\r\n",
        "11;name=\"value\"\r\n{\"content\":\"hi\"}\r\n0\r\nTrailer: x\r\n\r\n",
        "e\r\n{\"content\":\"hi\r\n2\r\n\"}\r\n000\r\n\r\n",
    };
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(bodies); i++) {
        int fd = dial();
        const char *body = bodies[i / 2];
        say(fd, CHUNKED);
        for (const char *p = body; i % 2 && *p; p++)
            put(fd, p, 1);
        if (i % 2 == 0)
            say(fd, body);
        say(fd, GET_NOW);
        struct reply *reply = hear(fd);
        ck_assert_msg(reply->status == 201, "body %zu: %u %s", i, reply->status, reply->body);
        ck_assert_str_eq(reply->body, "{\"values\":[\"hi\",null]}");
        ck_assert_ptr_nonnull(strstr(reply->head, "Connection: close\r\n"));
        ck_assert(has_ended(fd));
        close(fd);
    }
    struct reply *reply =
        ask("GET /api/now HTTP/1.1\r\n" HOST AUTH "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n");
    ck_assert_uint_eq(reply->status, 200);
    reply =
        ask("PUT /api/raw HTTP/1.1\r\n" HOST AUTH
            "Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    ck_assert_uint_eq(reply->status, 200);
    ck_assert_str_eq(reply->body, "abc");
}

CLIENT_TEST(chunked_bodies_are_held_to_the_same_ceilings)
{
    g_autofree char *large = g_strnfill(300000, 'x');
    g_autofree char *text = g_strdup_printf(CHUNKED "%x\r\n%s\r\n0\r\n\r\n", 300000u, large);
    struct reply *reply = ask(text);
    ck_assert_uint_eq(reply->status, 413);
    ck_assert_ptr_nonnull(strstr(reply->body, "\"limit\":262144"));
    reply = ask("POST /api/now HTTP/1.1\r\n" HOST AUTH "Content-Type: text/plain\r\n"
                "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
    ck_assert_uint_eq(reply->status, 415);
    reply = ask("POST /api/now HTTP/1.1\r\n" HOST JSON
                "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
    ck_assert_uint_eq(reply->status, 401);
    /* Without an end: read to be ignored for a while, then told in the middle. */
    int fd = dial();
    say(fd, CHUNKED);
    for (int i = 0; i < 40; i++) {
        say(fd, "493e0\r\n");
        put(fd, large, 300000);
        say(fd, "\r\n");
    }
    ck_assert(hear(fd)->status != 201);
    ck_assert(has_ended(fd));
    close(fd);
}

CLIENT_TEST(malformed_chunks_smuggle_nothing)
{
    static const char *const bodies[] = {
        "5\n{\"con\ntent\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "2;\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        " 2\r\n{}\r\n0\r\n\r\n",
        "2 \r\n{}\r\n0\r\n\r\n",
        "\r\n2\r\n{}\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\n\n",
        "2\r\n{}\r\n0\r\nX\r\n\r\n",
        "2\r\n{}\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n",
        ";\r\n\r\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        int fd = dial();
        say(fd, CHUNKED);
        say(fd, bodies[i]);
        say(fd, GET_NOW);
        shutdown(fd, SHUT_WR);
        g_autoptr(GString) heard = g_string_new(NULL);
        char byte;
        while (get_byte(fd, &byte))
            g_string_append_c(heard, byte);
        ck_assert_msg(!strstr(heard->str, "HTTP/1.1 2"), "body %zu: %s", i, heard->str);
        close(fd);
    }
}

CLIENT_TEST(promised_bodies_are_counted)
{
    int fds[4];
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = dial();
        say(fds[i], "POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: 262144\r\n\r\n{");
    }
    while (metric_get(METRIC_HTTP_BODIES) < 1048576)
        ck_assert_uint_eq(ask(GET_NOW)->status, 200);
    ck_assert_uint_eq(post("{\"content\":\"hi\"}", JSON)->status, 503);
    ck_assert_uint_eq(ask(CHUNKED "2\r\n{}\r\n0\r\n\r\n")->status, 503);
    close(fds[0]);
    while (metric_get(METRIC_HTTP_BODIES) == 1048576)
        ck_assert_uint_eq(ask(GET_NOW)->status, 200);
    ck_assert_uint_eq(post("{\"content\":\"hi\"}", JSON)->status, 201);
    for (size_t i = 1; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
    while (metric_get(METRIC_HTTP_BODIES) > 0)
        ck_assert_uint_eq(ask(GET_NOW)->status, 200);
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

CLIENT_TEST(an_idempotency_key_has_two_spellings)
{
    static const struct {
        const char *key, *body;
        unsigned status;
    } cases[] = {
        {"abc", "\"abc\"", 201},
        {"\"abc\"", "\"abc\"", 201},
        {" \"abc\" ", "\"abc\"", 201},
        {"\"abc\";v=1", "\"abc\"", 201},
        {"\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\"", 201},
        {"\"a b;c\"", "\"a b;c\"", 201},
        {"\"abc", NULL, 400},
        {"\"abc\"d", NULL, 400},
        {"\"a\\bc\"", NULL, 400},
        {"\"", NULL, 400},
        {"\"\"", NULL, 422},
        {"", NULL, 422},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdup_printf(
            "POST /api/once HTTP/1.1\r\n" HOST AUTH "Idempotency-Key: %s\r\n\r\n", cases[i].key);
        struct reply *reply = ask(text);
        ck_assert_msg(reply->status == cases[i].status, "%s: %u", cases[i].key, reply->status);
        if (cases[i].body)
            ck_assert_str_eq(reply->body, cases[i].body);
    }
    g_autofree char *filler = g_strnfill(129, 'x');
    g_autofree char *text = g_strdup_printf(
        "POST /api/once HTTP/1.1\r\n" HOST AUTH "Idempotency-Key: %s\r\n\r\n", filler);
    ck_assert_uint_eq(ask(text)->status, 422);
    ck_assert_str_eq(ask("POST /api/once HTTP/1.1\r\n" HOST AUTH "\r\n")->body, "null");
    /* Where it stands in for a member, both must agree. */
    ck_assert_str_eq(
        post("{\"content\":\"hi\",\"client_id\":\"k1\"}", JSON "Idempotency-Key: \"k1\"\r\n")->body,
        "{\"values\":[\"hi\",\"k1\"]}");
    struct reply *reply =
        post("{\"content\":\"hi\",\"client_id\":\"k1\"}", JSON "Idempotency-Key: k2\r\n");
    ck_assert_uint_eq(reply->status, 422);
    ck_assert_ptr_nonnull(strstr(reply->body, "\"pointer\":\"/client_id\""));
    ck_assert_uint_eq(
        post("{\"content\":\"hi\",\"client_id\":null}", JSON "Idempotency-Key: k2\r\n")->status,
        201);
    ck_assert_uint_eq(
        ask("GET /api/now HTTP/1.1\r\n" HOST AUTH "Idempotency-Key: \"\r\n\r\n")->status, 200);
}

CLIENT_TEST(encoded_bodies_are_not_guessed_at)
{
    struct reply *reply = post("{\"content\":\"hi\"}", JSON "Content-Encoding: gzip\r\n");
    ck_assert_uint_eq(reply->status, 415);
    ck_assert_ptr_nonnull(strstr(reply->head, "Accept-Encoding: identity\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->body, "\"supported\":[\"identity\"]"));
    ck_assert_uint_eq(
        post("{}", JSON "Content-Encoding: identity\r\nContent-Encoding: br\r\n")->status, 415);
    ck_assert_uint_eq(post("{\"content\":\"hi\"}", JSON "Content-Encoding: Identity\r\n")->status,
                      201);
    reply = post("content=hi", "Content-Type: application/x-www-form-urlencoded\r\n");
    ck_assert_uint_eq(reply->status, 415);
    ck_assert_ptr_nonnull(strstr(reply->body, "\"supported\":[\"application/json\"]"));
    ck_assert_uint_eq(ask("PUT /api/raw HTTP/1.1\r\n" HOST AUTH
                          "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")
                          ->status,
                      415);
}

CLIENT_TEST(one_path_has_many_spellings)
{
    static const struct {
        const char *head;
        unsigned status;
    } cases[] = {
        {"GET /%61pi/%6eo%77 HTTP/1.1\r\n" HOST AUTH, 200},
        {"GET /api/items/%6De HTTP/1.1\r\n" HOST AUTH, 201},
        {"GET /api/items/%6D%65?%6Cimit=1 HTTP/1.1\r\n" HOST AUTH, 422}, /* known, and not here */
        {"GET /api/items/x?%6Cimit=1 HTTP/1.1\r\n" HOST AUTH, 200},
        {"GET /api/%2e%2e/api/now HTTP/1.1\r\n" HOST AUTH, 404},
        {"GET /api%2Fnow HTTP/1.1\r\n" HOST AUTH, 404},
        {"GET http://localhost/api/now HTTP/1.1\r\n" HOST AUTH, 200},
        {"GET HTTP://LOCALHOST:80/api/now HTTP/1.1\r\n" HOST AUTH, 200},
        {"GET http://localhost./api/items/x?limit=1 HTTP/1.1\r\nHost: localhost:80\r\n" AUTH, 200},
        {"GET https://localhost/api/now HTTP/1.1\r\nHost: localhost:443\r\n" AUTH, 200},
        {"GET http://[::1]:8080/api/now HTTP/1.1\r\nHost: [0:0:0::1]:8080\r\n" AUTH, 200},
        {"GET http://localhost HTTP/1.1\r\n" HOST AUTH, 404},
        {"OPTIONS * HTTP/1.1\r\n" HOST, 204},
        {"GET /%77s HTTP/1.1\r\n" HOST, 400},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strconcat(cases[i].head, "\r\n", NULL);
        unsigned status = ask(text)->status;
        ck_assert_msg(status == cases[i].status, "%s: %u", cases[i].head, status);
    }
}

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

static const struct {
    const char *text;
    size_t length;
} hostile[] = {
#define HOSTILE(text)                                                                              \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }
    HOSTILE("GET /api/now HTTP/1.1\r\n" AUTH "\r\n"), /* no Host */
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST HOST AUTH "\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.0\r\n" HOST AUTH JSON
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: chunked\nContent-Length: 2\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}"),
    HOSTILE("GET /api/now HTTP/1.1\r\nHost: local host\r\n" AUTH "\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\nHost: localhost/x\r\n" AUTH "\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\nHost: a, b\r\n" AUTH "\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\nHost: localhost:x\r\n" AUTH "\r\n"),
    HOSTILE("GET http://user@localhost/api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET http:///api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET http://localhost:81/api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET ftp://localhost/api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET * HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("CONNECT localhost:80 HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Transfer-Encoding: xchunked\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: +2\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: -1\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: 0x2\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: 2, 2\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length:\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length : 2\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "X: a\r\n Content-Length: 2\r\n\r\n{}"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "X: a\r\n\tb\r\n\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n X: a\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\n" HOST AUTH "\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\nHost: localhost\n" AUTH "\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST "Authorization: Bearer known\n\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "X: a\0b\r\n\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "X\0Y: a\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH "X: a\0\r\nContent-Length: 2\r\n\r\n{}"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "X: a\rb\r\n\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "X Y: a\r\n\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH ": a\r\n\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "no colon\r\n\r\n"),
    HOSTILE("GET /api/now\0x HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET /api/\x01now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET http://other/api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("G@T /api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
};

static int hostile_index;

static void hostile_client(void)
{
    int fd = dial();
    put(fd, hostile[hostile_index].text, hostile[hostile_index].length);
    say(fd, GET_NOW); /* what was smuggled must not be answered */
    struct reply *reply = hear(fd);
    ck_assert_msg(reply->status == 400, "case %d: %u %s", hostile_index, reply->status,
                  reply->head);
    /* libmicrohttpd 0.9.75 repeats the head of its own answer to a bad Content-Length. */
    char rest[4096] = "";
    size_t length = 0;
    while (length < sizeof rest - 1 && get_byte(fd, &rest[length]))
        length++;
    ck_assert_ptr_null(strstr(rest, "HTTP/1.1 2"));
    close(fd);
}

START_TEST(hostile_heads_are_answered_with_400_and_the_end)
{
    hostile_index = _i;
    run_client(hostile_client);
}
END_TEST

CLIENT_TEST(ancient_and_broken_request_lines_end_the_connection)
{
    static const char *const lines[] = {
        "GET\r\n\r\n", "GET /api/now\r\n\r\n", "\x16\x03\x01 x y\r\n\r\n",
        "GET /api/now HTTP/2.0\r\n" HOST "\r\n", "GET /a b HTTP/1.1\r\n" HOST "\r\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        int fd = dial();
        say(fd, lines[i]);
        unsigned status = hear(fd)->status;
        ck_assert_msg(status == 0 || status >= 400, "line %zu: %u", i, status);
        if (status > 0)
            ck_assert(has_ended(fd));
        close(fd);
    }
}

/* A problem of ours, with that code, and the end of the connection. */
static void assert_refused(const char *text, unsigned status, const char *code)
{
    int fd = dial();
    g_autofree char *member = g_strdup_printf("\"code\":\"%s\"", code);
    say(fd, text);
    struct reply *reply = hear(fd);
    ck_assert_msg(reply->status == status, "%.100s: %u", text, reply->status);
    ck_assert_ptr_nonnull(strstr(reply->head, "Content-Type: application/problem+json\r\n"));
    ck_assert_msg(strstr(reply->body, member) != NULL, "%s", reply->body);
    ck_assert(has_ended(fd));
    close(fd);
}

CLIENT_TEST(large_heads_are_refused)
{
    static const size_t sizes[] = {17000, 24000, 40000};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *filler = g_strnfill(sizes[i], 'x');
        g_autofree char *text =
            g_strdup_printf("GET /api/now HTTP/1.1\r\n" HOST AUTH "X: %s\r\n\r\n", filler);
        g_autofree char *target =
            g_strdup_printf("GET /api/items/%s HTTP/1.1\r\n" HOST AUTH "\r\n", filler);
        if (sizes[i] < 32768) {
            assert_refused(text, 431, "headers_too_large");
            assert_refused(target, 414, "target_too_long");
        } else { /* the library's own */
            ck_assert_uint_eq(ask(text)->status, 431);
            ck_assert_uint_eq(ask(target)->status, 414);
        }
    }
    g_autoptr(GString) many = g_string_new("GET /api/now HTTP/1.1\r\n" HOST AUTH);
    for (int i = 0; i < 70; i++)
        g_string_append_printf(many, "X-%d: y\r\n", i);
    assert_refused(g_string_append(many, "\r\n")->str, 431, "headers_too_large");
    g_autofree char *token = g_strnfill(8192, 'x');
    g_autofree char *fits =
        g_strdup_printf("GET /api/now HTTP/1.1\r\n" HOST "Authorization: Bearer %s\r\n\r\n", token);
    ck_assert_uint_eq(ask(fits)->status, 401);
}

static gboolean release(void *data);

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

static gboolean release(void *data)
{
    (void)data;
    fake_core_release();
    return G_SOURCE_REMOVE;
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

#define UPGRADE                                                                                    \
    "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"       \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

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

/* A list may come in several lines, with others between. */
CLIENT_TEST(lists_are_read_to_their_last_line)
{
    struct reply *reply =
        ask("GET /ws HTTP/1.1\r\n" HOST "Connection: keep-alive\r\nUpgrade: h2c\r\nX: y\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: other\r\n"
            "Sec-WebSocket-Protocol: trestle.v1\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    ck_assert_uint_eq(reply->status, 101);
    ck_assert_ptr_nonnull(strstr(reply->head, "Sec-WebSocket-Protocol: trestle.v1\r\n"));
    reply = ask("PUT /api/raw HTTP/1.1\r\n" HOST AUTH "If-None-Match: \"x\"\r\n"
                "If-None-Match: \"abc\"\r\nContent-Length: 3\r\n\r\nabc");
    ck_assert_uint_eq(reply->status, 304);
    reply = ask("GET /api/now HTTP/1.1\r\n" HOST AUTH "Cookie: a=b\r\nCookie: c=d\r\n"
                "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n"
                "Accept: text/html\r\nAccept: application/json\r\n\r\n");
    ck_assert_uint_eq(reply->status, 200);
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
    TCase *tests = tcase_create("server");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_connection_serves_many_requests);
    tcase_add_test(tests, pipelined_requests_are_answered_in_order);
    tcase_add_test(tests, replies_carry_the_promised_headers);
    tcase_add_test(tests, routes_and_rights_are_checked);
    tcase_add_test(tests, parameters_are_decoded_once);
    tcase_add_test(tests, raw_bodies_and_replies_pass_unchanged);
    tcase_add_test(tests, bodies_are_read_as_fast_as_they_are_taken);
    tcase_add_test(tests, nobody_reads_the_body_of_a_stranger);
    tcase_add_test(tests, a_body_may_be_refused_in_the_middle);
    tcase_add_test(tests, a_body_that_breaks_off_is_told);
    tcase_add_test(tests, a_slow_body_is_cut_by_its_rate);
    tcase_add_test(tests, bodies_are_checked);
    tcase_add_test(tests, chunked_bodies_are_read_and_end_the_connection);
    tcase_add_test(tests, chunked_bodies_are_held_to_the_same_ceilings);
    tcase_add_test(tests, malformed_chunks_smuggle_nothing);
    tcase_add_test(tests, promised_bodies_are_counted);
    tcase_add_test(tests, idle_connections_make_room);
    tcase_add_test(tests, an_address_has_so_many_connections_without_signing_in);
    tcase_add_test(tests, an_idempotency_key_has_two_spellings);
    tcase_add_test(tests, encoded_bodies_are_not_guessed_at);
    tcase_add_test(tests, one_path_has_many_spellings);
    tcase_add_test(tests, head_has_the_head_alone_and_no_effect);
    tcase_add_test(tests, lists_are_read_to_their_last_line);
    tcase_add_test(tests, a_connection_outlives_a_mistake_but_not_a_flood);
    tcase_add_loop_test(tests, hostile_heads_are_answered_with_400_and_the_end, 0,
                        (int)G_N_ELEMENTS(hostile));
    tcase_add_test(tests, ancient_and_broken_request_lines_end_the_connection);
    tcase_add_test(tests, large_heads_are_refused);
    tcase_add_test(tests, a_client_may_leave_while_its_request_runs);
    tcase_add_test(tests, slow_clients_are_cut);
    tcase_add_test(tests, pages_of_listed_origins_may_ask);
    tcase_add_test(tests, a_websocket_is_handed_over);
    tcase_add_test(tests, bad_handshakes_are_refused);
    tcase_add_test(tests, sockets_that_are_too_many_are_refused_before_they_are_made);
    tcase_add_test(tests, operators_see_the_state);
    tcase_add_test(tests, stopping_finishes_what_runs);
    tcase_add_test(tests, freeing_with_requests_under_way_is_safe);
    Suite *result = suite_create("http_server");
    suite_add_tcase(result, tests);
    return result;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "serve") == 0) {
        set_up();
        g_print("%u\n", port);
        g_main_loop_run(main_loop);
    }
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
