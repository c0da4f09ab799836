/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libcurl's multi interface behind watches of our epoll set and one timer of GLib's. */
#include "config.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/epoll.h>

#include "bridge/base/buffer.h"
#include "bridge/loop/http_client.h"
#include "bridge/loop/loop.h"

struct http_client {
    CURLM *multi;
    GQueue asked; /* struct asking */
    unsigned most;
    guint timer; /* as libcurl wants to be called */
};

struct asking {
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    struct buffer body;
    http_answer done;
    void *data;
    GList link;
};

struct socket_watch {
    struct loop_watch watch;
    struct http_client *client;
};

/* ---- One question ---------------------------------------------------------------------------- */

static void asking_free(struct asking *asking)
{
    curl_easy_cleanup(asking->easy);
    curl_slist_free_all(asking->headers);
    buffer_clear(&asking->body);
    g_free(asking);
}

static void asking_end(struct asking *asking, long status)
{
    struct http_client *client = asking->client;
    curl_multi_remove_handle(client->multi, asking->easy);
    g_queue_unlink(&client->asked, &asking->link);
    asking->done(status, asking->body.data ? asking->body.data : "", asking->body.length,
                 asking->data);
    asking_free(asking);
}

static size_t take_bytes(char *bytes, size_t size, size_t count, void *data)
{
    struct asking *asking = data;
    size_t length = size * count;
    if (asking->body.length + length > HTTP_ANSWER_MAX)
        return 0;
    buffer_append(&asking->body, bytes, length);
    return length;
}

static long status_of(CURL *easy, CURLcode result)
{
    long status = 0;
    if (result != CURLE_OK || curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
        return 0;
    return status;
}

static void client_collect(struct http_client *client)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        struct asking *asking = NULL;
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result;
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&asking) == CURLE_OK)
            asking_end(asking, status_of(easy, result));
    }
}

/* ---- libcurl on the loop --------------------------------------------------------------------- */

static void client_act(struct http_client *client, curl_socket_t fd, int events)
{
    int running;
    curl_multi_socket_action(client->multi, fd, events, &running);
    client_collect(client);
}

static void socket_ready(struct loop_watch *watch, uint32_t events)
{
    struct socket_watch *socket = loop_owner(watch, struct socket_watch, watch);
    int seen = ((events & (EPOLLIN | EPOLLHUP)) ? CURL_CSELECT_IN : 0) |
               ((events & EPOLLOUT) ? CURL_CSELECT_OUT : 0) |
               ((events & EPOLLERR) ? CURL_CSELECT_ERR : 0);
    client_act(socket->client, watch->fd, seen);
}

static uint32_t events_of(int what)
{
    return ((what & CURL_POLL_IN) ? EPOLLIN : 0) | ((what & CURL_POLL_OUT) ? EPOLLOUT : 0);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *known)
{
    struct http_client *client = data;
    struct socket_watch *socket = known;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (socket)
            loop_remove(&socket->watch);
        g_free(socket);
        curl_multi_assign(client->multi, fd, NULL);
        return 0;
    }
    if (socket) {
        loop_modify(&socket->watch, events_of(what));
        return 0;
    }
    socket = g_new0(struct socket_watch, 1);
    socket->watch.fd = fd;
    socket->watch.ready = socket_ready;
    socket->client = client;
    if (!loop_add(&socket->watch, events_of(what))) {
        g_free(socket); /* it is given up in time */
        return 0;
    }
    curl_multi_assign(client->multi, fd, socket);
    return 0;
}

static gboolean on_time(gpointer data)
{
    struct http_client *client = data;
    client->timer = 0;
    client_act(client, CURL_SOCKET_TIMEOUT, 0);
    loop_wake();
    return G_SOURCE_REMOVE;
}

static int on_timer(CURLM *multi, long milliseconds, void *data)
{
    struct http_client *client = data;
    (void)multi;
    if (client->timer)
        g_source_remove(client->timer);
    client->timer = milliseconds < 0 ? 0 : g_timeout_add((guint)milliseconds, on_time, client);
    return 0;
}

/* ---- The client ------------------------------------------------------------------------------ */

struct http_client *http_client_new(unsigned most)
{
    struct http_client *client = g_new0(struct http_client, 1);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    client->multi = curl_multi_init();
    client->most = most;
    g_queue_init(&client->asked);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    while (client->asked.head)
        asking_end(client->asked.head->data, 0);
    curl_multi_cleanup(client->multi);
    if (client->timer)
        g_source_remove(client->timer);
    g_free(client);
}

static void asking_prepare(struct asking *asking, const struct http_post *post)
{
    CURL *easy = asking->easy;
    for (const char *const *header = post->headers; *header; header++)
        asking->headers = curl_slist_append(asking->headers, *header);
    asking->headers = curl_slist_append(asking->headers, "Expect:");
    curl_easy_setopt(easy, CURLOPT_URL, post->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)post->length);
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, post->body);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, asking->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, asking);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, asking);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    /* A name that is still looked up is left to its thread, and not waited for. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)post->timeout);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)post->timeout);
}

bool http_client_is_full(const struct http_client *client)
{
    return client->asked.length >= client->most;
}

bool http_client_post(struct http_client *client, const struct http_post *post, http_answer done,
                      void *data)
{
    if (http_client_is_full(client))
        return false;
    struct asking *asking = g_new0(struct asking, 1);
    asking->client = client;
    asking->easy = curl_easy_init();
    asking->done = done;
    asking->data = data;
    asking->link.data = asking;
    asking->body = (struct buffer)BUFFER_INIT(HTTP_ANSWER_MAX);
    asking_prepare(asking, post);
    if (curl_multi_add_handle(client->multi, asking->easy) != CURLM_OK) {
        asking_free(asking);
        return false;
    }
    g_queue_push_tail_link(&client->asked, &asking->link);
    return true;
}
