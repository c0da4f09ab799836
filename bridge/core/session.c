/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signing in: tokens and server keys become accounts, and are remembered for a while. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/provision.h"
#include "bridge/core/registry.h"
#include "bridge/core/session.h"
#include "bridge/core/token.h"
#include "bridge/loop/loop.h"
#include "xep/jid.h"

#define SESSIONS_MAX 65536
#define SERVER_KEY_PREFIX "tsk_"
#define SERVER_KEY_MEMORY (5 * G_USEC_PER_SEC) /* a revoked key works no longer than this */

struct known {
    struct session session; /* references and scopes are owned */
    char **scopes;
    gint64 forget_at;       /* clock_monotonic; when to ask again */
};

struct sign_in {
    struct core *core;
    char *key; /* in core->sessions */
    char *on_behalf;
    struct known *known;
    session_done done;
    void *data;
    enum error_code error; /* of a sign-in that failed before it asked anybody */
    const char *detail;
};

static void known_free(gpointer data)
{
    struct known *known = data;
    account_unref(known->session.account);
    g_strfreev(known->scopes);
    g_free(known);
}

void sessions_init(struct core *core)
{
    core->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
}

void sessions_clear(struct core *core)
{
    g_clear_pointer(&core->sessions, g_hash_table_unref);
}

/* The key under which a session is remembered. A user's own token, the hot case, is its own key. */
static const char *session_key(const struct credentials *credentials, char **ret_made)
{
    if (!credentials->on_behalf || !g_str_has_prefix(credentials->token, SERVER_KEY_PREFIX))
        return credentials->token;
    *ret_made = g_strconcat(credentials->token, "\n", credentials->on_behalf, NULL);
    return *ret_made;
}

static bool is_stale(const struct known *known)
{
    return clock_wall() >= known->session.expires || clock_monotonic() >= known->forget_at;
}

bool session_lookup(struct core *core, const struct credentials *credentials,
                    struct session *ret_session)
{
    g_autofree char *made = NULL;
    const struct known *known =
        g_hash_table_lookup(core->sessions, session_key(credentials, &made));
    if (!known || is_stale(known))
        return false;
    *ret_session = known->session;
    return true;
}

bool session_has_scope(const struct session *session, const char *scope)
{
    return session->scopes && g_strv_contains(session->scopes, scope);
}

static gboolean stale_entry(gpointer key, gpointer value, gpointer data)
{
    (void)key;
    (void)data;
    return is_stale(value);
}

static void remember(struct sign_in *sign_in)
{
    GHashTable *sessions = sign_in->core->sessions;
    if (g_hash_table_size(sessions) >= SESSIONS_MAX)
        g_hash_table_foreach_remove(sessions, stale_entry, NULL);
    if (g_hash_table_size(sessions) >= SESSIONS_MAX)
        g_hash_table_remove_all(sessions);
    g_hash_table_replace(sessions, g_steal_pointer(&sign_in->key), g_steal_pointer(&sign_in->known));
}

static void sign_in_finish(struct sign_in *sign_in, enum error_code error, const char *detail)
{
    if (error == ERROR_NONE) {
        /* The session lives in the table, which the callback may change: hold the account. */
        struct session session = sign_in->known->session;
        if (session.account)
            account_ref(session.account);
        g_auto(GStrv) scopes = g_strdupv(sign_in->known->scopes);
        session.scopes = (const char *const *)scopes;
        remember(sign_in);
        sign_in->done(&session, ERROR_NONE, NULL, sign_in->data);
        account_unref(session.account);
    } else {
        sign_in->done(NULL, error, detail, sign_in->data);
    }
    if (sign_in->known)
        known_free(sign_in->known);
    g_free(sign_in->key);
    g_free(sign_in->on_behalf);
    g_free(sign_in);
}

static void sign_in_failed(void *data)
{
    struct sign_in *sign_in = data;
    sign_in_finish(sign_in, sign_in->error, sign_in->detail);
}

/* Rows of user_provision, user_find and user_by_jid are alike: id, jid, name, json, …, number. */
struct account *account_of_rows(struct core *core, const struct rows *rows)
{
    struct account_row row = {.jid = rows_text(rows, 0, 1), .name = rows_text(rows, 0, 2),
                              .json = rows_text(rows, 0, 3), .number = rows_integer(rows, 0, 5),
                              .hosted = true};
    if (!rows_uuid(rows, 0, 0, &row.id))
        return NULL;
    return account_learn(core, &row);
}

/* A row of user_find or user_by_jid: only hosted users live here, the others are their own masters. */
static bool is_hosted_row(const struct rows *rows)
{
    return rows_count(rows) == 1 && g_strcmp0(rows_text(rows, 0, 4), "hosted") == 0;
}

static void user_read(const struct rows *rows, enum error_code error, void *data)
{
    struct sign_in *sign_in = data;
    struct account *account = NULL;
    bool found = error == ERROR_NONE &&
                 (sign_in->on_behalf ? is_hosted_row(rows) : rows_count(rows) == 1);
    if (found)
        account = account_of_rows(sign_in->core, rows);
    if (account)
        sign_in->known->session.account = account_ref(account);
    else if (error == ERROR_NONE)
        error = sign_in->on_behalf ? ERROR_NOT_FOUND : ERROR_INTERNAL;
    sign_in_finish(sign_in, error, NULL);
}

