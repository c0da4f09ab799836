/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What [cluster] redis names: Redis servers, one of which is the primary, or Sentinels that know
 * which. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define REDIS_SERVERS_MAX 16
#define REDIS_PORT 6379
#define REDIS_SENTINEL_PORT 26379

struct redis_server {
    char *host; /* numeric */
    guint16 port;
    char *user;     /* NULL: none */
    char *password; /* NULL: none */
};

struct redis_servers {
    GPtrArray *list; /* struct redis_server *, at least one */
    char *name;      /* of what the Sentinels watch; NULL: the list has the servers themselves */
};

/* Whether TEXT has a password in it. */
bool redis_url_holds_password(const char *text);

/* TEXT is URLs separated by spaces: redis://[[user]:password@]address[:port][/0], or
 * sentinel://[[user]:password@]address[:port]/name, all with one name. NULL: it is not. */
struct redis_servers *redis_servers_new(const char *text);
void redis_servers_free(struct redis_servers *servers);

typedef struct redis_servers redis_servers;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(redis_servers, redis_servers_free)
