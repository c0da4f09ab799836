/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One short connection to each Sentinel, until one answers. The one that did is asked first the
 * next time. A Sentinel without a password of its own refuses AUTH, which does not matter. */
#include "config.h"

#include "bridge/loop/redis_sentinel.h"
#include "bridge/loop/redis_socket.h"

#define PATIENCE 1000 /* milliseconds, for each */

struct redis_sentinel {
    struct redis_socket socket; /* the first member: see on_ended() */
    const struct redis_servers *servers;
    redis_sentinel_done done;
    void *data;
    guint present; /* the one that is asked */
    guint tried;   /* of this question; 0: none is under way */
    guint timer;
};

static void ask_present(struct redis_sentinel *sentinel);

static void timer_set(struct redis_sentinel *sentinel, guint milliseconds, GSourceFunc fired)
{
    if (sentinel->timer)
        g_source_remove(sentinel->timer);
    sentinel->timer = fired ? g_timeout_add(milliseconds, fired, sentinel) : 0;
}

static void question_end(struct redis_sentinel *sentinel, const struct redis_server *server)
{
    sentinel->tried = 0;
    timer_set(sentinel, 0, NULL);
    redis_socket_end(&sentinel->socket);
    sentinel->done(server, sentinel->data);
}

static void ask_next(struct redis_sentinel *sentinel)
{
    guint count = sentinel->servers->list->len;
    redis_socket_end(&sentinel->socket);
    sentinel->present = (sentinel->present + 1) % count;
    if (sentinel->tried >= count)
        question_end(sentinel, NULL);
    else
        ask_present(sentinel);
}

static gboolean on_later(gpointer data)
{
    struct redis_sentinel *sentinel = data;
    sentinel->timer = 0;
    ask_next(sentinel);
    return G_SOURCE_REMOVE;
}

/* hiredis is in the middle of freeing it. */
static void on_ended(struct redis_socket *socket)
{
    struct redis_sentinel *sentinel = loop_owner(socket, struct redis_sentinel, socket);
    if (sentinel->tried > 0)
        timer_set(sentinel, 0, on_later);
}

static void on_signed_in(redisAsyncContext *context, void *answer, void *data)
{
    (void)context;
    (void)answer;
    (void)data;
}

/* Its host and port, unless nobody is known by that name. */
static bool read_place(const redisReply *reply, struct redis_server *ret_server)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !reply->element[0]->str ||
        !reply->element[1]->str || !g_hostname_is_ip_address(reply->element[0]->str))
        return false;
    guint64 port = g_ascii_strtoull(reply->element[1]->str, NULL, 10);
    ret_server->host = reply->element[0]->str;
    ret_server->port = (guint16)port;
    return port > 0 && port <= G_MAXUINT16;
}

static void on_place(redisAsyncContext *context, void *answer, void *data)
{
    struct redis_sentinel *sentinel = data;
    const redisReply *reply = answer;
    (void)context;
    if (!reply || sentinel->tried == 0)
        return;
    struct redis_server server =
        *(const struct redis_server *)sentinel->servers->list->pdata[sentinel->present];
    if (read_place(reply, &server))
        question_end(sentinel, &server);
    else
        timer_set(sentinel, 0, on_later);
}

static void ask_present(struct redis_sentinel *sentinel)
{
    const struct redis_server *server = sentinel->servers->list->pdata[sentinel->present];
    sentinel->tried++;
    timer_set(sentinel, PATIENCE, on_later);
    if (!redis_socket_connect(&sentinel->socket, server, on_ended)) {
        timer_set(sentinel, 0, on_later);
        return;
    }
    redis_socket_sign_in(&sentinel->socket, server, on_signed_in, sentinel);
    redisAsyncCommand(sentinel->socket.context, on_place, sentinel,
                      "SENTINEL GET-MASTER-ADDR-BY-NAME %s", sentinel->servers->name);
}

void redis_sentinel_ask(struct redis_sentinel *sentinel)
{
    if (sentinel->tried == 0)
        ask_present(sentinel);
}

struct redis_sentinel *redis_sentinel_new(const struct redis_servers *servers,
                                          redis_sentinel_done done, void *data)
{
    struct redis_sentinel *sentinel = g_new0(struct redis_sentinel, 1);
    sentinel->servers = servers;
    sentinel->done = done;
    sentinel->data = data;
    return sentinel;
}

void redis_sentinel_free(struct redis_sentinel *sentinel)
{
    if (!sentinel)
        return;
    sentinel->tried = 0;
    timer_set(sentinel, 0, NULL);
    redis_socket_end(&sentinel->socket);
    g_free(sentinel);
}
