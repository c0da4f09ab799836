/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each user is a set of instances: one bit for each of those that are here. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/cluster/ask.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"
#include "bridge/core/part.h"

#define TOPIC "online"
#define USERS_IN_MESSAGE 1000
#define WATCHERS_MAX 8

struct elsewhere {
    GHashTable *users; /* struct uuid → guint64 *: bits of instances */
    char *names[BUS_INSTANCES_MAX];
    struct {
        elsewhere_changed changed;
        void *data;
    } watchers[WATCHERS_MAX];
    unsigned watcher_count;
};

/* The bit of the instance NAME; -1: not known, and none is free or wanted. */
static int instance_bit(struct elsewhere *elsewhere, const char *name, bool wanted)
{
    int unused = -1;
    for (int i = 0; i < BUS_INSTANCES_MAX; i++) {
        if (!elsewhere->names[i])
            unused = i;
        else if (strcmp(elsewhere->names[i], name) == 0)
            return i;
    }
    if (wanted && unused >= 0)
        elsewhere->names[unused] = g_strdup(name);
    return wanted ? unused : -1;
}

static guint64 bits_of(const struct elsewhere *elsewhere, const struct uuid *user)
{
    const guint64 *bits = g_hash_table_lookup(elsewhere->users, user);
    return bits ? *bits : 0;
}

static const struct part part = {.name = "elsewhere"};

static struct elsewhere *elsewhere_of(const struct core *core)
{
    return part_state(core, &part);
}

static void tell_watchers(struct core *core, const struct uuid *user, bool online)
{
    const struct elsewhere *elsewhere = elsewhere_of(core);
    for (unsigned i = 0; i < elsewhere->watcher_count; i++)
        elsewhere->watchers[i].changed(core, user, online, elsewhere->watchers[i].data);
}

static void user_set(struct core *core, const struct uuid *user, int bit, bool online)
{
    struct elsewhere *elsewhere = elsewhere_of(core);
    guint64 mask = (guint64)1 << bit;
    guint64 old = bits_of(elsewhere, user);
    guint64 new = online ? old | mask : old & ~mask;
    struct uuid id = *user; /* may be the table's own */
    if (new == old || (old == 0 && g_hash_table_size(elsewhere->users) >= ELSEWHERE_USERS_MAX))
        return;
    if (new == 0)
        g_hash_table_remove(elsewhere->users, &id);
    else
        g_hash_table_insert(elsewhere->users, g_memdup2(&id, sizeof id),
                            g_memdup2(&new, sizeof new));
    if (old == 0 || new == 0)
        tell_watchers(core, &id, online);
}

/* Nobody is at the instance BIT any more, but for those in KEEP (NULL: nobody). */
static void clear_instance(struct core *core, int bit, GHashTable *keep)
{
    g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(struct uuid));
    GHashTableIter iter;
    gpointer user, bits;
    g_hash_table_iter_init(&iter, elsewhere_of(core)->users);
    while (g_hash_table_iter_next(&iter, &user, &bits)) {
        if ((*(guint64 *)bits >> bit & 1) && !(keep && g_hash_table_contains(keep, user)))
            g_array_append_vals(gone, user, 1);
    }
    for (guint i = 0; i < gone->len; i++)
        user_set(core, &g_array_index(gone, struct uuid, i), bit, false);
}

static void on_users(struct core *core, const json_t *message, void *data)
{
    bool online = json_is_true(json_object_get(message, "on"));
    /* One that has left says of its last users that they go: it is not made anew for that. */
    int bit = instance_bit(elsewhere_of(core), bus_sender(core), online);
    const json_t *users = json_object_get(message, "users");
    size_t count = MIN(json_array_size(users), USERS_IN_MESSAGE);
    g_autofree struct uuid *ids = g_new0(struct uuid, count + 1);
    g_autoptr(GHashTable) keep = g_hash_table_new(uuid_hash, uuid_equal);
    size_t known = 0;
    (void)data;
    if (bit < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(users, i));
        if (text && uuid_parse(text, &ids[known]))
            g_hash_table_add(keep, &ids[known++]);
    }
    /* The others of a list in several messages follow: they are seen coming back at once. */
    if (json_is_true(json_object_get(message, "all")))
        clear_instance(core, bit, keep);
    for (size_t i = 0; i < known; i++)
        user_set(core, &ids[i], bit, online);
}

