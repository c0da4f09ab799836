/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two connections to the server that is the primary. Of several servers each is tried in turn;
 * Sentinels are asked which it is, again now and then: two can take themselves for the primary. */
#include "config.h"

#include <hiredis/hiredis.h>
#include <hiredis/sds.h>
#include <string.h>

#include "bridge/base/log.h"
#include "bridge/base/redis_url.h"
#include "bridge/loop/redis.h"
#include "bridge/loop/redis_sentinel.h"
#include "bridge/loop/redis_socket.h"

#define LOOK_INTERVAL 5000 /* milliseconds: whether it is still the primary */
#define BACKOFF_FIRST 100  /* milliseconds */
#define BACKOFF_LAST 2000
#define CONNECT_TIMEOUT 3000
#define UNANSWERED_MAX 20000 /* published messages that Redis has not confirmed */

struct side {
    struct redis_socket socket;
    struct redis *redis;
    bool ready;
};

struct redis {
    struct redis_callbacks callbacks;
    void *data;
    struct redis_servers *servers;
    struct redis_sentinel *sentinel; /* NULL: the servers are known */
    guint next;                      /* of several servers, the one to be tried */
    struct redis_server place;       /* where the connections are; no host: nowhere yet */
    char *channel;                   /* NULL: not chosen yet */
    struct side listening;
    struct side publishing;
    unsigned unanswered;
    bool up;
    bool asking;   /* the Sentinels, in order to connect */
    bool dropping; /* both sides are being ended */
    bool told_away;
    unsigned backoff;
    guint timer; /* to connect, to give up connecting, or to look again */
};

static void redis_drop(struct redis *redis);

/* ---- Connecting ------------------------------------------------------------------------------ */

static bool are_several(const struct redis *redis)
{
    return redis->sentinel || redis->servers->list->len > 1;
}

static void timer_set(struct redis *redis, guint milliseconds, GSourceFunc fired)
{
    if (redis->timer)
        g_source_remove(redis->timer);
    redis->timer = fired ? g_timeout_add(milliseconds, fired, redis) : 0;
}

static void on_role(redisAsyncContext *context, void *answer, void *data)
{
    struct redis *redis = data;
    const redisReply *reply = answer;
    (void)context;
    if (!reply || redis->dropping || reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
        !reply->element[0]->str || strcmp(reply->element[0]->str, "master") == 0)
        return; /* who may not ask is believed to be right */
    log_info(AREA_CORE, "redis-no-primary", "server=%s port=%u", redis->place.host,
             redis->place.port);
    redis_drop(redis);
}

static gboolean on_look(gpointer data)
{
    struct redis *redis = data;
    if (redis->sentinel)
        redis_sentinel_ask(redis->sentinel);
    else
        redisAsyncCommand(redis->publishing.socket.context, on_role, redis, "ROLE");
    return G_SOURCE_CONTINUE;
}

