/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pairs by conversation, and other ways to ask for them by text. When there are too many, all are
 * forgotten: whoever uses one holds a reference. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/core/core.h"
#include "bridge/core/pair.h"
#include "bridge/loop/loop.h"

#define PAIRS_MAX 65536
#define NAMES_MAX 131072
#define ABSENT_MAX 8192                  /* what was asked for in vain */
#define ABSENT_TIME (2 * G_USEC_PER_SEC) /* how long that is remembered */
#define READS_MAX 1024                   /* at a time; more are refused */

struct pairs {
    GHashTable *by_conversation; /* struct uuid * → struct pair *, owned */
    GHashTable *by_name;         /* char * → struct pair *, referenced */
    GHashTable *absent;          /* char * → gint64 *: until when */
    GHashTable *readings;        /* char * → struct reading *, both borrowed */
    unsigned reads;              /* those that wait */
    unsigned generation;         /* counts what was forgotten: older answers are not remembered */
};

struct waiter {
    pair_done done;
    void *data;
};

/* One statement that runs, and all who asked for the same meanwhile: they hear of it in their
 * order, before anybody who finds the pair in memory. */
struct reading {
    struct core *core;
    char *name;
    GArray *waiters; /* struct waiter */
    unsigned generation;
};

struct pair *pair_ref(struct pair *pair)
{
    pair->references++;
    return pair;
}

void pair_unref(struct pair *pair)
{
    if (!pair || --pair->references > 0)
        return;
    g_free(pair->side[0].jid);
    g_free(pair->side[1].jid);
    g_free(pair);
}

static void unref_value(gpointer data)
{
    pair_unref(data);
}

unsigned pair_side_of(const struct pair *pair, const struct uuid *user)
{
    if (uuid_equal(&pair->side[0].user, user))
        return 0;
    return uuid_equal(&pair->side[1].user, user) ? 1 : 2;
}

void pairs_init(struct core *core)
{
    struct pairs *pairs = g_new0(struct pairs, 1);
    pairs->by_conversation = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, unref_value);
    pairs->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, unref_value);
    pairs->absent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    pairs->readings = g_hash_table_new(g_str_hash, g_str_equal);
    core->pairs = pairs;
}

void pairs_clear(struct core *core)
{
    struct pairs *pairs = g_steal_pointer(&core->pairs);
    if (!pairs)
        return;
    g_hash_table_unref(pairs->by_name);
    g_hash_table_unref(pairs->by_conversation);
    g_hash_table_unref(pairs->absent);
    g_hash_table_unref(pairs->readings);
    g_free(pairs);
}

/* ---- Looking --------------------------------------------------------------------------------- */

/* A JID, an id and a conversation cannot be mistaken for one another: JIDs and texts of apps may
 * hold anything, so the kind comes first. */
static char *key_name(const struct pair_key *key)
{
    char text[UUID_TEXT_SIZE];
    if (key->peer)
        return g_strdup_printf("jid %s %s", key->peer, key->hosted);
    uuid_format(key->conversation ? key->conversation : key->user, text);
    if (key->conversation)
        return g_strdup_printf("conversation %s", text);
    return g_strdup_printf("user %s %s", text, key->reference);
}

bool pair_lookup(const struct core *core, const struct pair_key *key, struct pair **ret_pair)
{
    const struct pairs *pairs = core->pairs;
    *ret_pair = key->conversation ? pair_known(core, key->conversation) : NULL;
    if (*ret_pair)
        return true;
    g_autofree char *name = key_name(key);
    *ret_pair = g_hash_table_lookup(pairs->by_name, name);
    if (*ret_pair)
        return true;
    const gint64 *until = g_hash_table_lookup(pairs->absent, name);
    return until && *until > clock_monotonic();
}

struct pair *pair_known(const struct core *core, const struct uuid *conversation)
{
    return core->pairs ? g_hash_table_lookup(core->pairs->by_conversation, conversation) : NULL;
}

