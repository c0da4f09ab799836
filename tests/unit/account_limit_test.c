/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rates as they are written, buckets as they empty and fill, and the headers that tell of them. */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/base/rate.h"
#include "bridge/core/core.h"
#include "tests/unit/unit.h"

static struct options *options;
static struct limiter *limiter;
static const struct uuid alice = {{1}}, bob = {{2}};

static void start(const char *requests)
{
    options = options_new();
    g_free(options->limits_requests);
    options->limits_requests = g_strdup(requests);
    limiter = limiter_new(options);
}

static void stop(void)
{
    limiter_free(limiter);
    options_free(options);
}

static bool take(const struct uuid *subject)
{
    struct limit_state state;
    return limiter_take(limiter, subject, LIMIT_REQUESTS, &state);
}

static unsigned take_all(const struct uuid *subject)
{
    unsigned count = 0;
    while (count < 100000 && take(subject))
        count++;
    return count;
}

START_TEST(rates)
{
    static const char *const good[] = {"0", "0/60", "1/1", "100/60", "1000000/2678400"};
    static const char *const bad[] = {"",
                                      "/",
                                      "/60",
                                      "100",
                                      "100/",
                                      "100/0",
                                      "-1/5",
                                      "+1/5",
                                      " 1/5",
                                      "1/5 ",
                                      "1/5/5",
                                      "1/5s",
                                      "x",
                                      "1.5/5",
                                      "1e3/5",
                                      "1000001/5",
                                      "1/2678401",
                                      "99999999999999999999/1",
                                      "1/99999999999999999999"};
    struct rate rate = {7, 7};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        ck_assert_msg(!rate_parse(bad[i], &rate), "%s", bad[i]);
        ck_assert_int_eq(rate.count, 7);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
        ck_assert_msg(rate_parse(good[i], &rate), "%s", good[i]);
    ck_assert_int_eq(rate.count, 1000000);
    ck_assert_int_eq(rate.seconds, 2678400);
}
END_TEST

START_TEST(a_bucket_empties_and_fills)
{
    start("10/60");
    ck_assert_uint_eq(take_all(&alice), 10);
    ck_assert(take(&bob));
    clock_advance(5 * G_USEC_PER_SEC);
    ck_assert(!take(&alice));
    clock_advance(1 * G_USEC_PER_SEC); /* one comes back every six seconds */
    ck_assert(take(&alice));
    ck_assert(!take(&alice));
    clock_advance(60 * G_USEC_PER_SEC);
    ck_assert_uint_eq(take_all(&alice), 10);
    clock_advance((gint64)86400 * G_USEC_PER_SEC);
    ck_assert_uint_eq(take_all(&alice), 10); /* it does not run over */
    stop();
}
END_TEST

START_TEST(a_refused_one_costs_nothing)
{
    start("10/60");
    take_all(&alice);
    for (int i = 0; i < 1000; i++)
        ck_assert(!take(&alice));
    clock_advance(6 * G_USEC_PER_SEC);
    ck_assert(take(&alice));
    stop();
}
END_TEST

START_TEST(zero_is_without_limit)
{
    start("0");
    struct limit_state state;
    ck_assert_uint_eq(take_all(&alice), 100000);
    limiter_look(limiter, &alice, LIMIT_REQUESTS, &state);
    ck_assert_int_eq(state.count, 0);
    char policy[LIMIT_HEADER_SIZE], left[LIMIT_HEADER_SIZE];
    ck_assert(!limit_headers(&state, policy, left));
    ck_assert(limiter_take(NULL, &alice, LIMIT_REQUESTS, &state));
    ck_assert(limiter_take(limiter, &alice, LIMIT_NONE, &state));
    stop();
}
END_TEST

