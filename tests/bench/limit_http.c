/* SPDX-License-Identifier: GPL-3.0-or-later */
/* L4: what HTTP costs when nothing is done for it: one epoll loop, a fixed reply, driven by wrk or
 * by the load generator. Usage: limit_http PORT [BODY-FILE]; without a file the reply is 200 with a
 * 200-byte body, with one it is 201 with that body. SIGTERM ends it; it then prints its count of
 * requests and CPU time as JSON. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define EVENTS 512

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static int listen_on(uint16_t port)
{
    int on = 1;
    struct sockaddr_in own = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own) != 0 || listen(fd, 4096) != 0) {
        fprintf(stderr, "port %u: %s\n", port, g_strerror(errno));
        return -1;
    }
    return fd;
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        close(fd);
}

static void accept_all(int epoll, int listener)
{
    int fd;
    int on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(epoll, fd);
    }
}

/* Requests without pipelining, each in one segment: what clients on loopback send. */
static bool serve(int fd, const GString *reply)
{
    char request[8192];
    ssize_t got = recv(fd, request, sizeof request, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0 || memmem(request, (size_t)got, "\r\n\r\n", 4) == NULL ||
        send(fd, reply->str, reply->len, MSG_NOSIGNAL) != (ssize_t)reply->len) {
        close(fd);
        return false;
    }
    return true;
}

static GString *make_reply(const char *path)
{
    g_autofree char *body = NULL;
    gsize length = 200;
    GString *reply = g_string_new(NULL);
    if (path == NULL)
        body = g_strnfill(length, 'x');
    else if (!g_file_get_contents(path, &body, &length, NULL))
        g_error("cannot read %s", path);
    g_string_printf(reply,
                    "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
                    "Content-Length: %zu\r\n\r\n",
                    path == NULL ? "200 OK" : "201 Created", length);
    g_string_append_len(reply, body, (gssize)length);
    return reply;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    struct rusage usage;
    uint64_t requests = 0;
    int listener = argc > 1 ? listen_on((uint16_t)g_ascii_strtoull(argv[1], NULL, 10)) : -1;
    if (listener < 0) {
        fprintf(stderr, "usage: limit_http PORT [BODY-FILE]\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    GString *reply = make_reply(argc > 2 ? argv[2] : NULL);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll, listener);
    while (!stopped) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                accept_all(epoll, listener);
            else
                requests += serve(events[i].data.fd, reply) ? 1 : 0;
        }
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"requests\": %" PRIu64 ", \"cpu_seconds\": %.3f}\n", requests,
           seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    g_string_free(reply, TRUE);
    return 0;
}
