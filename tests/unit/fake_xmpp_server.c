/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A scripted XEP-0114 server for the link's tests. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/fake_xmpp_server.h"

static void on_opened(const char *id, const char *from, void *data)
{
    struct fake_server *server = data;
    (void)id;
    (void)from;
    if (!server->no_hello)
        server_say(server, "<?xml version='1.0'?><stream:stream xmlns='" NS_COMPONENT
                           "' xmlns:stream='" NS_STREAM "' id='" FAKE_STREAM_ID "'>");
}

static void on_stanza(xmpp_stanza_t *stanza, void *data)
{
    struct fake_server *server = data;
    if (g_str_equal(stanza_name(stanza), "handshake")) {
        g_free(server->handshake);
        server->handshake = g_strdup(stanza_text(stanza));
        if (!server->no_auth)
            server_say(server, "<handshake/>");
        return;
    }
    if (!stanza_child(stanza, "ping", NS_PING))
        g_ptr_array_add(server->stanzas, xmpp_stanza_clone(stanza));
    else if (server->no_pong)
        g_ptr_array_add(server->pings, g_strdup(stanza_attr(stanza, "id")));
    else
        server_pong(server, stanza_attr(stanza, "id"));
}

static void on_over_limit(const struct stream_header *header, enum stream_limit limit, void *data)
{
    (void)header;
    (void)limit;
    (void)data;
    g_error("the link sent a stanza over a limit");
}

static void on_closed(void *data)
{
    struct fake_server *server = data;
    server->peer_closed = true;
}

static void on_failed(enum stream_failure failure, const char *text, void *data)
{
    (void)failure;
    (void)data;
    g_error("the link sent broken XML: %s", text);
}

static const struct stream_callbacks callbacks = {
    .opened = on_opened,
    .stanza = on_stanza,
    .over_limit = on_over_limit,
    .closed = on_closed,
    .failed = on_failed,
};

static void release_stanza(gpointer stanza)
{
    xmpp_stanza_release(stanza);
}

void server_start(struct fake_server *server)
{
    *server = (struct fake_server){.fd = -1};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(server->listen_fd, (struct sockaddr *)&address, size) < 0 ||
        listen(server->listen_fd, 8) < 0 ||
        getsockname(server->listen_fd, (struct sockaddr *)&address, &size) < 0)
        g_error("listen: %s", g_strerror(errno));
    server->port = ntohs(address.sin_port);
    server->stanzas = g_ptr_array_new_with_free_func(release_stanza);
    server->pings = g_ptr_array_new_with_free_func(g_free);
    server->output = g_byte_array_new();
}

void server_hang_up(struct fake_server *server)
{
    if (server->fd >= 0)
        close(server->fd);
    server->fd = -1;
    g_clear_pointer(&server->reader, stream_reader_free);
    g_byte_array_set_size(server->output, 0);
}

void server_stop(struct fake_server *server)
{
    server_hang_up(server);
    close(server->listen_fd);
    g_ptr_array_unref(server->stanzas);
    g_ptr_array_unref(server->pings);
    g_byte_array_unref(server->output);
    g_free(server->handshake);
}

static void accept_one(struct fake_server *server)
{
    int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    server_hang_up(server);
    /* What is said must arrive at once: tests count turns, not time. */
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    server->fd = fd;
    server->accepted++;
    server->peer_closed = server->peer_gone = false;
    struct stream_limits limits = STREAM_LIMITS_DEFAULT;
    limits.stanza_bytes = 1024 * 1024;
    server->reader = stream_reader_new(&limits, &callbacks, server);
}

static void read_all(struct fake_server *server)
{
    char bytes[16384];
    while (server->fd >= 0) {
        ssize_t length = recv(server->fd, bytes, sizeof bytes, 0);
        if (length <= 0) {
            server->peer_gone = length == 0 || errno != EAGAIN;
            return;
        }
        stream_reader_feed(server->reader, bytes, (size_t)length);
    }
}

void server_poll(struct fake_server *server)
{
    accept_one(server);
    if (server->fd < 0 || server->mute)
        return;
    read_all(server);
    while (server->output->len > 0) {
        ssize_t sent = send(server->fd, server->output->data, server->output->len, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        g_byte_array_remove_range(server->output, 0, (guint)sent);
    }
}

void server_say_bytes(struct fake_server *server, const void *bytes, size_t length)
{
    g_byte_array_append(server->output, bytes, (guint)length);
}

void server_say(struct fake_server *server, const char *text)
{
    server_say_bytes(server, text, strlen(text));
}

void server_pong(struct fake_server *server, const char *id)
{
    g_autofree char *pong =
        g_strdup_printf("<iq type='result' from='example.org' to='app.example.org' id='%s'/>", id);
    server_say(server, pong);
}
