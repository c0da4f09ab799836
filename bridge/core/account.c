/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accounts in memory, found by id and by JID. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/core/account.h"
#include "bridge/core/core.h"
#include "bridge/core/registry.h"

#define ACCOUNTS_MAX 100000 /* in memory; unused ones are dropped beyond this */

struct account *account_ref(struct account *account)
{
    account->references++;
    return account;
}

void account_unref(struct account *account)
{
    if (!account || --account->references > 0)
        return;
    g_free(account->jid);
    g_free(account->full_jid);
    g_free(account->name);
    g_free(account->json);
    if (account->subscribers)
        g_ptr_array_unref(account->subscribers);
    g_free(account);
}

static void unref_value(gpointer data)
{
    account_unref(data);
}

void accounts_init(struct core *core)
{
    core->accounts_by_id = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, unref_value);
    core->accounts_by_jid = g_hash_table_new(g_str_hash, g_str_equal);
    core->accounts_by_own_id = g_hash_table_new(uuid_hash, uuid_equal);
}

void accounts_clear(struct core *core)
{
    g_clear_pointer(&core->accounts_by_own_id, g_hash_table_unref);
    g_clear_pointer(&core->accounts_by_jid, g_hash_table_unref);
    g_clear_pointer(&core->accounts_by_id, g_hash_table_unref);
}

struct account *account_find(const struct core *core, const struct uuid *id)
{
    return g_hash_table_lookup(core->accounts_by_id, id);
}

struct account *account_find_jid(const struct core *core, const char *jid)
{
    return g_hash_table_lookup(core->accounts_by_jid, jid);
}

struct account *account_find_own_id(const struct core *core, const struct uuid *digest)
{
    return g_hash_table_lookup(core->accounts_by_own_id, digest);
}

void account_learn_own_id(struct core *core, struct account *account, const struct uuid *digest)
{
    if (uuid_equal(&account->own_id, digest))
        return;
    if (account_find_own_id(core, &account->own_id) == account)
        g_hash_table_remove(core->accounts_by_own_id, &account->own_id);
    account->own_id = *digest;
    g_hash_table_replace(core->accounts_by_own_id, &account->own_id, account); /* its own key */
}

static void drop_unused(struct core *core)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, core->accounts_by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct account *account = value;
        if (account->references > 1)
            continue;
        if (account_find_jid(core, account->jid) == account)
            g_hash_table_remove(core->accounts_by_jid, account->jid);
        if (account_find_own_id(core, &account->own_id) == account)
            g_hash_table_remove(core->accounts_by_own_id, &account->own_id);
        g_hash_table_iter_remove(&iter);
    }
}

static struct account *account_add(struct core *core, const struct uuid *id, const char *jid)
{
    if (g_hash_table_size(core->accounts_by_id) >= ACCOUNTS_MAX)
        drop_unused(core);
    struct account *account = g_new0(struct account, 1);
    account->references = 1;
    account->id = *id;
    uuid_format(id, account->id_text);
    account->jid = g_strdup(jid);
    account->full_jid = g_strconcat(jid, "/rest", NULL);
    g_hash_table_insert(core->accounts_by_id, &account->id, account);
    g_hash_table_replace(core->accounts_by_jid, account->jid, account); /* the key is its own */
    return account;
}

#define PICTURE_PATH "/api/avatars/"

static void read_photo(struct account *account)
{
    json_t *user = account->json ? json_loads(account->json, 0, NULL) : NULL;
    const char *url = json_string_value(json_object_get(user, "avatar_url"));
    bool ours = url && g_str_has_prefix(url, PICTURE_PATH);
    g_strlcpy(account->photo, ours ? url + strlen(PICTURE_PATH) : "", sizeof account->photo);
    json_decref(user);
}

struct account *account_learn(struct core *core, const struct account_row *row)
{
    struct account *account = account_find(core, &row->id);
    if (!account)
        account = account_add(core, &row->id, row->jid);
    if (g_strcmp0(account->json, row->json) != 0) {
        g_free(account->json);
        account->json = g_strdup(row->json);
        g_free(account->name);
        account->name = g_strdup(row->name);
        read_photo(account);
    }
    account->hosted = row->hosted;
    account->number = row->number;
    account->known_at = clock_monotonic();
    return account;
}
