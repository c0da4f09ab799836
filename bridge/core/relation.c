/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A cache of relation_view(), found by what was asked, by who is involved and by conversation. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/core/core.h"
#include "bridge/core/part.h"
#include "bridge/core/relation.h"
#include "bridge/loop/loop.h"

#define RELATIONS_MAX 65536 /* remembered; the oldest go first */
#define MEMORY (60 * G_USEC_PER_SEC)
#define SILENT_MEMORY (5 * G_USEC_PER_SEC) /* unknown and blocked alike */
#define CONVERSATION_MEMORY (30 * 60 * G_USEC_PER_SEC)
#define ABSENT_MEMORY (2 * G_USEC_PER_SEC) /* that there is no conversation */
#define WAITING_MAX 1024                   /* for a conversation, at a time; more are refused */

struct entry {
    char *name; /* see key_name() */
    struct relation *relation;
    gint64 read_at; /* clock_monotonic */
    unsigned grown;
    GList link; /* in `order` */
};

struct waiter {
    relation_done done;
    void *data;
};

/* A question that is out. All who asked for the same meanwhile hear of it in their order, before
 * anybody who finds the answer in memory. */
struct lookup {
    struct core *core;
    char *name;
    char *values[3]; /* of the statement */
    bool conversation;
    GArray *waiters;  /* struct waiter */
    unsigned counted; /* of them, in `waiting` */
    unsigned generation, grown;
};

struct relations {
    GHashTable *entries; /* name → struct entry *, owned */
    /* struct uuid * (owned) of users and of conversations → GHashTable, a set of struct entry * */
    GHashTable *involved;
    GHashTable *lookups; /* name → struct lookup * */
    GQueue order;        /* entries; the first ones go first */
    unsigned waiting;    /* who waits for a conversation */
    unsigned generation; /* counts what was forgotten: older answers are not remembered */
    unsigned grown;      /* counts new conversations: that there is none was true before */
};

struct relation *relation_ref(struct relation *relation)
{
    relation->references++;
    return relation;
}

void relation_unref(struct relation *relation)
{
    if (!relation || --relation->references > 0)
        return;
    g_free(relation->party[RELATION_USER].jid);
    g_free(relation->party[RELATION_PEER].jid);
    g_free(relation);
}

unsigned relation_party_of(const struct relation *relation, const struct uuid *user)
{
    if (uuid_is_nil(user))
        return RELATION_NEITHER;
    for (unsigned party = RELATION_USER; party < RELATION_NEITHER; party++) {
        if (uuid_equal(&relation->party[party].id, user))
            return party;
    }
    return RELATION_NEITHER;
}

bool relation_is_silent(const struct relation *relation)
{
    const struct relation_party *user = &relation->party[RELATION_USER];
    return uuid_is_nil(&user->id) || user->allows.blocks || !relation->known;
}

/* ---- What is remembered ---------------------------------------------------------------------- */

static void involved_add(struct relations *relations, const struct uuid *id, struct entry *entry)
{
    if (uuid_is_nil(id))
        return;
    GHashTable *set = g_hash_table_lookup(relations->involved, id);
    if (!set) {
        set = g_hash_table_new(NULL, NULL);
        g_hash_table_insert(relations->involved, g_memdup2(id, sizeof *id), set);
    }
    g_hash_table_add(set, entry);
}

static void involved_remove(struct relations *relations, const struct uuid *id, struct entry *entry)
{
    GHashTable *set = g_hash_table_lookup(relations->involved, id);
    if (set && g_hash_table_remove(set, entry) && g_hash_table_size(set) == 0)
        g_hash_table_remove(relations->involved, id);
}

static void entry_drop(struct relations *relations, struct entry *entry)
{
    const struct relation *relation = entry->relation;
    involved_remove(relations, &relation->party[RELATION_USER].id, entry);
    involved_remove(relations, &relation->party[RELATION_PEER].id, entry);
    involved_remove(relations, &relation->conversation, entry);
    g_queue_unlink(&relations->order, &entry->link);
    g_hash_table_remove(relations->entries, entry->name);
}