static void side_is_ready(struct side *side)
{
    struct redis *redis = side->redis;
    side->ready = true;
    if (redis->up || !redis->listening.ready || !redis->publishing.ready)
        return;
    redis->up = true;
    redis->told_away = false;
    redis->backoff = BACKOFF_FIRST;
    timer_set(redis, LOOK_INTERVAL, are_several(redis) ? on_look : NULL);
    log_info(AREA_CORE, "redis-connected", "server=%s port=%u", redis->place.host,
             redis->place.port);
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

/* False: it refused, or is gone. */
static bool reply_is_good(struct redis *redis, const redisReply *reply)
{
    if (!reply || redis->dropping)
        return false;
    if (reply->type != REDIS_REPLY_ERROR)
        return true;
    if (!redis->told_away)
        log_warning(AREA_CORE, "redis-refused", "reason=\"%s\"", reply->str);
    redis->told_away = true;
    redis_drop(redis);
    return false;
}

static void on_signed_in(redisAsyncContext *context, void *answer, void *data)
{
    const struct side *side = data;
    (void)context;
    reply_is_good(side->redis, answer);
}

/* The last answer before the side is of use: its role is known by then. */
static void on_hello(redisAsyncContext *context, void *answer, void *data)
{
    struct side *side = data;
    (void)context;
    if (reply_is_good(side->redis, answer) && side == &side->redis->publishing)
        side_is_ready(side);
}

static void side_ended(struct redis_socket *socket)
{
    struct side *side = loop_owner(socket, struct side, socket);
    side->ready = false;
    redis_drop(side->redis);
}

static void say_hello(struct side *side)
{
    struct redis *redis = side->redis;
    redisAsyncContext *context = side->socket.context;
    redis_socket_sign_in(&side->socket, &redis->place, on_signed_in, side);
    if (side == &redis->publishing && are_several(redis))
        redisAsyncCommand(context, on_role, redis, "ROLE");
    redisAsyncCommand(context, on_hello, side, "PING");
    if (side == &redis->listening)
        redisAsyncCommand(context, on_message, side, "SUBSCRIBE %s", redis->channel);
}

static bool side_connect(struct side *side)
{
    side->ready = false;
    if (!redis_socket_connect(&side->socket, &side->redis->place, side_ended))
        return false;
    say_hello(side);
    return true;
}

static gboolean on_late(gpointer data)
{
    struct redis *redis = data;
    redis->timer = 0;
    redis_drop(redis);
    return G_SOURCE_REMOVE;
}

static void place_clear(struct redis_server *place)
{
    g_free(place->host);
    g_free(place->user);
    g_free(place->password);
    *place = (struct redis_server){0};
}

static void connect_to(struct redis *redis, const struct redis_server *server)
{
    struct redis_server place = {g_strdup(server->host), server->port, g_strdup(server->user),
                                 g_strdup(server->password)};
    place_clear(&redis->place);
    redis->place = place;
    redis->unanswered = 0;
    timer_set(redis, CONNECT_TIMEOUT, on_late);
    if (!side_connect(&redis->listening) || !side_connect(&redis->publishing))
        redis_drop(redis);
}

static bool is_there(const struct redis *redis, const struct redis_server *server)
{
    return server->port == redis->place.port && strcmp(server->host, redis->place.host) == 0;
}

/* Asked in order to connect, or whether the place is still the right one. */
static void on_found(const struct redis_server *server, void *data)
{
    struct redis *redis = data;
    bool asking = redis->asking;
    redis->asking = false;
    if (asking && server)
        connect_to(redis, server);
    else if (asking || (redis->up && server && !is_there(redis, server)))
        redis_drop(redis);
}

static gboolean on_connect(gpointer data)
{
    struct redis *redis = data;
    redis->timer = 0;
    if (redis->sentinel) {
        redis->asking = true;
        redis_sentinel_ask(redis->sentinel);
    } else {
        connect_to(redis, redis->servers->list->pdata[redis->next]);
    }
    return G_SOURCE_REMOVE;
}

static void sides_end(struct redis *redis)
{
    redis->dropping = true;
    redis_socket_end(&redis->listening.socket);
    redis_socket_end(&redis->publishing.socket);
    redis->dropping = false;
}

/* The pause before the next try: it grows once all have been tried. */
static unsigned next_pause(struct redis *redis, bool was_up)
{
    redis->next = was_up ? 0 : (redis->next + 1) % redis->servers->list->len;
    unsigned pause = redis->sentinel || redis->next == 0 ? redis->backoff : BACKOFF_FIRST;
    if (pause == redis->backoff)
        redis->backoff = MIN(redis->backoff * 2, BACKOFF_LAST);
    return pause;
}

/* Ends both connections and tries again after a while. */
static void redis_drop(struct redis *redis)
{
    bool was_up = redis->up;
    redis->up = redis->asking = false;
    sides_end(redis);
    timer_set(redis, next_pause(redis, was_up), on_connect);
    if (was_up || !redis->told_away)
        log_warning(AREA_CORE, was_up ? "redis-lost" : "redis-away", NULL);
    redis->told_away = true;
    if (was_up)
        redis->callbacks.down(redis->data);
}

/* ---- Entrance -------------------------------------------------------------------------------- */

struct redis *redis_new(const char *urls, const struct redis_callbacks *callbacks, void *data)
{
    struct redis_servers *servers = redis_servers_new(urls);
    g_return_val_if_fail(servers != NULL, NULL);
    struct redis *redis = g_new0(struct redis, 1);
    redis->servers = servers;
    redis->sentinel = servers->name ? redis_sentinel_new(servers, on_found, redis) : NULL;
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
    sides_end(redis);
    timer_set(redis, 0, NULL);
    redis_sentinel_free(redis->sentinel);
    redis_servers_free(redis->servers);
    place_clear(&redis->place);
    g_free(redis->channel);
    g_free(redis);
}

void redis_choose(struct redis *redis, const char *channel)
{
    if (g_strcmp0(redis->channel, channel) == 0)
        return;
    g_free(redis->channel);
    redis->channel = g_strdup(channel);
    if (redis->timer || redis->up || redis->asking)
        redis_drop(redis);
    else
        timer_set(redis, 0, on_connect);
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
    redisAsyncContext *context = redis->publishing.socket.context;
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
