/* SPDX-License-Identifier: GPL-3.0-or-later */
/* user → contact → resources. Any available resource makes a contact online; away if all are; in a
 * call if one says so. */
#include "config.h"

#include <string.h>

#include "bridge/presence/peer.h"

#define PEERS_MAX 200000
#define RESOURCES_MAX 400000

struct peers {
    struct status_pacer pacer;
    void (*tell)(const struct peer *peer, void *data);
    void *data;
    GHashTable *users; /* struct uuid * → GHashTable: jid → struct peer *, all owned */
    unsigned count;
    unsigned resources;
};

static void resource_free(gpointer data)
{
    struct peer_resource *resource = data;
    g_free(resource->full_jid);
    g_free(resource->caps_node);
    g_free(resource->caps_ver);
    g_free(resource);
}

static void peer_free(gpointer data)
{
    struct peer *peer = data;
    status_forget(&peer->shown);
    g_ptr_array_unref(peer->resources);
    g_free(peer->jid);
    g_free(peer);
}

static void table_free(gpointer data)
{
    g_hash_table_unref(data);
}

static void on_told(struct status_entry *entry, void *data)
{
    struct peers *peers = data;
    const struct peer *peer =
        (struct peer *)(void *)((char *)entry - G_STRUCT_OFFSET(struct peer, shown));
    peers->tell(peer, peers->data);
}

struct peers *peers_new(void (*tell)(const struct peer *peer, void *data), void *data, gint64 now)
{
    struct peers *peers = g_new0(struct peers, 1);
    status_pacer_init(&peers->pacer, now);
    peers->pacer.tell = on_told;
    peers->pacer.data = peers;
    peers->tell = tell;
    peers->data = data;
    peers->users = g_hash_table_new_full(uuid_hash, uuid_equal, g_free, table_free);
    return peers;
}

void peers_free(struct peers *peers)
{
    if (!peers)
        return;
    g_hash_table_unref(peers->users);
    g_free(peers);
}

/* ---- Who watches whom ------------------------------------------------------------------------------ */

struct peer *peer_find(const struct peers *peers, const struct uuid *user, const char *jid)
{
    GHashTable *table = g_hash_table_lookup(peers->users, user);
    return table ? g_hash_table_lookup(table, jid) : NULL;
}

struct peer *peer_watch(struct peers *peers, const struct uuid *user, const char *jid,
                        const struct uuid *id, gint64 number)
{
    struct peer *peer = peer_find(peers, user, jid);
    if (peer || peers->count >= PEERS_MAX)
        return peer;
    GHashTable *table = g_hash_table_lookup(peers->users, user);
    if (!table) {
        table = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, peer_free);
        g_hash_table_insert(peers->users, g_memdup2(user, sizeof *user), table);
    }
    peer = g_new0(struct peer, 1);
    peer->user = *user;
    peer->id = *id;
    peer->number = number;
    peer->jid = g_strdup(jid);
    peer->resources = g_ptr_array_new_with_free_func(resource_free);
    g_hash_table_insert(table, peer->jid, peer);
    peers->count++;
    return peer;
}

void peer_unwatch(struct peers *peers, const struct uuid *user, const char *jid, bool tell)
{
    GHashTable *table = g_hash_table_lookup(peers->users, user);
    struct peer *peer = table ? g_hash_table_lookup(table, jid) : NULL;
    if (!peer)
        return;
    if (tell && peer->shown.told.kind != STATUS_OFFLINE) {
        peer->shown.told = (struct status){0};
        peers->tell(peer, peers->data);
    }
    peers->count--;
    peers->resources -= peer->resources->len;
    g_hash_table_remove(table, jid);
    if (g_hash_table_size(table) == 0)
        g_hash_table_remove(peers->users, user);
}

void peers_unwatch_all(struct peers *peers, const struct uuid *user)
{
    GHashTable *table = g_hash_table_lookup(peers->users, user);
    GHashTableIter iter;
    gpointer value;
    if (!table)
        return;
    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct peer *peer = value;
        peers->count--;
        peers->resources -= peer->resources->len;
    }
    g_hash_table_remove(peers->users, user);
}

static void table_foreach(GHashTable *table, void (*each)(struct peer *peer, void *data),
                          void *data)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        each(value, data);
}

