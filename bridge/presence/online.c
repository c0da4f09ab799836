/* SPDX-License-Identifier: GPL-3.0-or-later */
/* States of one account: not here (offline, and everybody knows) → connected → leaving (no socket,
 * still shown) → gone (waits for its notice) → not here. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/presence/online.h"

enum state { CONNECTED, LEAVING, GONE };

struct entry {
    struct account *account; /* reference */
    enum state state;
    gint64 left;
    bool queued; /* is in `queue` */
    bool timed;  /* is in `leaving` */
};

struct online {
    gint64 grace;
    GHashTable *entries;                               /* struct uuid * → struct entry *, owned */
    GQueue queue;                                      /* entries that are to be announced */
    void (*gone)(struct account *account, void *data); /* may be NULL */
    void *data;
    GQueue leaving; /* entries that have lost their last socket, and maybe got another since */
};

static void entry_free(gpointer data)
{
    struct entry *entry = data;
    account_unref(entry->account);
    g_free(entry);
}

struct online *online_new(gint64 grace)
{
    struct online *online = g_new0(struct online, 1);
    online->grace = grace;
    online->entries = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, entry_free);
    g_queue_init(&online->queue);
    g_queue_init(&online->leaving);
    return online;
}

void online_free(struct online *online)
{
    if (!online)
        return;
    g_queue_clear(&online->queue);
    g_queue_clear(&online->leaving);
    g_hash_table_unref(online->entries);
    g_free(online);
}

static struct entry *entry_find(const struct online *online, const struct account *account)
{
    return g_hash_table_lookup(online->entries, &account->id);
}

static struct entry *entry_add(struct online *online, struct account *account, enum state state)
{
    struct entry *entry = g_new0(struct entry, 1);
    entry->account = account_ref(account);
    entry->state = state;
    g_hash_table_insert(online->entries, &entry->account->id, entry);
    return entry;
}

static void queue_first(struct online *online, struct entry *entry)
{
    if (entry->queued)
        return;
    entry->queued = true;
    g_queue_push_head(&online->queue, entry);
}

static void start_grace(struct online *online, struct entry *entry, gint64 now)
{
    entry->state = LEAVING;
    entry->left = now;
    if (!entry->timed)
        g_queue_push_tail(&online->leaving, entry);
    entry->timed = true;
}

void online_connected(struct online *online, struct account *account)
{
    struct entry *entry = entry_find(online, account);
    bool was_shown = entry && entry->state != GONE;
    if (!entry)
        entry = entry_add(online, account, CONNECTED);
    entry->state = CONNECTED;
    if (!was_shown)
        queue_first(online, entry);
}

void online_disconnected(struct online *online, struct account *account, gint64 now)
{
    struct entry *entry = entry_find(online, account);
    if (entry && entry->state == CONNECTED)
        start_grace(online, entry, now);
}

void online_recovered(struct online *online, struct account *account, gint64 now)
{
    if (!entry_find(online, account))
        start_grace(online, entry_add(online, account, LEAVING), now);
}

bool online_is_shown(const struct online *online, const struct account *account)
{
    const struct entry *entry = entry_find(online, account);
    return entry && entry->state != GONE;
}

void online_expire(struct online *online, gint64 now)
{
    for (guint left = online->leaving.length; left > 0; left--) {
        struct entry *entry = g_queue_pop_head(&online->leaving);
        entry->timed = entry->state == LEAVING && now - entry->left < online->grace;
        if (entry->timed) {
            g_queue_push_tail(&online->leaving, entry);
        } else if (entry->state == LEAVING) {
            entry->state = GONE;
            queue_first(online, entry);
            if (online->gone)
                online->gone(entry->account, online->data);
        }
    }
}

void online_renew(struct online *online, const struct account *account)
{
    struct entry *entry = entry_find(online, account);
    if (entry && entry->state != GONE)
        queue_first(online, entry);
}

void online_repeat(struct online *online)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, online->entries);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct entry *entry = value;
        if (!entry->queued)
            g_queue_push_tail(&online->queue, entry);
        entry->queued = true;
    }
}

void online_watch(struct online *online, void (*gone)(struct account *account, void *data),
                  void *data)
{
    online->gone = gone;
    online->data = data;
}

unsigned online_waiting(const struct online *online)
{
    return online->queue.length;
}

bool online_next(struct online *online, struct online_notice *ret_notice)
{
    struct entry *entry = g_queue_pop_head(&online->queue);
    if (!entry)
        return false;
    entry->queued = false;
    *ret_notice = (struct online_notice){.account = account_ref(entry->account),
                                         .available = entry->state != GONE,
                                         .left = entry->left};
    if (entry->state == GONE)
        g_hash_table_remove(online->entries, &entry->account->id);
    return true;
}

void online_return(struct online *online, struct online_notice *notice)
{
    struct entry *entry = entry_find(online, notice->account);
    if (!entry && !notice->available) {
        entry = entry_add(online, notice->account, GONE);
        entry->left = notice->left;
    }
    if (entry && notice->available == (entry->state != GONE))
        queue_first(online, entry);
    account_unref(notice->account);
    notice->account = NULL;
}
