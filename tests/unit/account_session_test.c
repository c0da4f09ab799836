/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is remembered of a sign-in, for how long, and for whom a server key acts. */
#include "config.h"

#include <jwt.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/account/lookup.h"
#include "bridge/account/revocation.h"
#include "bridge/account/secret.h"
#include "bridge/account/session.h"
#include "bridge/account/sign_in.h"
#include "bridge/account/token.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
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
    struct limit_state limit;
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
    struct token_verifier *tokens = token_verifier_new(options, &error);
    ck_assert_ptr_nonnull(tokens);
    loop_start();
    core.accounts = accounts_new();
    core.sessions = sessions_new(options, core.accounts, NULL, tokens);
}

static void stop(void)
{
    fake_clear();
    sessions_free(core.sessions);
    accounts_free(core.accounts);
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

static void signed_in(const struct session *session, const struct sign_in_problem *problem,
                      void *data)
{
    (void)data;
    ck_assert_int_eq(session == NULL, problem != NULL);
    result.calls++;
    result.code = problem ? problem->code : ERROR_NONE;
    result.limit = problem ? problem->limit : (struct limit_state){0};
    g_free(result.jid);
    result.jid = session && session->account ? g_strdup(session->account->jid) : NULL;
    result.may_send = session && session_has_scope(session, "send");
}

static void sign_in(const char *token, const char *on_behalf)
{
    struct credentials credentials = {.token = token, .on_behalf = on_behalf};
    session_sign_in(core.sessions, &credentials, signed_in, NULL);
    ck_assert_uint_eq(result.calls, 0); /* never before the call returned */
    g_main_context_iteration(NULL, FALSE);
}

static bool known(const char *token, const char *on_behalf)
{
    struct credentials credentials = {.token = token, .on_behalf = on_behalf};
    struct session session;
    return session_lookup(core.sessions, &credentials, &session);
}

static void answer_user(const char *id, const char *jid, const char *kind)
{
    const char *row[] = {id, jid, "Name", "{}", kind, "17"};
    fake_answer(1, 6, row);
}

/* The user of a token, as of POSITION. */
static void answer_token(const char *id, const char *jid, const char *state, const char *position)
{
    const char *row[] = {id, jid, "Name", "{}", "hosted", "17", state, position, "1"};
    ck_assert_int_eq(fake_asked(), QUERY_USER_SIGN_IN);
    fake_answer(1, 9, row);
}

static void answer_check(const char *state, const char *position)
{
    const char *row[] = {state, position, "1"};
    ck_assert_int_eq(fake_asked(), QUERY_SESSION_CHECK);
    fake_answer(1, 3, row);
}

/* A server key (SCOPES NULL: there is none) and whom it acts for. */
static void answer_key(const char *scopes, const char *id, const char *jid, const char *kind)
{
    const char *row[] = {id, jid, "Name", "{}", kind, "17", "0", "0", "1", scopes};
    ck_assert_int_eq(fake_asked(), QUERY_SERVER_KEY_SIGN_IN);
    fake_answer(scopes ? 1 : 0, 10, row);
}

START_TEST(token_is_verified_once_until_it_expires)
{
    start();
    g_autofree char *token = make_token("Alice", 3600);
    ck_assert(!known(token, NULL));
    sign_in(token, NULL);
    ck_assert_int_eq(fake_asked(), QUERY_USER_SIGN_IN);
    ck_assert_str_eq(fake_value(0), "Alice"); /* the app's id as it is, the address in lower case */
    ck_assert_str_eq(fake_value(1), "alice");
    answer_token(ALICE, "alice@app.example.org", "0", "0");
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
    answer_key("users send", NULL, NULL, NULL);
    ck_assert_int_eq(result.code, ERROR_NONE);
    ck_assert(result.may_send);
    ck_assert_ptr_null(result.jid);
    ck_assert(known("tsk_1", NULL));
    ck_assert(!known("tsk_1", "alice"));
    clock_advance(6 * G_USEC_PER_SEC);
    ck_assert(!known("tsk_1", NULL));
    result.calls = 0;
    sign_in("tsk_1", NULL);
    answer_key(NULL, NULL, NULL, NULL);
    ck_assert_int_eq(result.code, ERROR_UNAUTHENTICATED);
    ck_assert(!known("tsk_1", NULL));
    stop();
}
END_TEST

START_TEST(server_key_acts_for_hosted_users_only)
{
    start();
    sign_in("tsk_1", "alice");
    answer_key("users send", ALICE, "alice@app.example.org", "hosted");
    ck_assert_str_eq(result.jid, "alice@app.example.org");
    ck_assert(known("tsk_1", "alice"));
    ck_assert(!known("tsk_1\nalice", NULL)); /* no spelling of it is a token */
    result.calls = 0;
    sign_in("tsk_1", ROMEO);
    answer_key("users send", ROMEO, "romeo@example.org", "remote");
    ck_assert_int_eq(result.code, ERROR_NOT_FOUND);
    ck_assert_ptr_null(account_find_jid(core.accounts, "romeo@example.org"));
    ck_assert(!known("tsk_1", ROMEO));
    result.calls = 0;
    sign_in("tsk_1", "nobody");
    answer_key("users send", NULL, NULL, NULL);
    ck_assert_int_eq(result.code, ERROR_NOT_FOUND);
    result.calls = 0;
    sign_in("tsk_2", "alice");
    answer_key("users", ALICE, "alice@app.example.org", "hosted");
    ck_assert_int_eq(result.code, ERROR_FORBIDDEN);
    stop();
}
END_TEST

START_TEST(header_means_nothing_with_a_users_token)
{
    start();
    g_autofree char *token = make_token("alice", 60);
    sign_in(token, "bob");
    ck_assert_int_eq(fake_asked(), QUERY_USER_SIGN_IN);
    ck_assert_str_eq(fake_value(0), "alice");
    answer_token(ALICE, "alice@app.example.org", "0", "0");
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
        struct credentials credentials = {.token = key};
        session_sign_in(core.sessions, &credentials, signed_in, NULL);
        answer_key("send", NULL, NULL, NULL);
    }
    ck_assert_uint_le(g_hash_table_size(core.sessions->table), 65536);
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
    account_lookup_jid(core.accounts, "alice@app.example.org", found, NULL);
    ck_assert_int_eq(fake_asked(), QUERY_USER_BY_JID);
    answer_user(ALICE, "alice@app.example.org", "hosted");
    ck_assert_ptr_nonnull(looked_up);
    account_lookup_jid(core.accounts, "alice@app.example.org", found, NULL);
    ck_assert_uint_eq(lookups, 1); /* later, even from memory */
    g_main_context_iteration(NULL, FALSE);
    ck_assert_uint_eq(lookups, 2);
    account_lookup_jid(core.accounts, "romeo@example.org", found, NULL);
    answer_user(ROMEO, "romeo@example.org", "remote");
    ck_assert_ptr_null(looked_up);
    account_lookup_jid(core.accounts, "nobody@app.example.org", found, NULL);
    fake_fail(ERROR_UNAVAILABLE);
    ck_assert_uint_eq(lookups, 4);
    stop();
}
END_TEST

