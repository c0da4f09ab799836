/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signing in: tokens, cookies, tickets and server keys become accounts, and are remembered until they
 * expire or are revoked (tickets are not). */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/limit.h"
#include "bridge/core/provision.h"
#include "bridge/core/registry.h"
#include "bridge/core/revocation.h"
#include "bridge/core/secret.h"
#include "bridge/core/session.h"
#include "bridge/core/token.h"
#include "bridge/loop/loop.h"
#include "xep/jid.h"

#define SESSIONS_MAX 65536
#define SERVER_KEY_PREFIX "tsk_"
#define SERVER_KEY_MEMORY (5 * G_USEC_PER_SEC) /* a revoked key works no longer than this */

#define CHECKS_MAX 5 /* of one sign-in, while others are signed out beside it */

struct known {
    struct session session; /* references, scopes and csrf are owned */
    enum credential_kind kind;
    char **scopes;
    char *csrf;
    gint64 forget_at;         /* clock_monotonic; when to ask again */
    const char *key;          /* of core->sessions; NULL: not (yet) there */
    struct known *next, **link; /* of the same account, once there */
};

struct sign_in {
    struct core *core;
    char *key;   /* in core->sessions */
    char *token; /* of a cookie or ticket: its digest as the database has it */
    char *on_behalf;
    struct known *known;
    guint64 address;
    bool only_looks;
    unsigned checks;
    session_done done;
    void *data;
    enum error_code error; /* of a sign-in that failed before it asked anybody */
    const char *detail;
};

static void known_free(gpointer data)
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

void sessions_init(struct core *core)
{
    core->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
    revocations_init(core);
}

void sessions_clear(struct core *core)
{
    revocations_clear(core);
    g_clear_pointer(&core->sessions, g_hash_table_unref);
}

/* The key under which a session is remembered. A user's own token, the hot case, is its own key. */
static const char *session_key(const struct credentials *credentials, char **ret_made)
{
    if (credentials->kind == CREDENTIAL_COOKIE)
        return *ret_made = g_strconcat("cookie\n", credentials->token, NULL);
    if (!credentials->on_behalf || !g_str_has_prefix(credentials->token, SERVER_KEY_PREFIX))
        return credentials->token;
    return *ret_made = g_strconcat(credentials->token, "\n", credentials->on_behalf, NULL);
}

static bool is_stale(const struct known *known)
{
    return clock_wall() >= known->session.grant.expires || clock_monotonic() >= known->forget_at;
}

bool session_lookup(struct core *core, const struct credentials *credentials,
                    struct session *ret_session)
{
    g_autofree char *made = NULL;
    const struct known *known =
        g_hash_table_lookup(core->sessions, session_key(credentials, &made));
    if (!known || known->kind != credentials->kind || is_stale(known))
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
    struct known *known = g_steal_pointer(&sign_in->known);
    struct account *account = known->session.account;
    if (g_hash_table_size(sessions) >= SESSIONS_MAX)
        g_hash_table_foreach_remove(sessions, stale_entry, NULL);
    if (g_hash_table_size(sessions) >= SESSIONS_MAX)
        g_hash_table_remove_all(sessions);
    known->key = sign_in->key;
    g_hash_table_replace(sessions, g_steal_pointer(&sign_in->key), known);
    if (!account)
        return;
    known->next = account->known;
    known->link = &account->known;
    if (known->next)
        known->next->link = &known->next;
    account->known = known;
}

/* A bad credential from one address has a bucket of its own. */
static struct uuid credential_subject(const struct sign_in *sign_in)
{
    g_autofree char *text =
        g_strdup_printf("%" G_GUINT64_FORMAT "\n%s", sign_in->address, sign_in->key);
    return secret_digest(text);
}

/* Who has the wrong credentials again and again waits. The same one again is no guess but a page that
 * was left open and tries to connect for ever: it waits alone, and not all who share its address. */
static void note_failure(const struct sign_in *sign_in, enum error_code error)
{
    struct limiter *limiter = sign_in->core->limiter;
    struct limit_state state;
    if (sign_in->address == 0 || (error != ERROR_UNAUTHENTICATED && error != ERROR_FORBIDDEN))
        return;
    struct uuid credential = credential_subject(sign_in);
    limiter_look(limiter, &credential, LIMIT_SIGNIN, &state);
    bool is_new = state.full_in == 0;
    limiter_take(limiter, &credential, LIMIT_SIGNIN, &state);
    struct uuid address = limit_subject(sign_in->address);
    if (is_new)
        limiter_take(limiter, &address, LIMIT_SIGNIN, &state);
}

