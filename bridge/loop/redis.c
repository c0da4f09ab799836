/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hiredis behind two watches of our epoll set. hiredis frees a context by itself when its
 * connection ends; `cleanup` is where we hear of it, whatever the reason was. */
#include "config.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <hiredis/sds.h>
#include <string.h>
#include <sys/epoll.h>

#include "bridge/base/log.h"
#include "bridge/loop/loop.h"
#include "bridge/loop/redis.h"

#define DEFAULT_PORT 6379
#define BACKOFF_FIRST 100 /* milliseconds */
#define BACKOFF_LAST 2000
#define CONNECT_TIMEOUT 3000
#define UNANSWERED_MAX 20000 /* published messages that Redis has not confirmed */

struct side {
    struct redis *redis;
    redisAsyncContext *context; /* hiredis frees it */
    struct loop_watch watch;
    uint32_t events;
    bool watched;
    bool ready;
    bool ending; /* by us: nothing is to be done when hiredis has freed it */
};

struct redis {
    struct redis_callbacks callbacks;
    void *data;
    char *host;
    guint16 port;
    char *password; /* NULL: none */
    char *channel;  /* NULL: not chosen yet */
    struct side listening;
    struct side publishing;
    unsigned unanswered;
    bool up;
    bool dropping; /* both sides are being ended */
    bool told_away;
    unsigned backoff;
    guint timer; /* to connect, or to give up connecting */
};

static void redis_drop(struct redis *redis);

/* ---- hiredis on the loop --------------------------------------------------------------------- */

static void side_watch(struct side *side, uint32_t events)
{
    if (!side->context || events == side->events)
        return;
    side->watch.fd = side->context->c.fd;
    if (events == 0) {
        loop_remove(&side->watch);
        side->watched = false;
    } else if (side->watched) {
        loop_modify(&side->watch, events);
    } else {
        side->watched = loop_add(&side->watch, events);
    }
    side->events = events;
}

static void add_read(void *data)
{
    struct side *side = data;
    side_watch(side, side->events | EPOLLIN);
}

static void del_read(void *data)
{
    struct side *side = data;
    side_watch(side, side->events & ~(uint32_t)EPOLLIN);
}

static void add_write(void *data)
{
    struct side *side = data;
    side_watch(side, side->events | EPOLLOUT);
}

static void del_write(void *data)
{
    struct side *side = data;
    side_watch(side, side->events & ~(uint32_t)EPOLLOUT);
}

static void side_cleanup(void *data)
{
    struct side *side = data;
    side_watch(side, 0);
    side->context = NULL;
    side->ready = false;
    if (!side->ending)
        redis_drop(side->redis);
}

static void side_ready(struct loop_watch *watch, uint32_t events)
{
    struct side *side = loop_owner(watch, struct side, watch);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        redisAsyncHandleRead(side->context);
    if (side->context && (events & EPOLLOUT))
        redisAsyncHandleWrite(side->context);
}

/* ---- Connecting ------------------------------------------------------------------------------ */

static void side_is_ready(struct side *side)
{
    struct redis *redis = side->redis;
    side->ready = true;
    if (redis->up || !redis->listening.ready || !redis->publishing.ready)
        return;
    redis->up = true;
    redis->told_away = false;
    redis->backoff = BACKOFF_FIRST;
    g_source_remove(redis->timer);
    redis->timer = 0;
    log_info(AREA_CORE, "redis-connected", NULL);
    redis->callbacks.up(redis->data);
}

static void on_message(redisAsyncContext *context, void *answer, void *data)
{
    struct side *side = data;
    const redisReply *reply = answer;
    (void)context;
    if (!reply || side->redis->dropping)
        return;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || !reply->element[0]->str) {
        redis_drop(side->redis);
        return;
    }
    const redisReply *body = reply->element[2];
    if (strcmp(reply->element[0]->str, "subscribe") == 0)
        side_is_ready(side);
    else if (strcmp(reply->element[0]->str, "message") == 0 && body->type == REDIS_REPLY_STRING)
        side->redis->callbacks.message(body->str, (size_t)body->len, side->redis->data);
}

static void on_hello(redisAsyncContext *context, void *answer, void *data)
{
    struct side *side = data;
    const redisReply *reply = answer;
    (void)context;
    if (!reply || side->redis->dropping)
        return;
    if (reply->type == REDIS_REPLY_ERROR) {
        if (!side->redis->told_away)
            log_warning(AREA_CORE, "redis-refused", "reason=\"%s\"", reply->str);
        side->redis->told_away = true;
        redis_drop(side->redis);
    } else if (side == &side->redis->publishing) {
        side_is_ready(side);
    }
}