/* ---- Signing out, suspension ----------------------------------------------------------------- */

struct stream {
    struct subscriber subscriber;
    const char *closed; /* why */
};

static void stream_revoked(struct subscriber *subscriber)
{
    struct stream *stream = loop_owner(subscriber, struct stream, subscriber);
    stream->closed = subscriber->why;
    subscriber_remove(&core, subscriber); /* as a stream may that ends at once */
}

static void stream_open(struct stream *stream, const char *token)
{
    struct credentials credentials = {.token = token};
    struct session session;
    ck_assert(session_lookup(core.sessions, &credentials, &session));
    *stream = (struct stream){.subscriber = {.revoked = stream_revoked, .grant = session.grant}};
    subscriber_add(&core, &stream->subscriber, session.account);
}

static void sign_in_as(const char *token, const char *id, const char *jid)
{
    result.calls = 0;
    sign_in(token, NULL);
    answer_token(id, jid, "0", "0");
    ck_assert_uint_eq(result.calls, 1);
}

static void sign_in_key(const char *key, const char *on_behalf)
{
    result.calls = 0;
    sign_in(key, on_behalf);
    answer_key("users send", on_behalf ? ALICE : NULL, "alice@app.example.org", "hosted");
    ck_assert_int_eq(result.code, ERROR_NONE);
}