static void sign_in_finish(struct sign_in *sign_in, enum error_code error, const char *detail)
{
    if (error == ERROR_NONE) {
        /* The session lives in the table, which the callback may change: hold what it has. */
        struct session session = sign_in->known->session;
        if (session.account)
            account_ref(session.account);
        g_auto(GStrv) scopes = g_strdupv(sign_in->known->scopes);
        g_autofree char *csrf = g_strdup(sign_in->known->csrf);
        session.scopes = (const char *const *)scopes;
        session.csrf = csrf;
        if (sign_in->known->kind != CREDENTIAL_TICKET)
            remember(sign_in);
        sign_in->done(&session, ERROR_NONE, NULL, sign_in->data);
        account_unref(session.account);
    } else {
        note_failure(sign_in, error);
        sign_in->done(NULL, error, detail, sign_in->data);
    }
    if (sign_in->known)
        known_free(sign_in->known);
    g_free(sign_in->key);
    g_free(sign_in->token);
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

/* ---- Whether the user may come in ------------------------------------------------------------------ */

enum access_state { ACCESS_GRANTED, ACCESS_SIGNED_OUT, ACCESS_SUSPENDED };

static void check(struct sign_in *sign_in);

/* The database said STATE as of POSITION; if somebody was signed out since, that may be too old. */
static void checked(struct sign_in *sign_in, gint64 state, gint64 position)
{
    if (state == ACCESS_GRANTED && !revocations_cover(sign_in->core, position)) {
        if (++sign_in->checks < CHECKS_MAX)
            check(sign_in);
        else
            sign_in_finish(sign_in, ERROR_UNAVAILABLE, NULL);
    } else if (state == ACCESS_GRANTED) {
        sign_in_finish(sign_in, ERROR_NONE, NULL);
    } else if (state == ACCESS_SUSPENDED) {
        sign_in_finish(sign_in, ERROR_FORBIDDEN, "the user is suspended");
    } else {
        sign_in_finish(sign_in, ERROR_UNAUTHENTICATED, "was signed out");
    }
}

static void check_read(const struct rows *rows, enum error_code error, void *data)
{
    struct sign_in *sign_in = data;
    if (error != ERROR_NONE || rows_count(rows) != 1) {
        sign_in_finish(sign_in, error != ERROR_NONE ? error : ERROR_INTERNAL, NULL);
        return;
    }
    sign_in->known->session.account->created_at = rows_integer(rows, 0, 2);
    checked(sign_in, rows_integer(rows, 0, 0), rows_integer(rows, 0, 1));
}

/* A row of session_find or ticket_take. */
static void secret_read(const struct rows *rows, enum error_code error, void *data)
{
    struct sign_in *sign_in = data;
    struct known *known = sign_in->known;
    struct account *account = NULL;
    if (error == ERROR_NONE && is_hosted_row(rows))
        account = account_of_rows(sign_in->core, rows);
    if (!account) {
        sign_in_finish(sign_in, error == ERROR_NONE ? ERROR_UNAUTHENTICATED : error,
                       known->kind == CREDENTIAL_TICKET ? "the ticket is not valid"
                                                        : "the session is not valid");
        return;
    }
    account_unref(known->session.account); /* of an earlier check */
    known->session.account = account_ref(account);
    account->created_at = rows_integer(rows, 0, 8);
    known->session.grant = (struct grant){.issued = rows_integer(rows, 0, 10),
                                          .expires = rows_integer(rows, 0, 11)};
    rows_uuid(rows, 0, 9, &known->session.grant.credential); /* nil: made by a server key */
    checked(sign_in, rows_integer(rows, 0, 6), rows_integer(rows, 0, 7));
}

static void check(struct sign_in *sign_in)
{
    const struct session *session = &sign_in->known->session;
    struct archive *archive = sign_in->core->archive;
    char credential[UUID_TEXT_SIZE], issued[24];
    if (sign_in->token && sign_in->known->kind == CREDENTIAL_COOKIE) {
        const char *values[] = {sign_in->token};
        archive_query(archive, QUERY_SESSION_FIND, values, secret_read, sign_in);
        return;
    }
    uuid_format(&session->grant.credential, credential);
    g_snprintf(issued, sizeof issued, "%" G_GINT64_FORMAT, session->grant.issued);
    bool own = !sign_in->on_behalf;
    const char *values[] = {session->account->id_text, own ? credential : NULL,
                            own ? issued : NULL};
    archive_query(archive, QUERY_SESSION_CHECK, values, check_read, sign_in);
}

static void sign_in_with_secret(struct sign_in *sign_in, const char *secret)
{
    struct uuid digest = secret_digest(secret);
    sign_in->token = g_malloc(UUID_TEXT_SIZE);
    uuid_format(&digest, sign_in->token);
    sign_in->known->forget_at = G_MAXINT64;
    if (sign_in->known->kind == CREDENTIAL_COOKIE) {
        sign_in->known->session.csrf = sign_in->known->csrf = secret_csrf(secret);
        check(sign_in);
        return;
    }
    const char *values[] = {sign_in->token};
    archive_query(sign_in->core->archive,
                  sign_in->only_looks ? QUERY_TICKET_FIND : QUERY_TICKET_TAKE, values, secret_read,
                  sign_in);
}

/* ---- Server keys and tokens ------------------------------------------------------------------------ */

static void user_read(const struct rows *rows, enum error_code error, void *data)
{
    struct sign_in *sign_in = data;
    struct account *account = NULL;
    bool found = error == ERROR_NONE &&
                 (sign_in->on_behalf ? is_hosted_row(rows) : rows_count(rows) == 1);
    if (found)
        account = account_of_rows(sign_in->core, rows);
    if (account) {
        sign_in->known->session.account = account_ref(account);
        check(sign_in);
    } else {
        if (error == ERROR_NONE)
            error = sign_in->on_behalf ? ERROR_NOT_FOUND : ERROR_INTERNAL;
        sign_in_finish(sign_in, error, NULL);
    }
}

/* Acting for a user is a matter of the scope that the operation names, "send" for most. */
static bool may_act(const struct session *session)
{
    return session_has_scope(session, "send") || session_has_scope(session, "tickets");
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
    } else if (!may_act(&known->session)) {
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
    sign_in->known->session.grant = (struct grant){secret_digest(key), G_MAXINT64, G_MAXINT64};
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

static void fail_later(struct sign_in *sign_in, enum error_code error)
{
    sign_in->error = error;
    loop_defer(sign_in_failed, sign_in);
}

static void sign_in_with_token(struct sign_in *sign_in, const char *token)
{
    struct token_claims claims = {0};
    if (!token_verify(sign_in->core->tokens, token, &claims, &sign_in->detail)) {
        log_info(AREA_AUTH, "token-refused", "reason=\"%s\"", sign_in->detail);
        fail_later(sign_in, ERROR_UNAUTHENTICATED);
        return;
    }
    sign_in->known->session.grant =
        (struct grant){claims.digest, claims.issued, claims.expires};
    sign_in->known->forget_at = G_MAXINT64;
    struct user_claims user = {claims.subject, claims.username, claims.name, claims.picture};
    user_provision(sign_in->core, &user, user_read, sign_in);
    token_claims_clear(&claims);
}

/* Whether the caller's address, or this credential from there, has failed too often. */
static bool must_wait(const struct sign_in *sign_in)
{
    struct limit_state address, credential;
    if (sign_in->address == 0)
        return false;
    struct uuid subject = limit_subject(sign_in->address);
    limiter_look(sign_in->core->limiter, &subject, LIMIT_SIGNIN, &address);
    subject = credential_subject(sign_in);
    limiter_look(sign_in->core->limiter, &subject, LIMIT_SIGNIN, &credential);
    return address.remaining == 0 || credential.remaining == 0;
}

static struct sign_in *sign_in_new(struct core *core, const struct credentials *credentials)
{
    struct sign_in *sign_in = g_new0(struct sign_in, 1);
    g_autofree char *made = NULL;
    sign_in->core = core;
    sign_in->key = g_strdup(session_key(credentials, &made));
    sign_in->known = g_new0(struct known, 1);
    sign_in->known->kind = credentials->kind;
    sign_in->address = credentials->address;
    sign_in->only_looks = credentials->only_looks;
    return sign_in;
}

void session_sign_in(struct core *core, const struct credentials *credentials, session_done done,
                     void *data)
{
    struct sign_in *sign_in = sign_in_new(core, credentials);
    const char *token = credentials->token;
    sign_in->done = done;
    sign_in->data = data;
    if (must_wait(sign_in)) {
        sign_in->detail = "too many failed sign-ins from this address";
        fail_later(sign_in, ERROR_RATE_LIMITED);
    } else if (credentials->kind != CREDENTIAL_TOKEN) {
        sign_in_with_secret(sign_in, token);
    } else if (g_str_has_prefix(token, SERVER_KEY_PREFIX)) {
        sign_in->on_behalf = g_strdup(credentials->on_behalf);
        sign_in_with_key(sign_in, token);
    } else {
        sign_in_with_token(sign_in, token);
    }
}

/* ---- Revoking -------------------------------------------------------------------------------------- */

static bool is_meant(const struct revocation *revocation, const struct grant *grant)
{
    if (!uuid_is_nil(&revocation->credential))
        return uuid_equal(&revocation->credential, &grant->credential);
    return revocation->issued_before == 0 || grant->issued < revocation->issued_before;
}

static void revoke_account(struct core *core, struct account *account,
                           const struct revocation *revocation)
{
    struct known *next;
    account_ref(account);
    for (struct known *known = account->known; known; known = next) {
        next = known->next;
        if (is_meant(revocation, &known->session.grant))
            g_hash_table_remove(core->sessions, known->key);
    }
    /* A subscriber may remove itself while it is told; walk from the end. */
    for (guint i = account->subscribers ? account->subscribers->len : 0; i-- > 0;) {
        if (!account->subscribers || i >= account->subscribers->len)
            continue;
        struct subscriber *subscriber = g_ptr_array_index(account->subscribers, i);
        if (is_meant(revocation, &subscriber->grant)) {
            subscriber->why = revocation->reason;
            subscriber->revoked(subscriber);
        }
    }
    account_unref(account);
}

void session_revoke(struct core *core, const struct revocation *revocation)
{
    struct account *account = account_find(core, &revocation->user);
    if (account)
        revoke_account(core, account, revocation);
    if (!uuid_is_nil(&revocation->user))
        return;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_remove_all(core->sessions);
    g_hash_table_iter_init(&iter, core->accounts_by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        revoke_account(core, value, revocation);
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
