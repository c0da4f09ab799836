/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes at the HTTP server: head, cookies, addresses of proxies, paths, queries and bodies.
 * What comes back is a sequence of whole replies, and when the client has gone nothing of it stays.
 *
 * First byte: the size of the pieces. */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/http/server.h"
#include "bridge/http/upgrade.h"
#include "bridge/loop/loop.h"
#include "tests/unit/http_fake_core.h"

#define TURNS_MAX 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const dialects[] = {"trestle.v1", NULL};
static struct core core;
static struct http_server *server;

static void on_upgraded(void *data, const struct websocket_handshake *handshake)
{
    (void)data;
    if (handshake->extra_length > 65536)
        abort();
    close(handshake->fd);
}

static bool knows(const char *name)
{
    return strcmp(name, "s1") == 0;
}

static void start(void)
{
    const struct websocket_upgrade upgrade = {
        .dialects = dialects, .knows = knows, .upgraded = on_upgraded};
    loop_start();
    fake_core_init(&core);
    struct options *options = (struct options *)(uintptr_t)core.options;
    g_free(options->http_proxies);
    options->http_proxies = g_strdup("127.0.0.1");
    server = http_server_new(&core, &upgrade, NULL);
    if (!server)
        abort();
}

/* The library may miss that a client went in the middle of a request; then it is idle, and cut in
 * time. Whatever there is must end with the server. */
static void stop(void)
{
    http_server_free(g_steal_pointer(&server));
    fake_core_clear(&core);
    loop_stop();
    if (metric_get(METRIC_HTTP_CONNECTIONS) > 0)
        abort();
}

static int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_server_port(server)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        abort();
    return fd;
}

static void turn(void)
{
    for (int i = 0; i < 4; i++)
        g_main_context_iteration(NULL, FALSE);
    if (fake_core_waiting() > 0)
        fake_core_release();
}

static void read_all(int fd, GString *heard)
{
    char chunk[4096];
    ssize_t length;
    while ((length = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT)) > 0)
        g_string_append_len(heard, chunk, length);
}

/* Where the reply at AT ends; 0: it is not whole, or the library's own, which writes its head twice
 * (0.9.75) and ends the connection. */
static size_t reply_end(const GString *heard, size_t at)
{
    const char *text = heard->str + at;
    const char *end = strstr(text, "\r\n\r\n");
    if (strncmp(text, "HTTP/1.", MIN(7, heard->len - at)) != 0)
        abort();
    if (!end)
        return 0;
    g_autofree char *head = g_ascii_strdown(text, end - text);
    const char *length = strstr(head, "\r\ncontent-length: ");
    if (!strstr(head, "\r\nrequest-id: ") && !strstr(head, "\r\nconnection: close"))
        abort();
    if (!strstr(head, "\r\nrequest-id: "))
        return 0;
    if (!length && !strstr(head, " 101 ") && !strstr(head, " 204 "))
        abort();
    size_t count = length ? strtoul(length + 18, NULL, 10) : 0;
    size_t next = at + (size_t)(end + 4 - text) + count;
    return next <= heard->len ? next : 0;
}

static void check_replies(const GString *heard)
{
    for (size_t at = 0; at < heard->len;) {
        if (strncmp(heard->str + at, "HTTP/1.1 101", 12) == 0)
            return;
        at = reply_end(heard, at);
        if (at == 0)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (!server)
        start();
    int fd = dial();
    size_t piece = data[0] ? data[0] * 16u : size;
    g_autoptr(GString) heard = g_string_new(NULL);
    for (size_t at = 1; at < size; at += piece) {
        send(fd, data + at, MIN(piece, size - at), MSG_NOSIGNAL | MSG_DONTWAIT);
        turn();
        read_all(fd, heard);
    }
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 20; i++)
        turn();
    read_all(fd, heard);
    close(fd);
    for (int i = 0; i < TURNS_MAX && metric_get(METRIC_HTTP_CONNECTIONS) > 0; i++)
        turn();
    if (metric_get(METRIC_HTTP_CONNECTIONS) > 0)
        stop();
    if (!memmem(data, size, "HEAD", 4)) /* its replies have a length, and no body */
        check_replies(heard);
    return 0;
}