static void answer_revocation(const char *head, const char *position, const char *user,
                              const char *credential, const char *issued_before)
{
    const char *row[] = {head, position, user, credential, issued_before, "signed out"};
    ck_assert_int_eq(fake_asked(), QUERY_REVOCATION_SINCE);
    fake_answer(1, 6, row);
}

static void count_done(void *data)
{
    (*(unsigned *)data)++;
}

START_TEST(the_state_of_the_user_decides)
{
    start();
    g_autofree char *token = make_token("alice", 60);
    static const struct {
        const char *state;
        enum error_code code;
    } rows[] = {{"1", ERROR_UNAUTHENTICATED}, {"2", ERROR_FORBIDDEN}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        result.calls = 0;
        sign_in(token, NULL);
        answer_token(ALICE, "alice@app.example.org", rows[i].state, "0");
        ck_assert_int_eq(result.code, rows[i].code);
        ck_assert(!known(token, NULL));
    }
    stop();
}
END_TEST

START_TEST(one_token_is_revoked_and_its_streams_close)
{
    start();
    struct stream first, second, other;
    g_autofree char *one = make_token("alice", 60), *two = make_token("alice", 61);
    g_autofree char *bob = make_token("bob", 60);
    sign_in_as(one, ALICE, "alice@app.example.org");
    sign_in_as(two, ALICE, "alice@app.example.org");
    sign_in_as(bob, ROMEO, "bob@app.example.org");
    stream_open(&first, one);
    stream_open(&second, two);
    stream_open(&other, bob);
    unsigned done = 0;
    struct uuid digest = secret_digest_bytes(one, (size_t)(strrchr(one, '.') - one));
    char text[UUID_TEXT_SIZE];
    uuid_format(&digest, text);
    revocations_catch_up(core.sessions, count_done, &done);
    ck_assert_str_eq(fake_value(0), "0");
    answer_revocation("1", "1", ALICE, text, NULL);
    ck_assert_uint_eq(done, 1);
    ck_assert_str_eq(first.closed, "signed out");
    ck_assert_ptr_null(second.closed);
    ck_assert(!known(one, NULL) && known(two, NULL) && known(bob, NULL));
    /* Everything issued before some time; tokens here do not say when, so they are old. */
    revocations_catch_up(core.sessions, count_done, &done);
    answer_revocation("2", "2", ALICE, NULL, "1000");
    ck_assert_ptr_nonnull(second.closed);
    ck_assert(!known(two, NULL) && known(bob, NULL));
    ck_assert_ptr_null(other.closed);
    revocations_catch_up(core.sessions, count_done, &done);
    ck_assert_str_eq(fake_value(0), "2");
    answer_revocation("2", NULL, NULL, NULL, NULL);
    ck_assert_uint_eq(done, 3);
    subscriber_remove(&core, &other.subscriber);
    stop();
}
END_TEST