static void entry_free(gpointer data)
{
    struct entry *entry = data;
    g_free(entry->name);
    relation_unref(entry->relation);
    g_free(entry);
}

static bool entry_is_absent(const struct entry *entry)
{
    return uuid_is_nil(&entry->relation->conversation);
}

/* What was asked in vain takes the place of its like, not of what is of use. */
static void entry_remember(struct relations *relations, const struct lookup *lookup,
                           struct relation *relation)
{
    struct entry *old = g_hash_table_lookup(relations->entries, lookup->name);
    if (old)
        entry_drop(relations, old);
    else if (g_hash_table_size(relations->entries) >= RELATIONS_MAX)
        entry_drop(relations, relations->order.head->data);
    struct entry *entry = g_new0(struct entry, 1);
    entry->name = g_strdup(lookup->name);
    entry->relation = relation_ref(relation);
    entry->read_at = clock_monotonic();
    entry->grown = lookup->grown;
    entry->link.data = entry;
    g_hash_table_insert(relations->entries, entry->name, entry);
    if (relation_is_silent(relation) || (lookup->conversation && entry_is_absent(entry)))
        g_queue_push_head_link(&relations->order, &entry->link);
    else
        g_queue_push_tail_link(&relations->order, &entry->link);
    involved_add(relations, &relation->party[RELATION_USER].id, entry);
    involved_add(relations, &relation->party[RELATION_PEER].id, entry);
    involved_add(relations, &relation->conversation, entry);
}

static bool entry_counts(const struct relations *relations, const struct entry *entry,
                         bool conversation)
{
    gint64 age = clock_monotonic() - entry->read_at;
    if (!conversation)
        return age < (relation_is_silent(entry->relation) ? SILENT_MEMORY : MEMORY);
    if (entry_is_absent(entry))
        return age < ABSENT_MEMORY && entry->grown == relations->grown;
    return age < CONVERSATION_MEMORY;
}

/* An entry of the conversation: any, or one that counts and has USER as a party. */
static struct entry *entry_of_conversation(const struct relations *relations,
                                           const struct uuid *conversation, const char *user)
{
    GHashTableIter iter;
    gpointer key;
    GHashTable *set = g_hash_table_lookup(relations->involved, conversation);
    if (!set)
        return NULL;
    g_hash_table_iter_init(&iter, set);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        struct entry *entry = key;
        const struct relation_party *party = entry->relation->party;
        if (!uuid_equal(&entry->relation->conversation, conversation))
            break; /* the id is a user's */
        if (!user || ((g_strcmp0(party[RELATION_USER].jid, user) == 0 ||
                       g_strcmp0(party[RELATION_PEER].jid, user) == 0) &&
                      entry_counts(relations, entry, true)))
            return entry;
    }
    return NULL;
}

/* JIDs and texts of apps may hold anything, so the kind comes first; a JID has no space. */
static char *key_name(const struct relation_key *key)
{
    return key->peer ? g_strconcat("peer ", key->user, " ", key->peer, NULL)
                     : g_strconcat("reference ", key->user, " ", key->reference, NULL);
}

struct relation *relation_recall(const struct core *core, const struct relation_key *key)
{
    const struct relations *relations = core->relations;
    struct uuid id;
    if (!relations)
        return NULL;
    g_autofree char *name = key_name(key);
    const struct entry *entry = g_hash_table_lookup(relations->entries, name);
    if (entry && entry_counts(relations, entry, key->conversation))
        return entry->relation;
    entry = NULL;
    if (key->conversation && key->peer && uuid_parse(key->peer, &id))
        entry = entry_of_conversation(relations, &id, key->user);
    return entry ? entry->relation : NULL;
}

struct relation *relation_of_conversation(const struct core *core, const struct uuid *conversation)
{
    const struct entry *entry =
        core->relations ? entry_of_conversation(core->relations, conversation, NULL) : NULL;
    return entry ? entry->relation : NULL;
}

