/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listening sockets. Addresses are numeric, so that nothing is ever resolved on the main loop. */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/error.h"
#include "bridge/http/listener.h"

#define BACKLOG 4096
#define DEFER_SECONDS 5

/* The kernel keeps a connection to itself until its first bytes are there: one that stays silent
 * costs us no memory, and a crowd that connects first and speaks then is served a few at a time. */
static void defer_accept(int fd)
{
    int seconds = DEFER_SECONDS;
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
}

static int open_socket(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0)
        return -1;
    defer_accept(fd);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int listener_open(const char *address, unsigned port, GError **error)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[16];
    g_snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(address, service, &hints, &found) != 0) {
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_INTERNAL, "%s is not a numeric address",
                    address);
        return -1;
    }
    int fd = open_socket(found);
    if (fd < 0)
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_INTERNAL, "cannot listen on %s port %u: %s",
                    address, port, g_strerror(errno));
    freeaddrinfo(found);
    return fd;
}

unsigned listener_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t length = sizeof address;
    if (getsockname(fd, &address.any, &length) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}