START_TEST(a_sign_in_beside_a_revocation_asks_again)
{
    start();
    g_autofree char *token = make_token("alice", 60), *before = make_token("alice", 61);
    sign_in_as(before, ALICE, "alice@app.example.org");
    result.calls = 0;
    sign_in(token, NULL);
    revocations_catch_up(core.sessions, NULL, NULL);
    const char *revoked[] = {"1", "1", ALICE, NULL, "1000", "signed out"};
    answer_token(ALICE, "alice@app.example.org", "0", "0"); /* from before the sign-out */
    /* The order of the two answers is what the test is about: both are under way. */
    ck_assert_uint_eq(result.calls, 1);
    ck_assert(known(token, NULL));
    fake_answer(1, 6, revoked);
    ck_assert(!known(token, NULL));
    result.calls = 0;
    sign_in(token, NULL);
    answer_token(ALICE, "alice@app.example.org", "0", "0");
    ck_assert_uint_eq(result.calls, 0);
    answer_check("1", "1");
    ck_assert_int_eq(result.code, ERROR_UNAUTHENTICATED);
    /* It does not go on for ever. */
    result.calls = 0;
    sign_in(token, NULL);
    answer_token(ALICE, "alice@app.example.org", "0", "0");
    for (int i = 0; i < 4; i++)
        answer_check("0", "0");
    ck_assert_int_eq(result.code, ERROR_UNAVAILABLE);
    stop();
}
END_TEST

START_TEST(a_gap_in_the_revocations_signs_everybody_out)
{
    start();
    struct stream stream;
    g_autofree char *token = make_token("alice", 60);
    sign_in_as(token, ALICE, "alice@app.example.org");
    stream_open(&stream, token);
    revocations_catch_up(core.sessions, NULL, NULL);
    answer_revocation("9", "9", ROMEO, NULL, NULL); /* 1 to 8 are gone */
    ck_assert_str_eq(stream.closed, "sign in again");
    ck_assert(!known(token, NULL));
    stop();
}
END_TEST

START_TEST(no_answer_revokes_nobody)
{
    start();
    unsigned done = 0;
    g_autofree char *token = make_token("alice", 60);
    sign_in_as(token, ALICE, "alice@app.example.org");
    revocations_catch_up(core.sessions, count_done, &done);
    fake_fail(ERROR_UNAVAILABLE);
    ck_assert_uint_eq(done, 1);
    ck_assert(known(token, NULL));
    stop();
}
END_TEST

START_TEST(cookies_and_tickets)
{
    start();
    static const char secret[] = "0123456789012345678901234567890123456789abc";
    const char *row[] = {ALICE,    "alice@app.example.org",
                         "Name",   "{}",
                         "hosted", "17",
                         "0",      "0",
                         "1",      ROMEO /* some digest */,
                         "1000",   "9000000000000000"};
    struct credentials cookie = {.token = secret, .kind = CREDENTIAL_COOKIE};
    struct credentials ticket = {.token = secret, .kind = CREDENTIAL_TICKET};
    struct session session;
    session_sign_in(core.sessions, &cookie, signed_in, NULL);
    ck_assert_int_eq(fake_asked(), QUERY_SESSION_FIND);
    ck_assert_ptr_null(strstr(fake_value(0), secret));
    fake_answer(1, 12, row);
    ck_assert_str_eq(result.jid, "alice@app.example.org");
    ck_assert(session_lookup(core.sessions, &cookie, &session));
    g_autofree char *csrf = secret_csrf(secret);
    ck_assert_str_eq(session.csrf, csrf);
    ck_assert_str_ne(csrf, secret);
    /* A cookie is no token, however it is spelled, and no ticket. */
    ck_assert(!known(secret, NULL));
    g_autofree char *key = g_strconcat("cookie\n", secret, NULL);
    ck_assert(!known(key, NULL));
    ck_assert(!session_lookup(core.sessions, &ticket, &session));
    session_sign_in(core.sessions, &ticket, signed_in, NULL);
    ck_assert_int_eq(fake_asked(), QUERY_TICKET_TAKE);
    fake_answer(1, 12, row);
    ck_assert(!session_lookup(core.sessions, &ticket, &session));
    session_sign_in(core.sessions, &ticket, signed_in, NULL);
    fake_answer(0, 12, NULL);
    ck_assert_int_eq(result.code, ERROR_UNAUTHENTICATED);
    stop();
}
END_TEST

