/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The admin listener: a second, small libmicrohttpd on the same loop. */
#include "config.h"

#include <microhttpd.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bridge/base/error.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/http/admin.h"
#include "bridge/http/listener.h"
#include "bridge/loop/loop.h"

#define CONNECTIONS_MAX 64
#define CONNECTION_MEMORY 8192
#define IDLE_SECONDS 15
#define REPLY_MAX (1024 * 1024)

struct http_admin {
    struct http_probe probe;
    struct MHD_Daemon *daemon;
    struct loop_watch watch; /* its epoll set */
    int listener;
    guint timer;
};

static unsigned write_livez(struct http_admin *admin, struct buffer *buf)
{
    (void)admin;
    buffer_append_string(buf, "{\"status\":\"ok\"}");
    return MHD_HTTP_OK;
}

static unsigned write_readyz(struct http_admin *admin, struct buffer *buf)
{
    bool ready = true;
    struct json_writer json;
    json_writer_init(&json, buf);
    json_begin_object(&json);
    json_key(&json, "parts");
    json_begin_object(&json);
    const struct http_part *parts = admin->probe.parts(admin->probe.data);
    for (const struct http_part *part = parts; part->name; part++) {
        json_member_string(&json, part->name, part->ready ? "up" : "down");
        ready = ready && (part->ready || part->optional);
    }
    json_end_object(&json);
    json_key(&json, "missing");
    json_begin_array(&json);
    for (const struct http_part *part = parts; part->name; part++) {
        if (!part->ready && !part->optional)
            json_put_string(&json, part->name);
    }
    json_end_array(&json);
    json_member_string(&json, "status", ready ? "ready" : "not ready");
    json_end_object(&json);
    return ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned write_metrics(struct http_admin *admin, struct buffer *buf)
{
    if (admin->probe.refresh)
        admin->probe.refresh(admin->probe.data);
    metrics_write(buf);
    return MHD_HTTP_OK;
}

static unsigned write_hosts(struct http_admin *admin, struct buffer *buf)
{
    struct json_writer json;
    json_writer_init(&json, buf);
    json_begin_object(&json);
    json_key(&json, "hosts");
    json_begin_array(&json);
    if (admin->probe.hosts)
        admin->probe.hosts(&json, admin->probe.data);
    json_end_array(&json);
    json_end_object(&json);
    return MHD_HTTP_OK;
}

static const struct page {
    const char *path, *type;
    unsigned (*write)(struct http_admin *admin, struct buffer *buf);
} pages[] = {
    {"/livez", "application/json", write_livez},
    {"/readyz", "application/json", write_readyz},
    {"/hosts", "application/json", write_hosts},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics},
};

static enum MHD_Result send_page(struct http_admin *admin, struct MHD_Connection *mhd,
                                 const struct page *page)
{
    struct buffer buf = BUFFER_INIT(REPLY_MAX);
    size_t length = 0;
    unsigned status = page ? page->write(admin, &buf) : MHD_HTTP_NOT_FOUND;
    char *content = buffer_take(&buf, &length);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(length, content, g_free);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", page ? page->type : "text/plain");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    enum MHD_Result result = MHD_queue_response(mhd, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    (void)version;
    (void)upload;
    static char seen;
    if (*upload_size > 0 || (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0))
        return MHD_NO;
    if (!*context) { /* the head alone: the answer is due at the second call */
        *context = &seen;
        return MHD_YES;
    }
    const struct page *page = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
        if (strcmp(url, pages[i].path) == 0)
            page = &pages[i];
    }
    return send_page(data, mhd, page);
}

static void admin_serve(struct http_admin *admin)
{
    MHD_UNSIGNED_LONG_LONG timeout = 1;
    for (unsigned i = 0; i < 8; i++) {
        MHD_run(admin->daemon);
        if (MHD_get_timeout(admin->daemon, &timeout) != MHD_YES || timeout > 0)
            return;
    }
    /* What is left is done at the next second at the latest. */
}

static void on_ready(struct loop_watch *watch, uint32_t events)
{
    (void)events;
    admin_serve(loop_owner(watch, struct http_admin, watch));
}

static gboolean on_second(void *data)
{
    admin_serve(data);
    return G_SOURCE_CONTINUE;
}

struct http_admin *http_admin_new(const struct options *options, const struct http_probe *probe,
                                  GError **error)
{
    int fd = listener_open(options->http_admin_listen, (unsigned)options->http_admin_port, error);
    if (fd < 0)
        return NULL;
    struct http_admin *admin = g_new0(struct http_admin, 1);
    admin->probe = *probe;
    admin->listener = fd;
    admin->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, admin, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_END);
    if (!admin->daemon) {
        g_set_error_literal(error, TRESTLE_ERROR_DOMAIN, ERROR_INTERNAL, "libmicrohttpd refuses");
        close(fd);
        g_free(admin);
        return NULL;
    }
    admin->watch.fd = MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    admin->watch.ready = on_ready;
    loop_add(&admin->watch, EPOLLIN);
    admin->timer = g_timeout_add_seconds(1, on_second, admin);
    admin_serve(admin);
    return admin;
}

void http_admin_free(struct http_admin *admin)
{
    if (!admin)
        return;
    g_source_remove(admin->timer);
    loop_remove(&admin->watch);
    MHD_stop_daemon(admin->daemon); /* closes the listener, too */
    g_free(admin);
}

unsigned http_admin_port(const struct http_admin *admin)
{
    return listener_port(admin->listener);
}
