/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A cache of relation_view(), found by what was asked and by who is involved. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/core/core.h"
#include "bridge/core/part.h"
#include "bridge/core/relation.h"
#include "bridge/loop/loop.h"

#define RELATIONS_MAX 50000 /* remembered; the oldest go first */
#define MEMORY (60 * G_USEC_PER_SEC)
#define SILENT_MEMORY (5 * G_USEC_PER_SEC) /* unknown and blocked alike */

struct entry {
    char *key; /* "user peer", as asked */
    struct relation relation;
    char *peer_jid;
    gint64 until; /* clock_monotonic */
    GList link;   /* in `order` */
};

struct waiter {
    relation_done done;
    void *data;
};

/* A question that is out. */
struct lookup {
    struct core *core;
    char *key;
    GArray *waiters; /* struct waiter */
    unsigned generation;
};

struct relations {
    GHashTable *entries; /* key → struct entry *, owned */
    GHashTable *parties; /* struct uuid * (owned) → GHashTable, a set of struct entry * */
    GHashTable *lookups; /* key → struct lookup * */
    GQueue order;        /* entries, oldest first */
    unsigned generation; /* counts relation_forget: older answers are not remembered */
};

bool relation_is_silent(const struct relation *relation)
{
    return uuid_is_nil(&relation->user) || relation->user_side.blocks || !relation->known;
}

/* ---- What is remembered ---------------------------------------------------------------------- */

static void party_add(struct relations *relations, const struct uuid *party, struct entry *entry)
{
    if (uuid_is_nil(party))
        return;
    GHashTable *set = g_hash_table_lookup(relations->parties, party);
    if (!set) {
        set = g_hash_table_new(NULL, NULL);
        g_hash_table_insert(relations->parties, g_memdup2(party, sizeof *party), set);
    }
    g_hash_table_add(set, entry);
}

static void party_remove(struct relations *relations, const struct uuid *party, struct entry *entry)
{
    GHashTable *set = g_hash_table_lookup(relations->parties, party);
    if (set && g_hash_table_remove(set, entry) && g_hash_table_size(set) == 0)
        g_hash_table_remove(relations->parties, party);
}

static void entry_drop(struct relations *relations, struct entry *entry)
{
    party_remove(relations, &entry->relation.user, entry);
    party_remove(relations, &entry->relation.peer, entry);
    g_queue_unlink(&relations->order, &entry->link);
    g_hash_table_remove(relations->entries, entry->key);
}

static void entry_free(gpointer data)
{
    struct entry *entry = data;
    g_free(entry->key);
    g_free(entry->peer_jid);
    g_free(entry);
}

static void entry_remember(struct relations *relations, const char *key,
                           const struct relation *relation)
{
    struct entry *old = g_hash_table_lookup(relations->entries, key);
    if (old)
        entry_drop(relations, old);
    else if (g_hash_table_size(relations->entries) >= RELATIONS_MAX)
        entry_drop(relations, relations->order.head->data);
    struct entry *entry = g_new0(struct entry, 1);
    entry->key = g_strdup(key);
    entry->relation = *relation;
    entry->relation.peer_jid = entry->peer_jid = g_strdup(relation->peer_jid);
    entry->until = clock_monotonic() + (relation_is_silent(relation) ? SILENT_MEMORY : MEMORY);
    entry->link.data = entry;
    g_hash_table_insert(relations->entries, entry->key, entry);
    g_queue_push_tail_link(&relations->order, &entry->link);
    party_add(relations, &relation->user, entry);
    party_add(relations, &relation->peer, entry);
}

static struct entry *entry_recall(const struct relations *relations, const char *key)
{
    struct entry *entry = relations ? g_hash_table_lookup(relations->entries, key) : NULL;
    return entry && clock_monotonic() < entry->until ? entry : NULL;
}

static char *make_key(const char *user, const char *peer)
{
    return g_strconcat(user, " ", peer, NULL);
}

