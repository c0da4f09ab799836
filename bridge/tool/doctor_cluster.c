/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The doctor's look at what several instances need: Redis, and whose turn the link is. */
#include "config.h"

#include <hiredis/hiredis.h>
#include <string.h>

#include "bridge/archive/tool.h"
#include "bridge/base/redis_url.h"
#include "bridge/tool/doctor_part.h"

#define PART "redis"
#define TIMEOUT_SECONDS 2

/* What the server says to COMMAND; NULL with *ret_problem (caller frees). */
static redisReply *redis_ask(redisContext *redis, const char *command, char **ret_problem)
{
    redisReply *reply = redisCommand(redis, command);
    if (reply && reply->type != REDIS_REPLY_ERROR)
        return reply;
    *ret_problem = g_strdup(reply ? reply->str : redis->errstr);
    g_clear_pointer(&reply, freeReplyObject);
    return NULL;
}

/* NULL with *ret_problem (caller frees). A Sentinel may refuse the password, which is for Redis. */
static redisContext *redis_open(const struct redis_server *server, char **ret_problem)
{
    const struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
    redisContext *redis = redisConnectWithTimeout(server->host, server->port, timeout);
    if (!redis || redis->err) {
        *ret_problem = g_strdup(redis ? redis->errstr : "no memory");
        g_clear_pointer(&redis, redisFree);
        return NULL;
    }
    redisSetTimeout(redis, timeout);
    redisReply *reply = server->user && server->password
                            ? redisCommand(redis, "AUTH %s %s", server->user, server->password)
                        : server->password ? redisCommand(redis, "AUTH %s", server->password)
                                           : NULL;
    g_clear_pointer(&reply, freeReplyObject);
    return redis;
}

static bool is_primary(redisContext *redis)
{
    g_autofree char *ignored = NULL;
    redisReply *reply = redis_ask(redis, "ROLE", &ignored);
    bool other = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
                 reply->element[0]->str && strcmp(reply->element[0]->str, "master") != 0;
    g_clear_pointer(&reply, freeReplyObject);
    return !other;
}

/* Whether it is the primary, and takes commands. */
static bool check_server(struct doctor *doctor, const struct redis_server *server)
{
    g_autofree char *problem = NULL;
    redisContext *redis = redis_open(server, &problem);
    if (!redis) {
        doctor_say(doctor, VERDICT_WARN, PART,
                   "port %u: %s; events reach other instances a second late until one is there; "
                   "see [cluster] redis",
                   server->port, problem);
        return false;
    }
    redisReply *reply = redis_ask(redis, "PING", &problem);
    bool good = reply && is_primary(redis);
    if (!reply)
        doctor_say(doctor, VERDICT_FAIL, PART, "port %u: %s; see [cluster] redis", server->port,
                   problem);
    else if (good)
        doctor_say(doctor, VERDICT_OK, PART, "answers on port %u", server->port);
    else
        doctor_say(doctor, VERDICT_OK, PART, "port %u is a replica", server->port);
    g_clear_pointer(&reply, freeReplyObject);
    redisFree(redis);
    return good;
}

/* Whether the Sentinel knows a primary, which is looked at. */
static bool check_sentinel(struct doctor *doctor, const struct redis_server *sentinel,
                           const char *name)
{
    g_autofree char *problem = NULL;
    g_autofree char *command = g_strconcat("SENTINEL GET-MASTER-ADDR-BY-NAME ", name, NULL);
    redisContext *redis = redis_open(sentinel, &problem);
    redisReply *reply = redis ? redis_ask(redis, command, &problem) : NULL;
    bool good = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                reply->element[0]->str && reply->element[1]->str;
    if (good) {
        struct redis_server server = *sentinel;
        server.host = reply->element[0]->str;
        server.port = (guint16)g_ascii_strtoull(reply->element[1]->str, NULL, 10);
        good = check_server(doctor, &server);
    } else {
        doctor_say(doctor, VERDICT_WARN, PART, "the Sentinel on port %u: %s; see [cluster] redis",
                   sentinel->port, problem ? problem : "does not know the name");
    }
    g_clear_pointer(&reply, freeReplyObject);
    g_clear_pointer(&redis, redisFree);
    return good;
}

void doctor_check_cluster(struct doctor *doctor)
{
    if (!*doctor->options->cluster_redis)
        return;
    g_autoptr(redis_servers) servers = redis_servers_new(doctor->options->cluster_redis);
    bool found = false;
    for (guint i = 0; servers && i < servers->list->len; i++) {
        const struct redis_server *server = servers->list->pdata[i];
        found |= servers->name ? check_sentinel(doctor, server, servers->name)
                               : check_server(doctor, server);
    }
    if (!found && servers && servers->list->len > 1)
        doctor_say(doctor, VERDICT_WARN, PART, "none is the primary");
}

void doctor_note_holder(struct doctor *doctor, PGconn *connection)
{
    if (!*doctor->options->cluster_redis)
        return;
    doctor->holder = admin_sql_value(connection, tool_query_text(TOOL_LEASE_HOLDER));
}
