/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions that are remembered: in the table by their key, and in a list of their account. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/known.h"
#include "bridge/account/secret.h"
#include "bridge/base/clock.h"

#define SESSIONS_MAX 65536

void known_free(gpointer data)
{
    struct known *known = data;
    if (known->link) {
        *known->link = known->next;
        if (known->next)
            known->next->link = known->link;
    }
    account_unref(known->session.account);
    g_strfreev(known->scopes);
    g_free(known->csrf);
    g_free(known);
}

const char *known_key(const struct credentials *credentials, char **ret_made)
{
    if (credentials->kind == CREDENTIAL_COOKIE)
        return *ret_made = g_strconcat("cookie\n", credentials->token, NULL);
    if (!credentials->on_behalf || !g_str_has_prefix(credentials->token, SERVER_KEY_PREFIX))
        return credentials->token;
    return *ret_made = g_strconcat(credentials->token, "\n", credentials->on_behalf, NULL);
}

bool known_is_stale(const struct known *known)
{
    return clock_wall() >= known->session.grant.expires || clock_monotonic() >= known->forget_at;
}

static gboolean stale_entry(gpointer key, gpointer value, gpointer data)
{
    (void)key;
    (void)data;
    return known_is_stale(value);
}

void known_remember(GHashTable *table, char *key, struct known *known)
{
    struct account *account = known->session.account;
    if (g_hash_table_size(table) >= SESSIONS_MAX)
        g_hash_table_foreach_remove(table, stale_entry, NULL);
    if (g_hash_table_size(table) >= SESSIONS_MAX)
        g_hash_table_remove_all(table);
    known->key = key;
    g_hash_table_replace(table, key, known);
    if (!account)
        return;
    known->next = account->known;
    known->link = &account->known;
    if (known->next)
        known->next->link = &known->next;
    account->known = known;
}
