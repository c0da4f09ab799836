/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The HTTP server of the tests, and a client with blocking sockets. */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/http/upgrade.h"
#include "bridge/loop/loop.h"
#include "tests/unit/http_fake_core.h"
#include "tests/unit/http_world.h"

struct core core;
struct http_server *server;
struct http_admin *admin;
unsigned port;
GMainLoop *main_loop;
enum error_code admission;
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

void set_up(void)
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

void tear_down(void)
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

int dial_port(unsigned to)
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

int dial(void)
{
    return dial_port(port);
}

void put(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the server may close before it has read everything */
        bytes += sent;
        length -= (size_t)sent;
    }
}

void say(int fd, const char *text)
{
    put(fd, text, strlen(text));
}

bool get_byte(int fd, char *ret_byte)
{
    return recv(fd, ret_byte, 1, 0) == 1;
}

struct reply *hear(int fd)
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

bool has_ended(int fd)
{
    char byte;
    return recv(fd, &byte, 1, 0) <= 0;
}

struct reply *ask(const char *text)
{
    int fd = dial();
    say(fd, text);
    struct reply *reply = hear(fd);
    close(fd);
    return reply;
}

struct reply *post(const char *body, const char *headers)
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

void run_client(void (*client)(void))
{
    GThread *thread = g_thread_new("client", client_thread, &client);
    g_main_loop_run(main_loop);
    g_thread_join(thread);
}

static gboolean pass_time(void *data)
{
    clock_advance(GPOINTER_TO_INT(data) * G_USEC_PER_SEC);
    return G_SOURCE_REMOVE;
}

void wait_for(int seconds)
{
    g_idle_add(pass_time, GINT_TO_POINTER(seconds));
}

/* ---- Running --------------------------------------------------------------------------------- */

TCase *world_case(const char *name, const TTest *const *tests, size_t count)
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 120);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    return tcase;
}
