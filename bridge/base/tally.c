/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counters in a hash table. */
#include "config.h"

#include "bridge/base/tally.h"

struct entry {
    guint64 key; /* first: the table's key */
    unsigned count;
};

struct tally {
    GHashTable *entries; /* of struct entry, each its own key */
};

struct tally *tally_new(void)
{
    struct tally *tally = g_new(struct tally, 1);
    tally->entries = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    return tally;
}

void tally_free(struct tally *tally)
{
    if (!tally)
        return;
    g_hash_table_unref(tally->entries);
    g_free(tally);
}

unsigned tally_get(const struct tally *tally, guint64 key)
{
    const struct entry *entry = g_hash_table_lookup(tally->entries, &key);
    return entry ? entry->count : 0;
}

void tally_add(struct tally *tally, guint64 key)
{
    struct entry *entry = g_hash_table_lookup(tally->entries, &key);
    if (key == 0)
        return;
    if (!entry) {
        entry = g_new0(struct entry, 1);
        entry->key = key;
        g_hash_table_insert(tally->entries, entry, entry);
    }
    entry->count++;
}

void tally_remove(struct tally *tally, guint64 key)
{
    struct entry *entry = g_hash_table_lookup(tally->entries, &key);
    if (entry && --entry->count == 0)
        g_hash_table_remove(tally->entries, &key);
}