START_TEST(states_and_headers)
{
    start("10/60");
    struct limit_state state;
    char policy[LIMIT_HEADER_SIZE], left[LIMIT_HEADER_SIZE];
    limiter_look(limiter, &alice, LIMIT_REQUESTS, &state);
    ck_assert_int_eq(state.remaining, 10);
    limiter_take(limiter, &alice, LIMIT_REQUESTS, &state);
    ck_assert_int_eq(state.remaining, 9);
    ck_assert(limit_headers(&state, policy, left));
    ck_assert_str_eq(policy, "\"requests\";q=10;w=60");
    ck_assert_str_eq(left, "\"requests\";r=9;t=6");
    take_all(&alice);
    limiter_take(limiter, &alice, LIMIT_REQUESTS, &state);
    limit_headers(&state, policy, left);
    ck_assert_str_eq(left, "\"requests\";r=0;t=60");
    ck_assert_int_eq(limit_retry_seconds(&state), 6);
    clock_advance(2500000);
    limiter_look(limiter, &alice, LIMIT_REQUESTS, &state);
    ck_assert_int_eq(state.remaining, 0);
    ck_assert_int_eq(limit_retry_seconds(&state), 4); /* never too early */
    stop();
}
END_TEST

START_TEST(subjects_have_a_ceiling)
{
    start("1/60");
    take(&alice);
    for (guint i = 0; i < 140000; i++) {
        struct uuid id = {{0}};
        memcpy(id.bytes + 12, &i, sizeof i);
        take(&id);
    }
    clock_advance(61 * G_USEC_PER_SEC); /* all are idle now, and make room */
    ck_assert(take(&alice));
    ck_assert(!take(&alice));
    stop();
}
END_TEST

START_TEST(addresses_do_not_push_users_out)
{
    start("1/3600");
    struct limit_state state;
    take(&alice);
    for (guint64 i = 1; i < 140000; i++) {
        struct uuid id = limit_subject(i);
        limiter_take(limiter, &id, LIMIT_SIGNIN, &state);
    }
    ck_assert(!take(&alice));
    stop();
}
END_TEST

static guint64 address(const char *text)
{
    return limit_address_text(text, strlen(text));
}

START_TEST(addresses)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr);
    ck_assert(limit_address((struct sockaddr *)&v4) == address("192.0.2.7"));
    ck_assert(address("::ffff:192.0.2.7") == address("192.0.2.7"));
    ck_assert(address("192.0.2.7") != address("192.0.2.8"));
    ck_assert(address("2001:db8::1") ==
              address("2001:db8::2")); /* one subscriber has all of them */
    ck_assert(address("2001:db8:0:1::1") != address("2001:db8::1"));
    static const char *const loopback[] = {"127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"};
    for (size_t i = 0; i < G_N_ELEMENTS(loopback); i++)
        ck_assert(limit_address_is_loopback(address(loopback[i])));
    ck_assert(!limit_address_is_loopback(address("128.0.0.1")));
    ck_assert(!limit_address_is_loopback(address("2001:db8::1")));
    static const char *const none[] = {"",
                                       "x",
                                       "unknown",
                                       "192.0.2",
                                       "192.0.2.7:80",
                                       "[::1]",
                                       "1111:2222:3333:4444:5555:6666:7777:8888:9999"};
    for (size_t i = 0; i < G_N_ELEMENTS(none); i++)
        ck_assert(address(none[i]) == 0);
    ck_assert(limit_address(NULL) == 0);
}
END_TEST

START_TEST(only_young_accounts_are_held_to_new_conversations)
{
    start("1/60");
    struct account account = {.id = alice, .created_at = clock_wall()};
    struct core core = {.options = options, .limiter = limiter};
    unsigned count = 0;
    while (count < 1000 && limit_reserve(core.limiter, &account, LIMIT_CONVERSATIONS))
        count++;
    ck_assert_uint_eq(count, 10);
    account.created_at -= (gint64)8 * 86400 * G_USEC_PER_SEC;
    ck_assert(limit_is_waived(core.limiter, &account, LIMIT_CONVERSATIONS));
    stop();
}
END_TEST

UNIT_MAIN("account_limit", rates, a_bucket_empties_and_fills, a_refused_one_costs_nothing,
          zero_is_without_limit, states_and_headers, subjects_have_a_ceiling,
          addresses_do_not_push_users_out, addresses,
          only_young_accounts_are_held_to_new_conversations)