static void say_hello(struct side *side)
{
    const struct redis *redis = side->redis;
    if (redis->password)
        redisAsyncCommand(side->context, on_hello, side, "AUTH %s", redis->password);
    redisAsyncCommand(side->context, on_hello, side, "PING");
    if (side == &redis->listening)
        redisAsyncCommand(side->context, on_message, side, "SUBSCRIBE %s", redis->channel);
}

static bool side_connect(struct side *side, struct redis *redis)
{
    redisAsyncContext *context = redisAsyncConnect(redis->host, redis->port);
    side->redis = redis;
    side->watch.ready = side_ready;
    side->events = 0;
    side->watched = side->ready = side->ending = false;
    if (!context)
        return false;
    if (context->err) {
        redisAsyncFree(context);
        return false;
    }
    side->context = context;
    context->ev.data = side;
    context->ev.addRead = add_read;
    context->ev.delRead = del_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = del_write;
    context->ev.cleanup = side_cleanup;
    say_hello(side);
    return true;
}

static gboolean on_timer(gpointer data)
{
    struct redis *redis = data;
    redis->timer = 0;
    if (redis->listening.context || redis->publishing.context) {
        redis_drop(redis); /* took too long */
        return G_SOURCE_REMOVE;
    }
    redis->unanswered = 0;
    redis->timer = g_timeout_add(CONNECT_TIMEOUT, on_timer, redis);
    if (!side_connect(&redis->listening, redis) || !side_connect(&redis->publishing, redis))
        redis_drop(redis);
    return G_SOURCE_REMOVE;
}

static void side_end(struct side *side)
{
    side->ending = true;
    if (side->context)
        redisAsyncFree(side->context); /* calls cleanup, later if we are inside its callback */
}

/* Ends both connections and tries again after a while. */
static void redis_drop(struct redis *redis)
{
    bool was_up = redis->up;
    redis->up = false;
    redis->dropping = true;
    side_end(&redis->listening);
    side_end(&redis->publishing);
    redis->dropping = false;
    if (redis->timer)
        g_source_remove(redis->timer);
    redis->timer = g_timeout_add(redis->backoff, on_timer, redis);
    redis->backoff = MIN(redis->backoff * 2, BACKOFF_LAST);
    if (was_up || !redis->told_away)
        log_warning(AREA_CORE, was_up ? "redis-lost" : "redis-away", NULL);
    redis->told_away = true;
    if (was_up)
        redis->callbacks.down(redis->data);
}

/* ---- Entrance -------------------------------------------------------------------------------- */

struct redis *redis_new(const char *url, const struct redis_callbacks *callbacks, void *data)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_HAS_PASSWORD, NULL);
    g_return_val_if_fail(uri != NULL, NULL);
    struct redis *redis = g_new0(struct redis, 1);
    const char *host = g_uri_get_host(uri);
    const char *password = g_uri_get_password(uri);
    redis->host = g_strdup(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host);
    redis->port = g_uri_get_port(uri) > 0 ? (guint16)g_uri_get_port(uri) : DEFAULT_PORT;
    redis->password = password && *password ? g_strdup(password) : NULL;
    redis->callbacks = *callbacks;
    redis->data = data;
    redis->backoff = BACKOFF_FIRST;
    redis->listening.redis = redis->publishing.redis = redis;
    return redis;
}

void redis_free(struct redis *redis)
{
    if (!redis)
        return;
    redis->dropping = true;
    side_end(&redis->listening);
    side_end(&redis->publishing);
    if (redis->timer)
        g_source_remove(redis->timer);
    g_free(redis->host);
    g_free(redis->password);
    g_free(redis->channel);
    g_free(redis);
}

void redis_choose(struct redis *redis, const char *channel)
{
    if (g_strcmp0(redis->channel, channel) == 0)
        return;
    g_free(redis->channel);
    redis->channel = g_strdup(channel);
    if (redis->timer || redis->up) {
        redis_drop(redis);
        return;
    }
    redis->timer = g_timeout_add(0, on_timer, redis);
}

static void on_published(redisAsyncContext *context, void *answer, void *data)
{
    struct side *side = data;
    const redisReply *reply = answer;
    (void)context;
    if (!reply || side->redis->dropping)
        return;
    side->redis->unanswered--;
    if (reply->type == REDIS_REPLY_ERROR)
        redis_drop(side->redis);
}

bool redis_publish(struct redis *redis, const char *bytes, size_t length)
{
    if (!redis->up || redis->unanswered >= UNANSWERED_MAX)
        return false;
    redisAsyncContext *context = redis->publishing.context;
    if (sdslen(context->c.obuf) + length > REDIS_WAITING_MAX)
        return false;
    if (redisAsyncCommand(context, on_published, &redis->publishing, "PUBLISH %s %b",
                          redis->channel, bytes, length) != REDIS_OK)
        return false;
    redis->unanswered++;
    return true;
}

void redis_reset(struct redis *redis)
{
    redis_drop(redis);
}

bool redis_is_up(const struct redis *redis)
{
    return redis->up;
}