static void users_publish(struct core *core, json_t *users, bool online, bool all)
{
    bus_publish(core, TOPIC,
                json_pack("{s:o, s:b, s:b}", "users", users, "on", online, "all", all));
}

void elsewhere_tell(struct core *core, const struct account *account, bool online)
{
    if (elsewhere_of(core) && bus_is_heard(core) && !bus_has_left(core))
        users_publish(core, json_pack("[s]", account->id_text), online, false);
}

/* Everybody who is here: to an instance that has just come, though all hear it. */
static void tell_all(struct core *core)
{
    GHashTableIter iter;
    gpointer value;
    json_t *users = json_array();
    bool first = true;
    g_hash_table_iter_init(&iter, core->accounts->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct account *account = value;
        if (!account->subscribers)
            continue;
        json_array_append_new(users, json_string(account->id_text));
        if (json_array_size(users) < USERS_IN_MESSAGE)
            continue;
        users_publish(core, users, true, first);
        users = json_array();
        first = false;
    }
    users_publish(core, users, true, first);
}

static void on_instance(struct core *core, const char *instance, bool here, void *data)
{
    struct elsewhere *elsewhere = elsewhere_of(core);
    int bit = instance_bit(elsewhere, instance, false);
    (void)data;
    if (here) {
        if (!bus_has_left(core))
            tell_all(core);
    } else if (bit >= 0) {
        clear_instance(core, bit, NULL);
        g_clear_pointer(&elsewhere->names[bit], g_free);
    }
}

bool elsewhere_is_used(const struct core *core)
{
    return elsewhere_of(core) != NULL;
}

bool elsewhere_is_online(const struct core *core, const struct uuid *user)
{
    return elsewhere_of(core) && bits_of(elsewhere_of(core), user) != 0;
}

unsigned elsewhere_count(const struct core *core)
{
    GHashTableIter iter;
    gpointer user;
    unsigned count = 0;
    if (!elsewhere_of(core))
        return 0;
    g_hash_table_iter_init(&iter, elsewhere_of(core)->users);
    while (g_hash_table_iter_next(&iter, &user, NULL)) {
        const struct account *account = account_find(core->accounts, user);
        count += !account || !account->subscribers;
    }
    return count;
}

bool elsewhere_is_ours(const struct core *core, const struct uuid *user)
{
    guint64 bits = elsewhere_of(core) ? bits_of(elsewhere_of(core), user) : 0;
    for (int i = 0; bits >> i; i++) {
        if ((bits >> i & 1) && strcmp(elsewhere_of(core)->names[i], bus_instance(core)) < 0)
            return false;
        if (i + 1 == BUS_INSTANCES_MAX)
            break;
    }
    return true;
}

struct catching_up {
    void (*done)(struct core *core, void *data);
    void *data;
};

static void others_answered(struct core *core, enum ask_result result, void *data)
{
    g_autofree struct catching_up *catching_up = data;
    (void)result;
    catching_up->done(core, catching_up->data);
}

void elsewhere_catch_up(struct core *core, void (*done)(struct core *core, void *data), void *data)
{
    struct catching_up *catching_up = g_new(struct catching_up, 1);
    *catching_up = (struct catching_up){done, data};
    ask_others(core, TOPIC, json_object(), others_answered, catching_up);
}

void elsewhere_watch(struct core *core, elsewhere_changed changed, void *data)
{
    struct elsewhere *elsewhere = elsewhere_of(core);
    if (!elsewhere)
        return;
    g_return_if_fail(elsewhere->watcher_count < WATCHERS_MAX);
    elsewhere->watchers[elsewhere->watcher_count].changed = changed;
    elsewhere->watchers[elsewhere->watcher_count++].data = data;
}

void elsewhere_init(struct core *core)
{
    if (!bus_instance(core))
        return;
    struct elsewhere *elsewhere = g_new0(struct elsewhere, 1);
    elsewhere->users = g_hash_table_new_full(uuid_hash, uuid_equal, g_free, g_free);
    part_add(core, &part, elsewhere);
    bus_subscribe(core, TOPIC, on_users, NULL);
    bus_watch_instances(core, on_instance, NULL);
}

void elsewhere_clear(struct core *core)
{
    struct elsewhere *elsewhere = part_remove(core, &part);
    if (!elsewhere)
        return;
    for (int i = 0; i < BUS_INSTANCES_MAX; i++)
        g_free(elsewhere->names[i]);
    g_hash_table_unref(elsewhere->users);
    g_free(elsewhere);
}