static gboolean is_pair(gpointer key, gpointer value, gpointer data)
{
    (void)key;
    return value == data;
}

void pair_forget(struct core *core, const struct uuid *conversation)
{
    if (!core->pairs)
        return;
    core->pairs->generation++;
    g_hash_table_remove_all(core->pairs->readings);
    struct pair *pair = pair_known(core, conversation);
    if (!pair)
        return;
    g_hash_table_foreach_remove(core->pairs->by_name, is_pair, pair);
    g_hash_table_remove(core->pairs->by_conversation, conversation);
}

static gboolean is_of(gpointer key, gpointer value, gpointer data)
{
    (void)key;
    return pair_side_of(value, data) < 2;
}

void pairs_forget(struct core *core, const struct uuid *user)
{
    if (!core->pairs)
        return;
    gpointer wanted = (gpointer)(guintptr)user;
    core->pairs->generation++;
    g_hash_table_remove_all(core->pairs->readings);
    g_hash_table_foreach_remove(core->pairs->by_name, is_of, wanted);
    g_hash_table_foreach_remove(core->pairs->by_conversation, is_of, wanted);
}

void pairs_forget_all(struct core *core)
{
    if (!core->pairs)
        return;
    core->pairs->generation++;
    g_hash_table_remove_all(core->pairs->readings);
    g_hash_table_remove_all(core->pairs->by_name);
    g_hash_table_remove_all(core->pairs->by_conversation);
    g_hash_table_remove_all(core->pairs->absent);
}

