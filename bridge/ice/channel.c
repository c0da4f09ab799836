/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets, and TLS over them. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/ice/channel.h"

#define HEAD 20 /* bytes of a STUN message before its attributes (RFC 8489 section 5) */

struct channel {
    int fd;
    bool lossy;
    SSL_CTX *context;
    SSL *tls; /* NULL: in the clear */
};

bool channel_is_lossy(const struct channel *channel)
{
    return channel->lossy;
}

void channel_close(struct channel *channel)
{
    if (!channel)
        return;
    SSL_free(channel->tls);
    SSL_CTX_free(channel->context);
    if (channel->fd >= 0)
        close(channel->fd);
    g_free(channel);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static const char *why_not_connected(int trouble)
{
    if (trouble == ECONNREFUSED)
        return "connection refused";
    if (trouble == ENETUNREACH || trouble == EHOSTUNREACH || trouble == EADDRNOTAVAIL)
        return "no route to it";
    return "no answer";
}

/* On Linux the sending timeout bounds connect() too. */
static int socket_connect(const struct addrinfo *address)
{
    const struct timeval timeout = {.tv_sec = CHANNEL_SECONDS};
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int host_connect(const struct ice_uri *uri, const char **ret_reason)
{
    char port[8];
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICSERV,
                                   .ai_socktype = uri->tcp ? SOCK_STREAM : SOCK_DGRAM};
    int fd = -1;
    g_snprintf(port, sizeof port, "%u", uri->port);
    if (getaddrinfo(uri->host, port, &hints, &found) != 0) {
        *ret_reason = "its name is not known";
        return -1;
    }
    for (const struct addrinfo *address = found; address && fd < 0; address = address->ai_next)
        fd = socket_connect(address);
    if (fd < 0)
        *ret_reason = why_not_connected(errno);
    freeaddrinfo(found);
    return fd;
}

/* The certificate has to name the host. */
static bool tls_expect(SSL *tls, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host) == 1;
    char *name = (char *)(guintptr)host; /* OpenSSL only reads it */
    return SSL_set1_host(tls, host) == 1 && SSL_set_tlsext_host_name(tls, name) == 1;
}

static const char *tls_begin(struct channel *channel, const char *host)
{
    channel->context = SSL_CTX_new(TLS_client_method());
    if (!channel->context || SSL_CTX_set_default_verify_paths(channel->context) != 1)
        return "TLS cannot be used here";
    SSL_CTX_set_verify(channel->context, SSL_VERIFY_PEER, NULL);
    channel->tls = SSL_new(channel->context);
    if (!channel->tls || !tls_expect(channel->tls, host) ||
        SSL_set_fd(channel->tls, channel->fd) != 1)
        return "TLS cannot be used here";
    if (SSL_connect(channel->tls) == 1)
        return NULL;
    return SSL_get_verify_result(channel->tls) == X509_V_OK ? "TLS failed"
                                                            : "its certificate is not trusted";
}

struct channel *channel_open(const struct ice_uri *uri, const char **ret_reason)
{
    struct channel *channel = g_new0(struct channel, 1);
    channel->lossy = !uri->tcp;
    channel->fd = host_connect(uri, ret_reason);
    bool tls = uri->scheme == ICE_STUNS || uri->scheme == ICE_TURNS;
    const char *reason = NULL;
    if (channel->fd >= 0 && tls)
        reason = tls_begin(channel, uri->host);
    if (channel->fd >= 0 && !reason)
        return channel;
    if (reason)
        *ret_reason = reason;
    channel_close(channel);
    return NULL;
}

/* ---- Messages -------------------------------------------------------------------------------- */

bool channel_send(struct channel *channel, const uint8_t *bytes, size_t length)
{
    if (channel->tls)
        return SSL_write(channel->tls, bytes, (int)length) == (int)length;
    return send(channel->fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static bool stream_read(struct channel *channel, uint8_t *bytes, size_t length)
{
    for (size_t had = 0; had < length;) {
        ssize_t count = channel->tls ? SSL_read(channel->tls, bytes + had, (int)(length - had))
                                     : recv(channel->fd, bytes + had, length - had, 0);
        if (count <= 0)
            return false;
        had += (size_t)count;
    }
    return true;
}

/* Messages tell their length. */
static size_t stream_message(struct channel *channel, uint8_t *bytes)
{
    if (!stream_read(channel, bytes, HEAD))
        return 0;
    size_t rest = (size_t)bytes[2] << 8 | bytes[3];
    if (rest > CHANNEL_MESSAGE_MAX - HEAD || !stream_read(channel, bytes + HEAD, rest))
        return 0;
    return HEAD + rest;
}

size_t channel_receive(struct channel *channel, uint8_t ret_bytes[CHANNEL_MESSAGE_MAX],
                       unsigned milliseconds, bool *ret_closed)
{
    *ret_closed = false;
    if (!channel->lossy) {
        size_t length = stream_message(channel, ret_bytes);
        *ret_closed = length == 0;
        return length;
    }
    struct pollfd waits = {channel->fd, POLLIN, 0};
    if (poll(&waits, 1, (int)milliseconds) <= 0)
        return 0;
    ssize_t count = recv(channel->fd, ret_bytes, CHANNEL_MESSAGE_MAX, 0);
    *ret_closed = count < 0 && errno == ECONNREFUSED; /* the host says that nobody listens */
    return count > 0 ? (size_t)count : 0;
}
