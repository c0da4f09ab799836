/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the URLs of Redis servers and Sentinels. */
#include "config.h"

#include <gio/gio.h> /* g_hostname_is_ip_address */
#include <string.h>

#include "bridge/base/redis_url.h"

#define NAME_MAX_LENGTH 64

static void server_free(gpointer data)
{
    struct redis_server *server = data;
    g_free(server->host);
    g_free(server->user);
    g_free(server->password);
    g_free(server);
}

void redis_servers_free(struct redis_servers *servers)
{
    if (!servers)
        return;
    g_ptr_array_unref(servers->list);
    g_free(servers->name);
    g_free(servers);
}

static bool is_name(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isalnum(text[i]) && !strchr("-._", text[i]))
            return false;
    }
    return length > 0 && length <= NAME_MAX_LENGTH;
}

static char *text_or_null(const char *text)
{
    return text && *text ? g_strdup(text) : NULL;
}

/* The name that its path has, as all before it do. */
static bool take_name(struct redis_servers *servers, const char *path)
{
    if (*path != '/' || !is_name(path + 1))
        return false;
    if (servers->name)
        return strcmp(servers->name, path + 1) == 0;
    if (servers->list->len > 0)
        return false; /* not beside redis:// */
    servers->name = g_strdup(path + 1);
    return true;
}

/* Addresses are numbers, as everywhere: names are not looked up. */
static bool take_url(struct redis_servers *servers, const char *url)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_HAS_PASSWORD, NULL);
    const char *host = uri ? g_uri_get_host(uri) : NULL;
    if (!host || !*host || g_uri_get_query(uri) || g_uri_get_fragment(uri))
        return false;
    bool local = strcmp(host, "localhost") == 0;
    bool sentinel = strcmp(g_uri_get_scheme(uri), "sentinel") == 0;
    if (!local && !g_hostname_is_ip_address(host))
        return false;
    if (sentinel ? !take_name(servers, g_uri_get_path(uri))
                 : servers->name || strcmp(g_uri_get_scheme(uri), "redis") != 0)
        return false;
    int port = g_uri_get_port(uri);
    struct redis_server *server = g_new0(struct redis_server, 1);
    server->host = g_strdup(local ? "127.0.0.1" : host);
    server->port = port > 0 ? (guint16)port : sentinel ? REDIS_SENTINEL_PORT : REDIS_PORT;
    server->user = text_or_null(g_uri_get_user(uri));
    server->password = text_or_null(g_uri_get_password(uri));
    g_ptr_array_add(servers->list, server);
    return true;
}

struct redis_servers *redis_servers_new(const char *text)
{
    g_autoptr(redis_servers) servers = g_new0(struct redis_servers, 1);
    g_auto(GStrv) urls = g_strsplit(text, " ", REDIS_SERVERS_MAX * 2);
    servers->list = g_ptr_array_new_with_free_func(server_free);
    for (char **url = urls; *url; url++) {
        if (**url && (servers->list->len == REDIS_SERVERS_MAX || !take_url(servers, *url)))
            return NULL;
    }
    return servers->list->len > 0 ? g_steal_pointer(&servers) : NULL;
}

bool redis_url_holds_password(const char *text)
{
    g_autoptr(redis_servers) servers = redis_servers_new(text);
    for (guint i = 0; servers && i < servers->list->len; i++) {
        if (((const struct redis_server *)servers->list->pdata[i])->password)
            return true;
    }
    return false;
}
