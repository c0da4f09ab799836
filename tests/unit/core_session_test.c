/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is remembered of a sign-in, for how long, and for whom a server key acts. */
#include "config.h"

#include <jwt.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/core/account.h"
#include "bridge/core/core.h"
#include "bridge/core/provision.h"
#include "bridge/core/registry.h"
#include "bridge/core/session.h"
#include "bridge/core/token.h"
#include "bridge/loop/loop.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

#define KEY "0123456789abcdef0123456789abcdef"
#define ALICE "00000000-0000-7000-8000-00000000000a"
#define ROMEO "00000000-0000-7000-8000-00000000000b"

static struct core core;
static struct options *options;
static struct {
    unsigned calls;
    enum error_code code;
    char *jid;
    bool may_send;
} result;

static void start(void)
{
    memset(&core, 0, sizeof core);
    options = options_new();
    g_free(options->auth_key);
    options->auth_key = g_strdup(KEY);
    g_free(options->xmpp_domain);
    options->xmpp_domain = g_strdup("app.example.org");
    core.options = options;
    g_autoptr(GError) error = NULL;
    core.tokens = token_verifier_new(options, &error);
    ck_assert_ptr_nonnull(core.tokens);
    loop_start();
    accounts_init(&core);
    sessions_init(&core);
}

static void stop(void)
{
    fake_clear();
    sessions_clear(&core);
    accounts_clear(&core);
    token_verifier_free(core.tokens);
    loop_stop();
    options_free(options);
    g_clear_pointer(&result.jid, g_free);
    memset(&result, 0, sizeof result);
}

static char *make_token(const char *subject, gint64 seconds)
{
    jwt_t *jwt = NULL;
    ck_assert_int_eq(jwt_new(&jwt), 0);
    jwt_add_grant(jwt, "sub", subject);
    jwt_add_grant_int(jwt, "exp", (long)(clock_wall() / G_USEC_PER_SEC + seconds));
    jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)KEY, (int)strlen(KEY));
    char *text = jwt_encode_str(jwt);
    char *copy = g_strdup(text);
    free(text);
    jwt_free(jwt);
    return copy;
}

static void signed_in(const struct session *session, enum error_code code, const char *detail,
                      void *data)
{
    (void)detail;
    (void)data;
    result.calls++;
    result.code = code;
    g_free(result.jid);
    result.jid = session && session->account ? g_strdup(session->account->jid) : NULL;
    result.may_send = session && session_has_scope(session, "send");
}

static void sign_in(const char *token, const char *on_behalf)
{
    struct credentials credentials = {token, on_behalf};
    session_sign_in(&core, &credentials, signed_in, NULL);
    ck_assert_uint_eq(result.calls, 0); /* never before the call returned */
    g_main_context_iteration(NULL, FALSE);
}

static bool known(const char *token, const char *on_behalf)
{
    struct credentials credentials = {token, on_behalf};
    struct session session;
    return session_lookup(&core, &credentials, &session);
}

static void answer_user(const char *id, const char *jid, const char *kind)
{
    const char *row[] = {id, jid, "Name", "{}", kind, "17"};
    fake_answer(1, 6, row);
}

static void answer_key(const char *scopes)
{
    ck_assert_int_eq(fake_asked(), QUERY_SERVER_KEY_FIND);
    fake_answer(1, 1, &scopes);
}

START_TEST(token_is_verified_once_until_it_expires)
{
    start();
    g_autofree char *token = make_token("Alice", 3600);
    ck_assert(!known(token, NULL));
    sign_in(token, NULL);
    ck_assert_int_eq(fake_asked(), QUERY_USER_PROVISION);
    ck_assert_str_eq(fake_value(0), "Alice"); /* the app's id as it is, the address in lower case */
    ck_assert_str_eq(fake_value(1), "alice");
    answer_user(ALICE, "alice@app.example.org", "t");
    ck_assert_uint_eq(result.calls, 1);
    ck_assert_str_eq(result.jid, "alice@app.example.org");
    ck_assert(known(token, NULL));
    clock_advance((gint64)3500 * G_USEC_PER_SEC);
    ck_assert(known(token, NULL));
    clock_advance(200 * G_USEC_PER_SEC);
    ck_assert(!known(token, NULL));
    stop();
}
END_TEST

START_TEST(bad_token_asks_nobody_and_is_not_remembered)
{
    start();
    sign_in("not.a.token", NULL);
    ck_assert_uint_eq(result.calls, 1);
    ck_assert_int_eq(result.code, ERROR_UNAUTHENTICATED);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    ck_assert(!known("not.a.token", NULL));
    stop();
}
END_TEST

START_TEST(database_away_is_not_remembered)
{
    start();
    g_autofree char *token = make_token("alice", 60);
    sign_in(token, NULL);
    fake_fail(ERROR_UNAVAILABLE);
    ck_assert_int_eq(result.code, ERROR_UNAVAILABLE);
    ck_assert(!known(token, NULL));
    stop();
}
END_TEST