static void key_read(const struct rows *rows, enum error_code error, void *data)
{
    struct sign_in *sign_in = data;
    const char *scopes = error == ERROR_NONE ? rows_text(rows, 0, 0) : NULL;
    if (!scopes) {
        sign_in_finish(sign_in, error == ERROR_NONE ? ERROR_UNAUTHENTICATED : error,
                       "the server key is not valid");
        return;
    }
    struct known *known = sign_in->known;
    known->scopes = g_strsplit(scopes, " ", -1);
    known->session.scopes = (const char *const *)known->scopes;
    if (!sign_in->on_behalf) {
        sign_in_finish(sign_in, ERROR_NONE, NULL);
    } else if (!session_has_scope(&known->session, "send")) {
        sign_in_finish(sign_in, ERROR_FORBIDDEN, "the server key may not act for users");
    } else {
        const char *values[] = {sign_in->on_behalf};
        archive_query(sign_in->core->archive, QUERY_USER_FIND, values, user_read, sign_in);
    }
}

static void sign_in_with_key(struct sign_in *sign_in, const char *key)
{
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);
    g_autofree char *literal = g_strconcat("\\x", digest, NULL);
    const char *values[] = {literal};
    sign_in->known->session.expires = G_MAXINT64;
    sign_in->known->forget_at = clock_monotonic() + SERVER_KEY_MEMORY;
    archive_query(sign_in->core->archive, QUERY_SERVER_KEY_FIND, values, key_read, sign_in);
}

void user_provision(struct core *core, const struct user_claims *claims, archive_done done,
                    void *data)
{
    /* The account's address: the user name if it can be one, else the app's id, else a surrogate. */
    g_autofree char *local = g_ascii_strdown(claims->username ? claims->username : claims->subject, -1);
    if (!jid_is_hosted_local(local)) {
        g_free(local);
        local = g_ascii_strdown(claims->subject, -1);
    }
    const char *values[] = {claims->subject, jid_is_hosted_local(local) ? local : NULL,
                            core->options->xmpp_domain, claims->username, claims->name,
                            claims->picture};
    archive_query(core->archive, QUERY_USER_PROVISION, values, done, data);
}

static void sign_in_with_token(struct sign_in *sign_in, const char *token)
{
    struct token_claims claims = {0};
    if (!token_verify(sign_in->core->tokens, token, &claims, &sign_in->detail)) {
        log_info(AREA_AUTH, "token-refused", "reason=\"%s\"", sign_in->detail);
        sign_in->error = ERROR_UNAUTHENTICATED;
        loop_defer(sign_in_failed, sign_in);
        return;
    }
    sign_in->known->session.expires = claims.expires;
    sign_in->known->forget_at = G_MAXINT64;
    struct user_claims user = {claims.subject, claims.username, claims.name, claims.picture};
    user_provision(sign_in->core, &user, user_read, sign_in);
    token_claims_clear(&claims);
}

void session_sign_in(struct core *core, const struct credentials *credentials, session_done done,
                     void *data)
{
    struct sign_in *sign_in = g_new0(struct sign_in, 1);
    bool server_key = g_str_has_prefix(credentials->token, SERVER_KEY_PREFIX);
    g_autofree char *made = NULL;
    sign_in->core = core;
    sign_in->key = g_strdup(session_key(credentials, &made));
    sign_in->known = g_new0(struct known, 1);
    sign_in->done = done;
    sign_in->data = data;
    if (server_key) {
        sign_in->on_behalf = g_strdup(credentials->on_behalf);
        sign_in_with_key(sign_in, credentials->token);
    } else {
        sign_in_with_token(sign_in, credentials->token);
    }
}

/* ---- Looking up hosted users by address ----------------------------------------------------------- */

struct lookup {
    struct core *core;
    account_done done;
    void *data;
    struct account *account; /* reference, when it was in memory */
};

static void lookup_known(void *data)
{
    g_autofree struct lookup *lookup = data;
    lookup->done(lookup->account, ERROR_NONE, lookup->data);
    account_unref(lookup->account);
}

static void lookup_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct lookup *lookup = data;
    struct account *account = NULL;
    if (error == ERROR_NONE && is_hosted_row(rows))
        account = account_of_rows(lookup->core, rows);
    lookup->done(account, error, lookup->data);
}

void account_lookup_jid(struct core *core, const char *jid, account_done done, void *data)
{
    struct lookup *lookup = g_new0(struct lookup, 1);
    lookup->core = core;
    lookup->done = done;
    lookup->data = data;
    struct account *known = account_find_jid(core, jid);
    if (known && known->hosted) {
        lookup->account = account_ref(known);
        loop_defer(lookup_known, lookup);
        return;
    }
    const char *values[] = {jid};
    archive_query(core->archive, QUERY_USER_BY_JID, values, lookup_read, lookup);
}