START_TEST(use_puts_the_end_of_a_session_off)
{
    start();
    options->session_lifetime = 60;
    static const char secret[] = "0123456789012345678901234567890123456789abc";
    gint64 now = clock_wall();
    char soon[24], later[24];
    g_snprintf(soon, sizeof soon, "%" G_GINT64_FORMAT, now + 20 * G_USEC_PER_SEC);
    g_snprintf(later, sizeof later, "%" G_GINT64_FORMAT, now + 60 * G_USEC_PER_SEC);
    const char *row[] = {
        ALICE, "alice@app.example.org", "Name", "{}", "hosted", "17", "0", "0", "1", ROMEO, "1000",
        soon};
    struct credentials cookie = {.token = secret, .kind = CREDENTIAL_COOKIE};
    struct session session;
    session_sign_in(core.sessions, &cookie, signed_in, NULL);
    fake_answer(1, 12, row);
    ck_assert(session_lookup(core.sessions, &cookie, &session));
    ck_assert_int_eq(fake_asked(), QUERY_SESSION_RENEW);
    ck_assert(session_lookup(core.sessions, &cookie, &session)); /* it is asked once at a time */
    const char *expires[] = {later};
    /* A database that is away for a moment ends nobody's session. */
    fake_fail(ERROR_UNAVAILABLE);
    ck_assert(session_lookup(core.sessions, &cookie, &session));
    ck_assert(session.grant.renews);
    ck_assert_int_eq(fake_asked(), QUERY_SESSION_RENEW);
    fake_answer(1, 1, expires);
    ck_assert(session_lookup(core.sessions, &cookie, &session));
    ck_assert_int_eq(session.grant.expires, now + 60 * G_USEC_PER_SEC);
    ck_assert(session.grant.renews);
    /* No further than this, and nobody asks again. */
    clock_advance(40 * G_USEC_PER_SEC);
    ck_assert(session_lookup(core.sessions, &cookie, &session));
    ck_assert_int_eq(fake_asked(), QUERY_SESSION_RENEW);
    fake_answer(1, 1, expires);
    ck_assert(session_lookup(core.sessions, &cookie, &session));
    ck_assert(!session.grant.renews);
    /* The session is forgotten while it is asked. */
    sessions_forget_all(core.sessions);
    row[11] = later;
    session_sign_in(core.sessions, &cookie, signed_in, NULL);
    fake_answer(1, 12, row);
    ck_assert(session_lookup(core.sessions, &cookie, &session));
    sessions_forget_all(core.sessions);
    fake_answer(1, 1, expires);
    stop();
}
END_TEST

START_TEST(failures_are_counted_by_address)
{
    start();
    g_free(options->limits_signin);
    options->limits_signin = g_strdup("3/60");
    core.sessions->limiter = limiter_new(options);
    struct credentials bad = {.token = "bad", .address = 77};
    for (int i = 0; i < 4; i++) {
        session_sign_in(core.sessions, &bad, signed_in, NULL);
        g_main_context_iteration(NULL, FALSE);
        ck_assert_int_eq(result.code, i < 3 ? ERROR_UNAUTHENTICATED : ERROR_RATE_LIMITED);
    }
    bad.address = 78;
    session_sign_in(core.sessions, &bad, signed_in, NULL);
    g_main_context_iteration(NULL, FALSE);
    ck_assert_int_eq(result.code, ERROR_UNAUTHENTICATED);
    bad.address = 77;
    clock_advance(21 * G_USEC_PER_SEC);
    session_sign_in(core.sessions, &bad, signed_in, NULL);
    g_main_context_iteration(NULL, FALSE);
    ck_assert_int_eq(result.code, ERROR_UNAUTHENTICATED);
    limiter_free(core.sessions->limiter);
    stop();
}
END_TEST

static void set_limit(char **option, const char *rate)
{
    g_free(*option);
    *option = g_strdup(rate);
    core.sessions->limiter = limiter_new(options);
}