START_TEST(users_who_cannot_be_addresses_get_surrogates)
{
    start();
    g_autofree char *token = make_token("not a localpart!", 60);
    sign_in(token, NULL);
    ck_assert_ptr_null(fake_value(1));
    stop();
}
END_TEST

START_TEST(revoked_server_key_is_forgotten_in_seconds)
{
    start();
    sign_in("tsk_1", NULL);
    answer_key("users send");
    ck_assert_int_eq(result.code, ERROR_NONE);
    ck_assert(result.may_send);
    ck_assert_ptr_null(result.jid);
    ck_assert(known("tsk_1", NULL));
    ck_assert(!known("tsk_1", "alice"));
    clock_advance(6 * G_USEC_PER_SEC);
    ck_assert(!known("tsk_1", NULL));
    result.calls = 0;
    sign_in("tsk_1", NULL);
    answer_key(NULL);
    ck_assert_int_eq(result.code, ERROR_UNAUTHENTICATED);
    ck_assert(!known("tsk_1", NULL));
    stop();
}
END_TEST

START_TEST(server_key_acts_for_hosted_users_only)
{
    start();
    sign_in("tsk_1", "alice");
    answer_key("users send");
    ck_assert_int_eq(fake_asked(), QUERY_USER_FIND);
    answer_user(ALICE, "alice@app.example.org", "hosted");
    ck_assert_str_eq(result.jid, "alice@app.example.org");
    ck_assert(known("tsk_1", "alice"));
    result.calls = 0;
    sign_in("tsk_1", ROMEO);
    answer_key("users send");
    answer_user(ROMEO, "romeo@example.org", "remote");
    ck_assert_int_eq(result.code, ERROR_NOT_FOUND);
    ck_assert_ptr_null(account_find_jid(&core, "romeo@example.org"));
    ck_assert(!known("tsk_1", ROMEO));
    result.calls = 0;
    sign_in("tsk_1", "nobody");
    answer_key("users send");
    fake_answer(0, 5, NULL);
    ck_assert_int_eq(result.code, ERROR_NOT_FOUND);
    result.calls = 0;
    sign_in("tsk_2", "alice");
    answer_key("users");
    ck_assert_int_eq(result.code, ERROR_FORBIDDEN);
    stop();
}
END_TEST

START_TEST(header_means_nothing_with_a_users_token)
{
    start();
    g_autofree char *token = make_token("alice", 60);
    sign_in(token, "bob");
    ck_assert_int_eq(fake_asked(), QUERY_USER_PROVISION);
    ck_assert_str_eq(fake_value(0), "alice");
    answer_user(ALICE, "alice@app.example.org", "f");
    ck_assert_str_eq(result.jid, "alice@app.example.org");
    stop();
}
END_TEST

START_TEST(what_is_remembered_has_a_ceiling)
{
    start();
    for (int i = 0; i < 65536 + 10; i++) {
        g_autofree char *key = g_strdup_printf("tsk_%d", i);
        result.calls = 0;
        struct credentials credentials = {key, NULL};
        session_sign_in(&core, &credentials, signed_in, NULL);
        answer_key("send");
    }
    ck_assert_uint_le(g_hash_table_size(core.sessions), 65536);
    ck_assert(known("tsk_65545", NULL));
    stop();
}
END_TEST

static unsigned lookups;
static struct account *looked_up;

static void found(struct account *account, enum error_code error, void *data)
{
    (void)error;
    (void)data;
    lookups++;
    looked_up = account;
}

START_TEST(lookup_finds_hosted_users_only)
{
    start();
    lookups = 0;
    account_lookup_jid(&core, "alice@app.example.org", found, NULL);
    ck_assert_int_eq(fake_asked(), QUERY_USER_BY_JID);
    answer_user(ALICE, "alice@app.example.org", "hosted");
    ck_assert_ptr_nonnull(looked_up);
    account_lookup_jid(&core, "alice@app.example.org", found, NULL);
    ck_assert_uint_eq(lookups, 1); /* later, even from memory */
    g_main_context_iteration(NULL, FALSE);
    ck_assert_uint_eq(lookups, 2);
    account_lookup_jid(&core, "romeo@example.org", found, NULL);
    answer_user(ROMEO, "romeo@example.org", "remote");
    ck_assert_ptr_null(looked_up);
    account_lookup_jid(&core, "nobody@app.example.org", found, NULL);
    fake_fail(ERROR_UNAVAILABLE);
    ck_assert_uint_eq(lookups, 4);
    stop();
}
END_TEST

UNIT_MAIN("core_session", token_is_verified_once_until_it_expires,
          bad_token_asks_nobody_and_is_not_remembered, database_away_is_not_remembered,
          users_who_cannot_be_addresses_get_surrogates, revoked_server_key_is_forgotten_in_seconds,
          server_key_acts_for_hosted_users_only, header_means_nothing_with_a_users_token,
          what_is_remembered_has_a_ceiling, lookup_finds_hosted_users_only)
