/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The doctor's look at what several instances need: Redis, and whose turn the link is. */
#include "config.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <string.h>

#include "bridge/archive/tool.h"
#include "bridge/tool/doctor_part.h"

#define PART "redis"
#define TIMEOUT_SECONDS 2
#define DEFAULT_PORT 6379

/* What Redis says to COMMAND, or NULL with *ret_problem (caller frees). */
static bool redis_ask(redisContext *redis, const char *command, const char *word,
                      char **ret_problem)
{
    redisReply *reply =
        word ? redisCommand(redis, "%s %s", command, word) : redisCommand(redis, command);
    bool good = reply && reply->type != REDIS_REPLY_ERROR;
    if (!good)
        *ret_problem = g_strdup(reply ? reply->str : redis->errstr);
    if (reply)
        freeReplyObject(reply);
    return good;
}

void doctor_check_cluster(struct doctor *doctor)
{
    const char *url = doctor->options->cluster_redis;
    if (!*url)
        return;
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_HAS_PASSWORD, NULL);
    const char *host = g_uri_get_host(uri);
    const char *password = g_uri_get_password(uri);
    const struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
    int port = g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : DEFAULT_PORT;
    g_autofree char *problem = NULL;
    redisContext *redis =
        redisConnectWithTimeout(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port, timeout);
    if (!redis || redis->err) {
        doctor_say(
            doctor, VERDICT_WARN, PART,
            "%s; events reach other instances a second late until it is there; see [cluster] "
            "redis",
            redis ? redis->errstr : "no memory");
    } else {
        redisSetTimeout(redis, timeout);
        bool good = (!password || !*password || redis_ask(redis, "AUTH", password, &problem)) &&
                    redis_ask(redis, "PING", NULL, &problem);
        if (good)
            doctor_say(doctor, VERDICT_OK, PART, "answers on port %d", port);
        else
            doctor_say(doctor, VERDICT_FAIL, PART, "%s; see [cluster] redis", problem);
    }
    if (redis)
        redisFree(redis);
}

void doctor_note_holder(struct doctor *doctor, PGconn *connection)
{
    if (!*doctor->options->cluster_redis)
        return;
    doctor->holder = admin_sql_value(connection, tool_query_text(TOOL_LEASE_HOLDER));
}
