/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions that are remembered: found again, put off by use, revoked. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/known.h"
#include "bridge/account/revocation.h"
#include "bridge/account/session.h"
#include "bridge/account/subscriber.h"
#include "bridge/account/token.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"

struct sessions *sessions_new(const struct options *options, struct accounts *accounts,
                              struct limiter *limiter, struct token_verifier *tokens)
{
    struct sessions *sessions = g_new0(struct sessions, 1);
    sessions->options = options;
    sessions->accounts = accounts;
    sessions->limiter = limiter;
    sessions->tokens = tokens;
    sessions->table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
    sessions->revocations = revocations_new();
    return sessions;
}

void sessions_start(struct sessions *sessions, struct archive *archive)
{
    sessions->archive = archive;
    revocations_start(sessions);
}

void sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return;
    revocations_free(sessions->revocations);
    g_hash_table_unref(sessions->table);
    token_verifier_free(sessions->tokens);
    g_free(sessions);
}

void sessions_forget_all(struct sessions *sessions)
{
    g_hash_table_remove_all(sessions->table);
}

/* ---- Renewal by use -------------------------------------------------------------------------- */

struct keeping {
    session_kept done;
    void *data;
    gint64 before;
};

static void kept_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct keeping *keeping = data;
    if (error != ERROR_NONE || rows_count(rows) != 1) {
        keeping->done(keeping->before, keeping->data);
        return;
    }
    gint64 expires = rows_integer(rows, 0, SESSION_RENEW_EXPIRES);
    keeping->done(expires > keeping->before ? expires : 0, keeping->data);
}

bool session_keep(struct sessions *sessions, const struct grant *grant, session_kept done,
                  void *data)
{
    gint64 lifetime = sessions->options->session_lifetime;
    if (!grant->renews || grant->expires - clock_wall() > lifetime * G_USEC_PER_SEC / 2)
        return false;
    char digest[UUID_TEXT_SIZE], seconds[24];
    uuid_format(&grant->credential, digest);
    g_snprintf(seconds, sizeof seconds, "%" G_GINT64_FORMAT, lifetime);
    struct keeping *keeping = g_new0(struct keeping, 1);
    *keeping = (struct keeping){done, data, grant->expires};
    const char *values[] = {digest, seconds};
    archive_query(sessions->archive, QUERY_SESSION_RENEW, values, kept_read, keeping);
    return true;
}

/* Of a session that is remembered; by its key, under which it may not be any more. */
struct remembered {
    struct sessions *sessions;
    char *key;
};

static void known_kept(gint64 expires, void *data)
{
    g_autofree struct remembered *remembered = data;
    g_autofree char *key = remembered->key;
    struct known *known = g_hash_table_lookup(remembered->sessions->table, key);
    if (!known)
        return;
    known->is_kept = false;
    known->session.grant.renews = expires > 0;
    if (expires > 0)
        known->session.grant.expires = expires;
}

static void known_keep(struct sessions *sessions, struct known *known)
{
    if (!known->session.grant.renews || known->is_kept)
        return;
    struct remembered *remembered = g_new0(struct remembered, 1);
    *remembered = (struct remembered){sessions, g_strdup(known->key)};
    known->is_kept = session_keep(sessions, &known->session.grant, known_kept, remembered);
    if (known->is_kept)
        return;
    g_free(remembered->key);
    g_free(remembered);
}

bool session_lookup(struct sessions *sessions, const struct credentials *credentials,
                    struct session *ret_session)
{
    g_autofree char *made = NULL;
    /* A line end stands between the parts of a key that was made: a token from outside has none. */
    if (strchr(credentials->token, '\n'))
        return false;
    struct known *known = g_hash_table_lookup(sessions->table, known_key(credentials, &made));
    if (!known || known->kind != credentials->kind || known_is_stale(known))
        return false;
    known_keep(sessions, known);
    *ret_session = known->session;
    return true;
}

void session_each_token(const struct account *account, session_seen seen, void *data)
{
    for (const struct known *known = account->known; known; known = known->next) {
        if (known->kind == CREDENTIAL_TOKEN && clock_wall() < known->session.grant.expires)
            seen(&known->session.grant, known->scopes != NULL, data);
    }
}

bool session_has_scope(const struct session *session, const char *scope)
{
    return session->scopes && g_strv_contains(session->scopes, scope);
}

/* ---- Revoking -------------------------------------------------------------------------------- */

static bool is_meant(const struct revocation *revocation, const struct grant *grant)
{
    if (revocation->keys)
        return grant->key != 0 && !token_verifier_has_key(revocation->keys, grant->key);
    if (!uuid_is_nil(&revocation->credential))
        return uuid_equal(&revocation->credential, &grant->credential);
    return revocation->issued_before == 0 || grant->issued < revocation->issued_before;
}

/* Sockets close later than they are told: what they are told is of those that stay. Others, of a
 * later version, are sign-outs. */
static const char *reason_lasting(const char *reason)
{
    static const char *const reasons[] = {"suspended", "deleted", "sign in again"};
    for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++) {
        if (g_strcmp0(reason, reasons[i]) == 0)
            return reasons[i];
    }
    return "signed out";
}

static void revoke_account(struct sessions *sessions, struct account *account,
                           const struct revocation *revocation)
{
    struct known *next;
    account_ref(account);
    for (struct known *known = account->known; known; known = next) {
        next = known->next;
        if (is_meant(revocation, &known->session.grant))
            g_hash_table_remove(sessions->table, known->key);
    }
    /* A subscriber may remove itself while it is told; walk from the end. */
    for (guint i = account->subscribers ? account->subscribers->len : 0; i-- > 0;) {
        if (!account->subscribers || i >= account->subscribers->len)
            continue;
        struct subscriber *subscriber = g_ptr_array_index(account->subscribers, i);
        if (is_meant(revocation, &subscriber->grant)) {
            subscriber->why = reason_lasting(revocation->reason);
            subscriber->revoked(subscriber);
        }
    }
    account_unref(account);
}

static gboolean is_meant_entry(gpointer key, gpointer value, gpointer data)
{
    (void)key;
    return is_meant(data, &((const struct known *)value)->session.grant);
}

void session_revoke(struct sessions *sessions, const struct revocation *revocation)
{
    struct account *account = account_find(sessions->accounts, &revocation->user);
    struct revocation meant = *revocation;
    if (account)
        revoke_account(sessions, account, revocation);
    if (!uuid_is_nil(&revocation->user))
        return;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_foreach_remove(sessions->table, is_meant_entry, &meant);
    g_hash_table_iter_init(&iter, sessions->accounts->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        revoke_account(sessions, value, revocation);
}

void sessions_renew_tokens(struct sessions *sessions, struct token_verifier *tokens)
{
    token_verifier_free(sessions->tokens);
    sessions->tokens = tokens;
    const struct revocation gone = {.keys = tokens, .reason = "sign in again"};
    session_revoke(sessions, &gone);
}