const struct relation *relation_peek(const struct core *core, const char *user, const char *peer)
{
    g_autofree char *key = make_key(user, peer);
    const struct entry *entry = entry_recall(core->relations, key);
    return entry ? &entry->relation : NULL;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void lookup_free(gpointer data)
{
    struct lookup *lookup = data;
    g_array_unref(lookup->waiters);
    g_free(lookup->key);
    g_free(lookup);
}

static void lookup_answer(struct lookup *lookup, const struct relation *relation,
                          enum error_code error)
{
    for (guint i = 0; i < lookup->waiters->len; i++) {
        const struct waiter *waiter = &g_array_index(lookup->waiters, struct waiter, i);
        waiter->done(relation, error, waiter->data);
    }
    lookup_free(lookup);
}

enum { SIDE_BLOCKS, SIDE_ACCEPTS, SIDE_SHOWS, SIDE_LAST_SEEN, SIDE_PROFILE };

static void read_side(const struct rows *rows, int column, struct relation_side *ret_side)
{
    *ret_side = (struct relation_side){.blocks = rows_boolean(rows, 0, column + SIDE_BLOCKS),
                                       .shows = rows_boolean(rows, 0, column + SIDE_SHOWS),
                                       .last_seen = rows_boolean(rows, 0, column + SIDE_LAST_SEEN),
                                       .profile = rows_boolean(rows, 0, column + SIDE_PROFILE)};
}

static void read_relation(const struct rows *rows, struct relation *ret_relation)
{
    *ret_relation =
        (struct relation){.peer_jid = rows_text(rows, 0, RELATION_VIEW_PEER_JID),
                          .user_number = rows_integer(rows, 0, RELATION_VIEW_USER_NUMBER),
                          .peer_number = rows_integer(rows, 0, RELATION_VIEW_PEER_NUMBER),
                          .known = rows_boolean(rows, 0, RELATION_VIEW_KNOWN)};
    rows_uuid(rows, 0, RELATION_VIEW_USER_ID, &ret_relation->user);
    rows_uuid(rows, 0, RELATION_VIEW_PEER_ID, &ret_relation->peer);
    rows_uuid(rows, 0, RELATION_VIEW_CONVERSATION_ID, &ret_relation->conversation);
    read_side(rows, RELATION_VIEW_BLOCKS, &ret_relation->user_side);
    read_side(rows, RELATION_VIEW_BLOCKED_BY, &ret_relation->peer_side);
}

static void view_read(const struct rows *rows, enum error_code error, void *data)
{
    struct lookup *lookup = data;
    struct relations *relations = lookup->core->relations;
    if (relations && g_hash_table_lookup(relations->lookups, lookup->key) == lookup)
        g_hash_table_steal(relations->lookups, lookup->key);
    if (error == ERROR_NONE && rows_count(rows) != 1)
        error = ERROR_INTERNAL;
    if (error != ERROR_NONE || !relations) {
        lookup_answer(lookup, NULL, error != ERROR_NONE ? error : ERROR_UNAVAILABLE);
        return;
    }
    struct relation relation;
    read_relation(rows, &relation);
    if (lookup->generation == relations->generation)
        entry_remember(relations, lookup->key, &relation);
    lookup_answer(lookup, &relation, ERROR_NONE);
}

static struct lookup *lookup_new(struct core *core, const char *key)
{
    struct lookup *lookup = g_new0(struct lookup, 1);
    lookup->core = core;
    lookup->key = g_strdup(key);
    lookup->waiters = g_array_new(FALSE, FALSE, sizeof(struct waiter));
    lookup->generation = core->relations->generation;
    return lookup;
}

static void known_again(void *data)
{
    struct lookup *lookup = data;
    const struct entry *entry = entry_recall(lookup->core->relations, lookup->key);
    if (entry) {
        /* It may be forgotten while it is told. */
        struct relation relation = entry->relation;
        g_autofree char *peer_jid = g_strdup(relation.peer_jid);
        relation.peer_jid = peer_jid;
        lookup_answer(lookup, &relation, ERROR_NONE);
    } else if (!lookup->core->relations || !lookup->core->archive) {
        lookup_answer(lookup, NULL, ERROR_UNAVAILABLE);
    } else {
        g_auto(GStrv) names = g_strsplit(lookup->key, " ", 2);
        archive_query(lookup->core->archive, QUERY_RELATION_VIEW, (const char *const *)names,
                      view_read, lookup);
    }
}

void relation_find(struct core *core, const char *user, const char *peer, relation_done done,
                   void *data)
{
    struct relations *relations = core->relations;
    g_autofree char *key = make_key(user, peer);
    const struct waiter waiter = {done, data};
    struct lookup *lookup = g_hash_table_lookup(relations->lookups, key);
    if (lookup && lookup->generation == relations->generation) {
        g_array_append_val(lookup->waiters, waiter);
        return;
    }
    lookup = lookup_new(core, key);
    g_array_append_val(lookup->waiters, waiter);
    if (entry_recall(relations, key)) {
        loop_defer(known_again, lookup);
        return;
    }
    g_hash_table_replace(relations->lookups, lookup->key, lookup);
    const char *values[] = {user, peer};
    archive_query(core->archive, QUERY_RELATION_VIEW, values, view_read, lookup);
}

/* ---- Forgetting ------------------------------------------------------------------------------ */

static void relations_forget(struct core *core, const struct uuid *user)
{
    struct relations *relations = core->relations;
    struct account *account = account_find(core->accounts, user);
    if (account)
        account->related++;
    relations->generation++;
    GHashTable *set = g_hash_table_lookup(relations->parties, user);
    if (!set)
        return;
    g_autoptr(GList) all = g_hash_table_get_keys(set);
    for (GList *node = all; node; node = node->next)
        entry_drop(relations, node->data);
}

void relation_changed_elsewhere(struct core *core, const struct uuid *user)
{
    if (!core->relations || uuid_is_nil(user))
        return;
    relations_forget(core, user);
    PARTS_TELL(core, related, core, user);
}

void relations_forget_all(struct core *core)
{
    struct relations *relations = core->relations;
    if (!relations)
        return;
    relations->generation++;
    while (relations->order.head)
        entry_drop(relations, relations->order.head->data);
}

void relation_forget(struct core *core, const struct uuid *user)
{
    if (!core->relations || uuid_is_nil(user))
        return;
    relation_changed_elsewhere(core, user);
    PARTS_TELL(core, related_here, core, user);
}

static void set_free(gpointer data)
{
    g_hash_table_unref(data);
}

void relations_init(struct core *core)
{
    struct relations *relations = g_new0(struct relations, 1);
    relations->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
    relations->parties = g_hash_table_new_full(uuid_hash, uuid_equal, g_free, set_free);
    /* Lookups belong to the query that is out. */
    relations->lookups = g_hash_table_new(g_str_hash, g_str_equal);
    g_queue_init(&relations->order);
    core->relations = relations;
}

void relations_clear(struct core *core)
{
    struct relations *relations = g_steal_pointer(&core->relations);
    if (!relations)
        return;
    g_hash_table_unref(relations->lookups);
    g_hash_table_unref(relations->parties);
    g_hash_table_unref(relations->entries);
    g_free(relations);
}