void relation_note_heard(struct core *core, struct relation *relation)
{
    GHashTableIter iter;
    gpointer key;
    relation->heard = true;
    GHashTable *set = core->relations
                          ? g_hash_table_lookup(core->relations->involved, &relation->conversation)
                          : NULL;
    if (!set)
        return;
    g_hash_table_iter_init(&iter, set);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        ((struct entry *)key)->relation->heard = true;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void lookup_free(gpointer data)
{
    struct lookup *lookup = data;
    g_array_unref(lookup->waiters);
    for (size_t i = 0; i < G_N_ELEMENTS(lookup->values); i++)
        g_free(lookup->values[i]);
    g_free(lookup->name);
    g_free(lookup);
}

static void lookup_answer(struct lookup *lookup, struct relation *relation, enum error_code error)
{
    if (lookup->core->relations)
        lookup->core->relations->waiting -= lookup->counted;
    for (guint i = 0; i < lookup->waiters->len; i++) {
        const struct waiter *waiter = &g_array_index(lookup->waiters, struct waiter, i);
        waiter->done(relation, error, waiter->data);
    }
    lookup_free(lookup);
}

enum { SIDE_BLOCKS, SIDE_ACCEPTS, SIDE_SHOWS, SIDE_LAST_SEEN, SIDE_PROFILE };
enum { PARTY_ID, PARTY_NUMBER, PARTY_JID, PARTY_HOSTED };

static void party_read(const struct rows *rows, int column, int side, struct relation_party *party)
{
    rows_uuid(rows, 0, column + PARTY_ID, &party->id);
    party->number = rows_integer(rows, 0, column + PARTY_NUMBER);
    party->jid = g_strdup(rows_text(rows, 0, column + PARTY_JID));
    party->hosted = rows_boolean(rows, 0, column + PARTY_HOSTED);
    party->allows =
        (struct relation_side){.blocks = rows_boolean(rows, 0, side + SIDE_BLOCKS),
                               .shows = rows_boolean(rows, 0, side + SIDE_SHOWS),
                               .last_seen = rows_boolean(rows, 0, side + SIDE_LAST_SEEN),
                               .profile = rows_boolean(rows, 0, side + SIDE_PROFILE)};
}

/* Who was heard of stays so while anything is remembered of the conversation. */
static struct relation *relation_read(const struct core *core, const struct rows *rows)
{
    struct relation *relation = g_new0(struct relation, 1);
    relation->references = 1;
    party_read(rows, RELATION_VIEW_USER_ID, RELATION_VIEW_BLOCKS, &relation->party[RELATION_USER]);
    party_read(rows, RELATION_VIEW_PEER_ID, RELATION_VIEW_BLOCKED_BY,
               &relation->party[RELATION_PEER]);
    rows_uuid(rows, 0, RELATION_VIEW_CONVERSATION_ID, &relation->conversation);
    relation->known = rows_boolean(rows, 0, RELATION_VIEW_KNOWN);
    relation->live = rows_boolean(rows, 0, RELATION_VIEW_LIVE);
    const struct relation *before = relation_of_conversation(core, &relation->conversation);
    relation->heard = rows_boolean(rows, 0, RELATION_VIEW_HEARD) || (before && before->heard);
    return relation;
}

static void view_read(const struct rows *rows, enum error_code error, void *data)
{
    struct lookup *lookup = data;
    struct relations *relations = lookup->core->relations;
    if (relations && g_hash_table_lookup(relations->lookups, lookup->name) == lookup)
        g_hash_table_steal(relations->lookups, lookup->name);
    if (error == ERROR_NONE && rows_count(rows) != 1)
        error = ERROR_INTERNAL;
    if (error != ERROR_NONE || !relations) {
        lookup_answer(lookup, NULL, error != ERROR_NONE ? error : ERROR_UNAVAILABLE);
        return;
    }
    g_autoptr(trestle_relation) relation = relation_read(lookup->core, rows);
    if (lookup->generation == relations->generation)
        entry_remember(relations, lookup, relation);
    lookup_answer(lookup, relation, ERROR_NONE);
}

static void lookup_ask(struct lookup *lookup)
{
    const char *const values[] = {lookup->values[0], lookup->values[1], lookup->values[2]};
    archive_query(lookup->core->archive, QUERY_RELATION_VIEW, values, view_read, lookup);
}

static struct lookup *lookup_new(struct core *core, const struct relation_key *key)
{
    struct lookup *lookup = g_new0(struct lookup, 1);
    *lookup = (struct lookup){
        .core = core,
        .name = key_name(key),
        .values = {g_strdup(key->user), g_strdup(key->peer), g_strdup(key->reference)},
        .conversation = key->conversation,
        .waiters = g_array_new(FALSE, FALSE, sizeof(struct waiter)),
        .generation = core->relations->generation,
        .grown = core->relations->grown};
    return lookup;
}

static void lookup_again(void *data)
{
    struct lookup *lookup = data;
    struct relation_key key = {lookup->values[0], lookup->values[1], lookup->values[2],
                               lookup->conversation};
    struct relation *relation = relation_recall(lookup->core, &key);
    if (relation) {
        g_autoptr(trestle_relation) kept = relation_ref(relation); /* may be forgotten meanwhile */
        lookup_answer(lookup, kept, ERROR_NONE);
    } else if (!lookup->core->relations || !lookup->core->archive) {
        lookup_answer(lookup, NULL, ERROR_UNAVAILABLE);
    } else {
        lookup_ask(lookup);
    }
}

static void lookup_refuse(void *data)
{
    lookup_answer(data, NULL, ERROR_UNAVAILABLE);
}

static void lookup_join(struct lookup *lookup, const struct relation_key *key,
                        const struct waiter *waiter)
{
    g_array_append_val(lookup->waiters, *waiter);
    if (!key->conversation)
        return;
    lookup->counted++;
    lookup->core->relations->waiting++;
}

void relation_find(struct core *core, const struct relation_key *key, relation_done done,
                   void *data)
{
    struct relations *relations = core->relations;
    const struct waiter waiter = {done, data};
    bool refused = !core->archive || (key->conversation && relations->waiting >= WAITING_MAX);
    g_autofree char *name = key_name(key);
    struct lookup *lookup = g_hash_table_lookup(relations->lookups, name);
    if (!refused && lookup && lookup->generation == relations->generation &&
        (!key->conversation || lookup->grown == relations->grown)) {
        lookup_join(lookup, key, &waiter);
        return;
    }
    lookup = lookup_new(core, key);
    lookup_join(lookup, key, &waiter);
    if (refused) {
        loop_defer(lookup_refuse, lookup);
    } else if (relation_recall(core, key)) {
        loop_defer(lookup_again, lookup);
    } else {
        g_hash_table_replace(relations->lookups, lookup->name, lookup);
        lookup_ask(lookup);
    }
}

/* ---- Forgetting ------------------------------------------------------------------------------ */

/* ID is a user's or a conversation's. */
static void involved_forget(struct relations *relations, const struct uuid *id)
{
    relations->generation++;
    GHashTable *set = g_hash_table_lookup(relations->involved, id);
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
    struct account *account = account_find(core->accounts, user);
    if (account)
        account->related++;
    involved_forget(core->relations, user);
    PARTS_TELL(core, related, core, user);
}

void relation_forget_conversation(struct core *core, const struct uuid *conversation)
{
    if (core->relations)
        involved_forget(core->relations, conversation);
}

void relations_grew(struct core *core)
{
    if (core->relations)
        core->relations->grown++;
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
    relations->involved = g_hash_table_new_full(uuid_hash, uuid_equal, g_free, set_free);
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
    g_hash_table_unref(relations->involved);
    g_hash_table_unref(relations->entries);
    g_free(relations);
}