void peers_foreach(const struct peers *peers, const struct uuid *user,
                   void (*each)(struct peer *peer, void *data), void *data)
{
    GHashTable *one = user ? g_hash_table_lookup(peers->users, user) : NULL;
    GHashTableIter users;
    gpointer table;
    if (one)
        table_foreach(one, each, data);
    if (user)
        return;
    g_hash_table_iter_init(&users, peers->users);
    while (g_hash_table_iter_next(&users, NULL, &table))
        table_foreach(table, each, data);
}

/* ---- What a contact comes to ----------------------------------------------------------------------- */

static void refresh(struct peers *peers, struct peer *peer, gint64 now)
{
    struct status status = {.kind = STATUS_OFFLINE, .last_seen = peer->last_seen};
    if (peer->resources->len > 0)
        status = (struct status){.kind = STATUS_ONLINE, .away = true};
    for (guint i = 0; i < peer->resources->len; i++) {
        const struct peer_resource *resource = peer->resources->pdata[i];
        status.away = status.away && resource->away;
        if (resource->in_call)
            status.kind = STATUS_IN_CALL;
    }
    status_set(&peers->pacer, &peer->shown, &status, now);
}

static struct peer_resource *find_resource(const struct peer *peer, const char *full_jid)
{
    for (guint i = 0; i < peer->resources->len; i++) {
        struct peer_resource *resource = peer->resources->pdata[i];
        if (strcmp(resource->full_jid, full_jid) == 0)
            return resource;
    }
    return NULL;
}

void peer_available(struct peers *peers, struct peer *peer, const struct peer_resource *resource,
                    gint64 idle_since, gint64 now)
{
    struct peer_resource *kept = find_resource(peer, resource->full_jid);
    if (!kept) {
        if (peer->resources->len >= PEER_RESOURCES_MAX || peers->resources >= RESOURCES_MAX)
            return;
        kept = g_new0(struct peer_resource, 1);
        kept->full_jid = g_strdup(resource->full_jid);
        g_ptr_array_add(peer->resources, kept);
        peers->resources++;
    }
    kept->away = resource->away;
    kept->in_call = resource->in_call;
    if (g_strcmp0(kept->caps_ver, resource->caps_ver) != 0 ||
        g_strcmp0(kept->caps_node, resource->caps_node) != 0) {
        g_free(kept->caps_node);
        g_free(kept->caps_ver);
        kept->caps_node = g_strdup(resource->caps_node);
        kept->caps_ver = g_strdup(resource->caps_ver);
    }
    peer->known = true;
    if (idle_since > 0)
        peer->last_seen = idle_since;
    refresh(peers, peer, now);
}

void peer_unavailable(struct peers *peers, struct peer *peer, const char *full_jid,
                      gint64 last_seen, gint64 now)
{
    peer->known = true;
    for (guint i = peer->resources->len; i-- > 0;) {
        const struct peer_resource *resource = peer->resources->pdata[i];
        if (strchr(full_jid, '/') && strcmp(resource->full_jid, full_jid) != 0)
            continue;
        g_ptr_array_remove_index(peer->resources, i);
        peers->resources--;
    }
    if (last_seen > 0)
        peer->last_seen = last_seen;
    refresh(peers, peer, now);
}

void peer_last_seen(struct peers *peers, struct peer *peer, gint64 last_seen, gint64 now)
{
    if (peer->resources->len > 0)
        return;
    peer->last_seen = last_seen;
    refresh(peers, peer, now);
}

struct forgetting {
    struct peers *peers;
    gint64 now;
};

static void forget(struct peer *peer, void *data)
{
    const struct forgetting *forgetting = data;
    forgetting->peers->resources -= peer->resources->len;
    g_ptr_array_set_size(peer->resources, 0);
    peer->known = false;
    peer->last_seen = 0;
    refresh(forgetting->peers, peer, forgetting->now);
}

void peers_unknown(struct peers *peers, gint64 now)
{
    struct forgetting forgetting = {peers, now};
    peers_foreach(peers, NULL, forget, &forgetting);
}

void peers_advance(struct peers *peers, gint64 now)
{
    status_advance(&peers->pacer, now);
}