/* Who is over a limit costs the database nothing: neither a look nor a change of the name. */
START_TEST(a_sign_in_over_a_limit_asks_nobody)
{
    start();
    set_limit(&options->limits_requests, "3/60");
    for (int i = 0; i < 5; i++) {
        g_autofree char *token = make_token("alice", 60 + i);
        result.calls = 0;
        sign_in(token, NULL);
        if (i < 3) {
            ck_assert_int_eq(fake_asked(), QUERY_USER_SIGN_IN);
            fake_fail(ERROR_UNAVAILABLE);
            continue;
        }
        ck_assert_int_eq(fake_asked(), QUERY_MAX);
        ck_assert_int_eq(result.code, ERROR_RATE_LIMITED);
        ck_assert_int_eq(result.limit.limit, LIMIT_REQUESTS);
        ck_assert_int_eq(result.limit.count, 3);
    }
    g_autofree char *bob = make_token("bob", 60);
    sign_in_as(bob, ROMEO, "bob@app.example.org");
    ck_assert(known(bob, NULL));
    limiter_free(core.sessions->limiter);
    stop();
}
END_TEST

START_TEST(a_user_who_is_known_is_counted_as_such)
{
    start();
    set_limit(&options->limits_requests, "3/60");
    g_autofree char *token = make_token("alice", 60), *next = make_token("alice", 61);
    sign_in_as(token, ALICE, "alice@app.example.org");
    struct credentials credentials = {.token = token};
    struct session session;
    ck_assert(session_lookup(core.sessions, &credentials, &session));
    while (limit_reserve(core.sessions->limiter, session.account, LIMIT_REQUESTS))
        continue;
    result.calls = 0;
    sign_in(next, NULL);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    ck_assert_int_eq(result.code, ERROR_RATE_LIMITED);
    /* It is the limit of what is asked for that counts, and a token as such costs nothing. */
    credentials = (struct credentials){.token = next, .limit = LIMIT_MESSAGES};
    session_sign_in(core.sessions, &credentials, signed_in, NULL);
    answer_token(ALICE, "alice@app.example.org", "1", "0");
    ck_assert_int_eq(result.code, ERROR_UNAUTHENTICATED);
    limiter_free(core.sessions->limiter);
    stop();
}
END_TEST

START_TEST(one_who_may_not_come_in_runs_out_of_tries)
{
    start();
    set_limit(&options->limits_requests, "3/60");
    for (int i = 0; i < 6; i++) {
        g_autofree char *token = make_token("alice", 60 + i);
        result.calls = 0;
        sign_in(token, NULL);
        if (fake_asked() == QUERY_USER_SIGN_IN)
            answer_token(ALICE, "alice@app.example.org", "2", "0");
        ck_assert_int_eq(result.code, i < 3 ? ERROR_FORBIDDEN : ERROR_RATE_LIMITED);
    }
    limiter_free(core.sessions->limiter);
    stop();
}
END_TEST

START_TEST(a_server_key_over_its_limit_asks_nobody)
{
    start();
    set_limit(&options->limits_server, "3/60");
    for (int i = 0; i < 5; i++) {
        g_autofree char *nobody = g_strdup_printf("nobody%d", i);
        result.calls = 0;
        sign_in("tsk_1", nobody);
        if (i < 3)
            answer_key("users send", NULL, NULL, NULL);
        ck_assert_int_eq(fake_asked(), QUERY_MAX);
        ck_assert_int_eq(result.code, i < 3 ? ERROR_NOT_FOUND : ERROR_RATE_LIMITED);
    }
    ck_assert_int_eq(result.limit.limit, LIMIT_SERVER);
    limiter_free(core.sessions->limiter);
    stop();
}
END_TEST

