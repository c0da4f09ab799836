/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See pep_watcher.h. */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "bridge/profile/pep_watcher.h"

#define WATCHERS_MAX 100000  /* resources that are kept; more are not told of changes */
#define SUBSCRIBERS_MAX 1000 /* resources of one account */

static GHashTable
    *watchers; /* char * (bare JID of a hosted user) → GPtrArray of struct watcher * */
static unsigned count;

static void watcher_free(gpointer data)
{
    struct watcher *watcher = data;
    g_free(watcher->jid);
    g_free(watcher->ver);
    g_free(watcher);
    count--;
}

static void list_free(gpointer data)
{
    g_ptr_array_unref(data);
}

void watchers_start(void)
{
    watchers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, list_free);
}

void watchers_stop(void)
{
    g_clear_pointer(&watchers, g_hash_table_unref);
}

void watchers_clear(void)
{
    g_hash_table_remove_all(watchers);
}

const GPtrArray *watchers_of(const char *user)
{
    return g_hash_table_lookup(watchers, user);
}

struct watcher *watcher_find(const char *user, const char *jid)
{
    const GPtrArray *list = watchers_of(user);
    for (guint i = 0; list && i < list->len; i++) {
        struct watcher *watcher = g_ptr_array_index(list, i);
        if (strcmp(watcher->jid, jid) == 0)
            return watcher;
    }
    return NULL;
}

struct watcher *watcher_add(const char *user, const char *jid)
{
    GPtrArray *list = g_hash_table_lookup(watchers, user);
    if (!list) {
        list = g_ptr_array_new_with_free_func(watcher_free);
        g_hash_table_insert(watchers, g_strdup(user), list);
    }
    if (list->len >= SUBSCRIBERS_MAX || count >= WATCHERS_MAX)
        return NULL;
    struct watcher *watcher = g_new0(struct watcher, 1);
    watcher->jid = g_strdup(jid);
    g_ptr_array_add(list, watcher);
    count++;
    return watcher;
}

void watchers_remove(const char *user, const char *jid)
{
    GPtrArray *list = g_hash_table_lookup(watchers, user);
    size_t length = strlen(jid);
    bool bare = !strchr(jid, '/');
    for (guint i = list ? list->len : 0; i-- > 0;) {
        const struct watcher *watcher = g_ptr_array_index(list, i);
        if (strncmp(watcher->jid, jid, length) == 0 &&
            (watcher->jid[length] == '\0' || (bare && watcher->jid[length] == '/')))
            g_ptr_array_remove_index_fast(list, i);
    }
    if (list && list->len == 0)
        g_hash_table_remove(watchers, user);
}
