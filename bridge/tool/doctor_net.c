/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocking sockets with timeouts, for the doctor. */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bridge/base/buffer.h"
#include "bridge/tool/doctor_part.h"

#define TIMEOUT_SECONDS 2
#define ANSWER_MAX (1024 * 1024)

static bool make_address(const char *address, gint64 port, struct sockaddr_storage *ret_address,
                         socklen_t *ret_length)
{
    char service[16];
    g_snprintf(service, sizeof service, "%d", (int)port);
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(address, service, &hints, &found) != 0)
        return false;
    memcpy(ret_address, found->ai_addr, found->ai_addrlen);
    *ret_length = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static int open_socket(const struct sockaddr_storage *address)
{
    return socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int close_with_errno(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved == EINPROGRESS || saved == EAGAIN ? ETIMEDOUT : saved;
    return -1;
}

/* -1 and errno on failure; reads and writes on the descriptor time out. */
static int connect_to(const char *address, gint64 port)
{
    struct sockaddr_storage peer;
    socklen_t length;
    errno = EINVAL;
    if (!make_address(address, port, &peer, &length))
        return -1;
    int fd = open_socket(&peer);
    if (fd < 0)
        return -1;
    /* On Linux the sending timeout bounds connect() too. */
    const struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (connect(fd, (const struct sockaddr *)&peer, length) != 0)
        return close_with_errno(fd);
    return fd;
}

int doctor_try_listen(const char *address, gint64 port)
{
    struct sockaddr_storage own;
    socklen_t length;
    if (!make_address(address, port, &own, &length))
        return EINVAL;
    int fd = open_socket(&own);
    if (fd < 0)
        return errno;
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    int trouble = 0;
    if (bind(fd, (const struct sockaddr *)&own, length) != 0 || listen(fd, 1) != 0)
        trouble = errno;
    close(fd);
    return trouble;
}

static void read_all(int fd, struct buffer *buf)
{
    char chunk[4096];
    ssize_t n;
    gint64 deadline = g_get_monotonic_time() + 2 * TIMEOUT_SECONDS * G_USEC_PER_SEC;
    while ((n = recv(fd, chunk, sizeof chunk, 0)) > 0 && g_get_monotonic_time() < deadline) {
        if (!buffer_append(buf, chunk, (size_t)n))
            return;
    }
}

char *doctor_http_get(const char *address, gint64 port, const char *path)
{
    int fd = connect_to(address, port);
    if (fd < 0)
        return NULL;
    g_autofree char *request =
        g_strdup_printf("GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    g_auto(buffer) answer = BUFFER_INIT(ANSWER_MAX);
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request))
        read_all(fd, &answer);
    close(fd);
    const char *body = answer.data ? strstr(answer.data, "\r\n\r\n") : NULL;
    if (!body || !g_str_has_prefix(answer.data, "HTTP/1.1 200"))
        return NULL;
    return g_strdup(body + 4);
}
