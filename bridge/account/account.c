/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accounts in memory, found by id and by JID. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/secret.h"
#include "bridge/base/clock.h"
#include "bridge/view/json.h"

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

struct accounts *accounts_new(void)
{
    struct accounts *accounts = g_new0(struct accounts, 1);
    accounts->by_id = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, unref_value);
    accounts->by_jid = g_hash_table_new(g_str_hash, g_str_equal);
    accounts->by_own_id = g_hash_table_new(uuid_hash, uuid_equal);
    accounts->crowded = ACCOUNTS_MAX;
    return accounts;
}

void accounts_free(struct accounts *accounts)
{
    if (!accounts)
        return;
    g_hash_table_unref(accounts->by_own_id);
    g_hash_table_unref(accounts->by_jid);
    g_hash_table_unref(accounts->by_id);
    g_free(accounts);
}

void accounts_start(struct accounts *accounts, struct archive *archive)
{
    accounts->archive = archive;
}

struct account *account_find(const struct accounts *accounts, const struct uuid *id)
{
    return g_hash_table_lookup(accounts->by_id, id);
}

struct account *account_find_jid(const struct accounts *accounts, const char *jid)
{
    return g_hash_table_lookup(accounts->by_jid, jid);
}

struct account *account_find_own_id(const struct accounts *accounts, const struct uuid *digest)
{
    return g_hash_table_lookup(accounts->by_own_id, digest);
}

void account_learn_own_id(struct accounts *accounts, struct account *account,
                          const struct uuid *digest)
{
    if (uuid_equal(&account->own_id, digest))
        return;
    if (account_find_own_id(accounts, &account->own_id) == account)
        g_hash_table_remove(accounts->by_own_id, &account->own_id);
    account->own_id = *digest;
    g_hash_table_replace(accounts->by_own_id, &account->own_id, account); /* its own key */
}

static void drop_unused(struct accounts *accounts)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, accounts->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct account *account = value;
        if (account->references > 1)
            continue;
        if (account_find_jid(accounts, account->jid) == account)
            g_hash_table_remove(accounts->by_jid, account->jid);
        if (account_find_own_id(accounts, &account->own_id) == account)
            g_hash_table_remove(accounts->by_own_id, &account->own_id);
        g_hash_table_iter_remove(&iter);
    }
    /* Where nearly all are in use, the next look at all of them is not the next account's. */
    guint left = g_hash_table_size(accounts->by_id);
    accounts->crowded = MAX(ACCOUNTS_MAX, left + left / 8);
}

char *account_address(const char *jid)
{
    return g_strconcat(jid, "/" ACCOUNT_RESOURCE, NULL);
}

static struct account *account_add(struct accounts *accounts, const struct uuid *id,
                                   const char *jid)
{
    if (g_hash_table_size(accounts->by_id) >= accounts->crowded)
        drop_unused(accounts);
    struct account *account = g_new0(struct account, 1);
    account->references = 1;
    account->id = *id;
    uuid_format(id, account->id_text);
    account->jid = g_strdup(jid);
    account->full_jid = account_address(jid);
    g_hash_table_insert(accounts->by_id, &account->id, account);
    g_hash_table_replace(accounts->by_jid, account->jid, account); /* the key is its own */
    return account;
}

#define PICTURE_PATH "/api/avatars/"

/* Takes over what the account shows. */
static void learn_user(struct account *account, const struct account_row *row)
{
    g_auto(view_memory) memory = {0};
    struct uuid digest = secret_digest(row->facts ? row->facts : "");
    if (account->json && uuid_equal(&account->facts, &digest) &&
        g_strcmp0(account->name, row->name) == 0)
        return; /* most who sign in are those they were */
    json_t *facts = row->facts ? json_loads(row->facts, 0, NULL) : NULL;
    const struct user_view *user = view_from_json(&view_of_user_view, facts, &memory);
    const char *json = user ? view_written(view_schema_find("User"), user, &memory) : NULL;
    if (user && g_strcmp0(account->json, json) != 0) {
        g_free(account->json);
        account->json = g_strdup(json);
        g_free(account->name);
        account->name = g_strdup(row->name);
        bool ours = user->avatar_url && g_str_has_prefix(user->avatar_url, PICTURE_PATH);
        g_strlcpy(account->photo, ours ? user->avatar_url + strlen(PICTURE_PATH) : "",
                  sizeof account->photo);
    }
    if (user)
        account->facts = digest;
    json_decref(facts);
}

void account_set_resource(struct account *account, const char *resource)
{
    g_free(account->full_jid);
    account->full_jid = g_strconcat(account->jid, "/", resource, NULL);
}

struct account *account_learn(struct accounts *accounts, const struct account_row *row)
{
    struct account *account = account_find(accounts, &row->id);
    if (!account)
        account = account_add(accounts, &row->id, row->jid);
    learn_user(account, row);
    account->hosted = row->hosted;
    account->bound = row->bound;
    account->number = row->number;
    return account;
}
