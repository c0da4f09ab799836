/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening the socket of a component link. */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/xmpp/link_socket.h"

int link_socket_open(const char *host, guint16 port_number, const char **ret_problem)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    char port[8];
    g_snprintf(port, sizeof port, "%u", port_number);
    struct addrinfo *address = NULL;
    if (getaddrinfo(g_str_equal(host, "localhost") ? "127.0.0.1" : host, port, &hints, &address) !=
        0) {
        *ret_problem = "xmpp.host is not a numeric address";
        errno = EINVAL;
        return -1;
    }
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd >= 0) /* writes are gathered here already */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS) {
        int saved_errno = errno;
        close(fd);
        errno = saved_errno;
        fd = -1;
    }
    int trouble = errno;
    freeaddrinfo(address);
    if (fd < 0) {
        *ret_problem = g_strerror(trouble);
        errno = trouble;
    }
    return fd;
}