void pairs_grew(struct core *core)
{
    if (!core->pairs)
        return;
    g_hash_table_remove_all(core->pairs->readings);
    g_hash_table_remove_all(core->pairs->absent);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* All three queries have one shape, and both sides in it. */
ARCHIVE_SAME_COLUMN(PAIR_BY_CONVERSATION_HEARD, PAIR_BY_USERS_HEARD);
ARCHIVE_SAME_COLUMN(PAIR_BY_CONVERSATION_HEARD, PAIR_BY_JIDS_HEARD);
enum { SIDE_USER, SIDE_NUMBER, SIDE_JID, SIDE_HOSTED };

static void read_side(const struct rows *rows, int column, struct pair_side *side)
{
    rows_uuid(rows, 0, column + SIDE_USER, &side->user);
    side->number = rows_integer(rows, 0, column + SIDE_NUMBER);
    g_free(side->jid);
    side->jid = g_strdup(rows_text(rows, 0, column + SIDE_JID));
    side->hosted = rows_boolean(rows, 0, column + SIDE_HOSTED);
}

static void pair_fill(struct pair *pair, const struct rows *rows)
{
    read_side(rows, PAIR_BY_CONVERSATION_ONE, &pair->side[0]);
    read_side(rows, PAIR_BY_CONVERSATION_OTHER, &pair->side[1]);
    pair->live = rows_boolean(rows, 0, PAIR_BY_CONVERSATION_LIVE);
    pair->heard = pair->heard || rows_boolean(rows, 0, PAIR_BY_CONVERSATION_HEARD);
}

static struct pair *pair_new(const struct uuid *conversation)
{
    struct pair *pair = g_new0(struct pair, 1);
    pair->references = 1;
    pair->conversation = *conversation;
    return pair;
}

/* A reference to the pair that the row shows: the one that is known already, if it is. What may be
 * OUTDATED is for those who wait for it, and does not stay. */
static struct pair *pair_learn(struct core *core, const struct rows *rows, bool outdated)
{
    struct pairs *pairs = core->pairs;
    struct uuid conversation;
    if (!rows_uuid(rows, 0, PAIR_BY_CONVERSATION_ID, &conversation))
        return NULL;
    struct pair *pair = pair_known(core, &conversation);
    if (outdated && pair)
        return pair_ref(pair);
    if (!pair) {
        pair = pair_new(&conversation);
        if (outdated) {
            pair_fill(pair, rows);
            return pair;
        }
        if (g_hash_table_size(pairs->by_conversation) >= PAIRS_MAX) {
            g_hash_table_remove_all(pairs->by_name);
            g_hash_table_remove_all(pairs->by_conversation);
        }
        g_hash_table_insert(pairs->by_conversation, &pair->conversation, pair);
    }
    pair_fill(pair, rows);
    return pair_ref(pair);
}

static void name_remember(struct pairs *pairs, const char *name, struct pair *pair)
{
    if (pair) {
        if (g_hash_table_size(pairs->by_name) >= NAMES_MAX)
            g_hash_table_remove_all(pairs->by_name);
        g_hash_table_replace(pairs->by_name, g_strdup(name), pair_ref(pair));
        return;
    }
    if (g_hash_table_size(pairs->absent) >= ABSENT_MAX)
        g_hash_table_remove_all(pairs->absent);
    gint64 *until = g_new(gint64, 1);
    *until = clock_monotonic() + ABSENT_TIME;
    g_hash_table_replace(pairs->absent, g_strdup(name), until);
}

static void reading_end(struct reading *reading, struct pair *pair, enum error_code error)
{
    for (guint i = 0; i < reading->waiters->len; i++) {
        const struct waiter *waiter = &g_array_index(reading->waiters, struct waiter, i);
        waiter->done(pair, error, waiter->data);
    }
    g_array_unref(reading->waiters);
    g_free(reading->name);
    g_free(reading);
}

static void read_done(const struct rows *rows, enum error_code error, void *data)
{
    struct reading *reading = data;
    struct pairs *pairs = reading->core->pairs;
    g_autoptr(trestle_pair) pair = NULL;
    if (pairs) {
        pairs->reads -= reading->waiters->len;
        if (g_hash_table_lookup(pairs->readings, reading->name) == reading)
            g_hash_table_remove(pairs->readings, reading->name);
        bool outdated = reading->generation != pairs->generation;
        if (error == ERROR_NONE && rows_count(rows) == 1)
            pair = pair_learn(reading->core, rows, outdated);
        if (error == ERROR_NONE && !outdated)
            name_remember(pairs, reading->name, pair);
    }
    reading_end(reading, pair, error);
}

static void reading_refuse(void *data)
{
    reading_end(data, NULL, ERROR_UNAVAILABLE);
}

static void reading_ask(struct core *core, const struct pair_key *key, struct reading *reading)
{
    char id[UUID_TEXT_SIZE];
    if (key->peer) {
        const char *values[] = {key->peer, key->hosted};
        archive_query(core->archive, QUERY_PAIR_BY_JIDS, values, read_done, reading);
    } else if (key->conversation) {
        uuid_format(key->conversation, id);
        archive_query(core->archive, QUERY_PAIR_BY_CONVERSATION, (const char *[]){id}, read_done,
                      reading);
    } else {
        uuid_format(key->user, id);
        archive_query(core->archive, QUERY_PAIR_BY_USERS, (const char *[]){id, key->reference},
                      read_done, reading);
    }
}

void pair_read(struct core *core, const struct pair_key *key, pair_done done, void *data)
{
    struct pairs *pairs = core->pairs;
    struct waiter waiter = {done, data};
    bool possible = core->archive && pairs->reads < READS_MAX;
    g_autofree char *name = key_name(key);
    struct reading *reading = possible ? g_hash_table_lookup(pairs->readings, name) : NULL;
    bool joins = reading != NULL;
    if (!joins) {
        reading = g_new0(struct reading, 1);
        *reading =
            (struct reading){core, g_steal_pointer(&name),
                             g_array_new(FALSE, FALSE, sizeof(struct waiter)), pairs->generation};
    }
    g_array_append_val(reading->waiters, waiter);
    if (!possible) {
        loop_defer(reading_refuse, reading);
        return;
    }
    pairs->reads++;
    if (joins)
        return;
    g_hash_table_replace(pairs->readings, reading->name, reading);
    reading_ask(core, key, reading);
}