START_TEST(a_server_key_that_ends_takes_its_own_along)
{
    start();
    struct uuid digest = secret_digest("tsk_1");
    char text[UUID_TEXT_SIZE];
    uuid_format(&digest, text);
    g_autofree char *token = make_token("alice", 60);
    sign_in_as(token, ALICE, "alice@app.example.org");
    struct stream by_token, by_key;
    stream_open(&by_token, token);
    static const char *const keys[] = {"tsk_1", "tsk_2"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        sign_in_key(keys[i], NULL);
        sign_in_key(keys[i], "alice");
    }
    by_key = (struct stream){.subscriber = {.revoked = stream_revoked, .grant.credential = digest}};
    subscriber_add(&core, &by_key.subscriber,
                   account_find_jid(core.accounts, "alice@app.example.org"));
    revocations_catch_up(core.sessions, NULL, NULL);
    answer_revocation("1", "1", "00000000-0000-0000-0000-000000000000", text, NULL);
    ck_assert(!known("tsk_1", NULL) && !known("tsk_1", "alice"));
    ck_assert(known("tsk_2", NULL) && known("tsk_2", "alice") && known(token, NULL));
    ck_assert_str_eq(by_key.closed, "signed out");
    ck_assert_ptr_null(by_token.closed);
    subscriber_remove(&core, &by_token.subscriber);
    stop();
}
END_TEST

START_TEST(an_own_id_that_is_somebodys_id_is_refused)
{
    start();
    g_autofree char *token = make_token(ROMEO, 60);
    sign_in(token, NULL);
    ck_assert_str_eq(fake_value(0), ROMEO);
    fake_answer(0, 9, NULL);
    ck_assert_int_eq(result.code, ERROR_UNAUTHENTICATED);
    ck_assert(!known(token, NULL));
    stop();
}
END_TEST

/* The operator has taken a key away: what it has signed is over, also what is just coming in. */
START_TEST(a_key_that_is_gone_takes_what_it_has_signed)
{
    start();
    g_autofree char *token = make_token("alice", 60), *late = make_token("alice", 61);
    struct stream stream;
    sign_in_as(token, ALICE, "alice@app.example.org");
    sign_in_key("tsk_1", NULL);
    stream_open(&stream, token);
    result.calls = 0;
    sign_in(late, NULL);
    const struct revocation none = {.keys = core.sessions->tokens};
    session_revoke(core.sessions, &none);
    ck_assert(known(token, NULL) && !stream.closed);
    options->auth_key[0] ^= 1;
    sessions_renew_tokens(core.sessions, token_verifier_new(options, NULL));
    ck_assert(!known(token, NULL) && known("tsk_1", NULL));
    ck_assert_str_eq(stream.closed, "sign in again");
    answer_token(ALICE, "alice@app.example.org", "0", "0");
    ck_assert_int_eq(result.code, ERROR_UNAUTHENTICATED);
    ck_assert(!known(late, NULL));
    stop();
}
END_TEST

UNIT_MAIN("account_session", token_is_verified_once_until_it_expires,
          bad_token_asks_nobody_and_is_not_remembered, database_away_is_not_remembered,
          users_who_cannot_be_addresses_get_surrogates, revoked_server_key_is_forgotten_in_seconds,
          server_key_acts_for_hosted_users_only, header_means_nothing_with_a_users_token,
          what_is_remembered_has_a_ceiling, lookup_finds_hosted_users_only,
          the_state_of_the_user_decides, one_token_is_revoked_and_its_streams_close,
          a_sign_in_beside_a_revocation_asks_again, a_gap_in_the_revocations_signs_everybody_out,
          no_answer_revokes_nobody, cookies_and_tickets, use_puts_the_end_of_a_session_off,
          failures_are_counted_by_address, a_sign_in_over_a_limit_asks_nobody,
          one_who_may_not_come_in_runs_out_of_tries, a_user_who_is_known_is_counted_as_such,
          a_server_key_over_its_limit_asks_nobody, a_server_key_that_ends_takes_its_own_along,
          an_own_id_that_is_somebodys_id_is_refused, a_key_that_is_gone_takes_what_it_has_signed)
