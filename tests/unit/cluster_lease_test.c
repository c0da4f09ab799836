/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One holder at a time: it stops by its own clock before the database lets somebody else begin. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/lease.h"
#include "bridge/core/core.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

#define SECOND G_USEC_PER_SEC

static struct core core;
static struct lease *lease;
static int gains, losses;

static void gained(void *data)
{
    (void)data;
    ck_assert(lease_is_held(lease));
    gains++;
}

static void lost(void *data)
{
    (void)data;
    ck_assert(!lease_is_held(lease));
    losses++;
}

static bool publish(void *data, const char *bytes, size_t length)
{
    (void)data;
    (void)bytes;
    (void)length;
    return true;
}

static void start(void)
{
    static char name[] = "one";
    static struct options options = {.xmpp_secret = name, .cluster_instance = name};
    struct bus_transport transport = {NULL, publish, NULL};
    struct lease_callbacks callbacks = {gained, lost};
    core = (struct core){.options = &options, .archive = (struct archive *)&core};
    bus_init(&core, &transport);
    gains = losses = 0;
    fake_set_up(true);
    lease = lease_new(&core, "link", &callbacks, NULL);
}

static void finish(void)
{
    fake_clear();
    lease_free(lease);
    bus_clear(&core);
}

static void answer_useful(bool held, const char *epoch, bool useful)
{
    ck_assert_int_eq(fake_asked(), QUERY_LEASE_TAKE);
    fake_answer(1, 3, (const char *[]){held ? "t" : "f", epoch, useful ? "t" : "f"});
}

static void answer(bool held, const char *epoch)
{
    answer_useful(held, epoch, false);
}

static void tick_after(gint64 time)
{
    clock_advance(time);
    lease_tick(lease);
}

START_TEST(it_is_taken_and_renewed)
{
    start();
    ck_assert(!lease_is_held(lease));
    lease_tick(lease);
    ck_assert_str_eq(fake_value(0), "link");
    ck_assert_str_eq(fake_value(1), bus_instance(&core));
    ck_assert_str_eq(fake_value(2), "6000");
    answer(true, "7");
    ck_assert(lease_is_held(lease));
    ck_assert_int_eq(lease_epoch(lease), 7);
    tick_after(SECOND);
    ck_assert_int_eq(fake_asked(), QUERY_MAX); /* not yet */
    tick_after(SECOND);
    answer(true, "7");
    tick_after(4 * SECOND); /* longer than the first one alone would have lasted */
    ck_assert(lease_is_held(lease));
    ck_assert_int_eq(gains, 1);
    ck_assert_int_eq(losses, 0);
    finish();
}
END_TEST

START_TEST(somebody_else_has_it)
{
    start();
    lease_tick(lease);
    answer(false, "3");
    ck_assert_int_eq(gains, 0);
    tick_after(SECOND);
    answer(true, "4");
    ck_assert_int_eq(gains, 1);
    tick_after(2 * SECOND);
    answer(false, "5"); /* taken over: the database knows better */
    ck_assert_int_eq(losses, 1);
    ck_assert(!lease_is_held(lease));
    finish();
}
END_TEST

START_TEST(a_paused_holder_knows_at_once)
{
    start();
    lease_tick(lease);
    answer(true, "1");
    clock_advance(5 * SECOND); /* stopped: no tick ran */
    ck_assert(!lease_is_held(lease));
    ck_assert_int_eq(losses, 0); /* told with the next tick */
    lease_tick(lease);
    ck_assert_int_eq(losses, 1);
    answer(true, "2"); /* nobody else had taken it meanwhile */
    ck_assert_int_eq(gains, 2);
    ck_assert_int_eq(lease_epoch(lease), 2);
    finish();
}
END_TEST

START_TEST(a_late_answer_does_not_count_from_when_it_came)
{
    start();
    lease_tick(lease);
    clock_advance(4 * SECOND);
    answer(true, "1");
    ck_assert(lease_is_held(lease));
    clock_advance(SECOND);
    ck_assert(!lease_is_held(lease));
    tick_after(0);
    ck_assert_int_eq(losses, 1);
    clock_advance(6 * SECOND);
    answer(true, "2"); /* asked more than the lease's time ago */
    ck_assert(!lease_is_held(lease));
    ck_assert_int_eq(gains, 1);
    finish();
}
END_TEST

START_TEST(a_new_epoch_is_a_new_lease)
{
    start();
    lease_tick(lease);
    answer(true, "1");
    tick_after(2 * SECOND);
    answer(true, "2"); /* it had run out for the database */
    ck_assert_int_eq(losses, 1);
    ck_assert_int_eq(gains, 2);
    finish();
}
END_TEST

START_TEST(without_a_database_it_runs_out)
{
    start();
    lease_tick(lease);
    answer(true, "1");
    tick_after(2 * SECOND);
    fake_fail(ERROR_UNAVAILABLE);
    ck_assert(lease_is_held(lease));
    fake_set_up(false);
    tick_after(3 * SECOND);
    ck_assert(!lease_is_held(lease));
    ck_assert_int_eq(losses, 1);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    finish();
}
END_TEST

START_TEST(giving_back)
{
    start();
    lease_tick(lease);
    answer(true, "9");
    lease_yield(lease, 10);
    ck_assert_int_eq(losses, 1);
    ck_assert_int_eq(fake_asked(), QUERY_LEASE_RELEASE);
    ck_assert_str_eq(fake_value(2), "9");
    fake_answer(1, 1, (const char *[]){""});
    tick_after(9 * SECOND);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    tick_after(2 * SECOND);
    /* Given back while the question is under way: the answer is void, what it took is released. */
    lease_yield(lease, 10);
    answer(true, "10");
    ck_assert_int_eq(gains, 1);
    ck_assert_int_eq(fake_asked(), QUERY_LEASE_RELEASE);
    ck_assert_str_eq(fake_value(2), "10");
    finish();
}
END_TEST

START_TEST(hurrying_asks_at_once)
{
    start();
    lease_tick(lease);
    answer(false, "3");
    lease_hurry(lease);
    lease_tick(lease);
    answer(true, "4");
    ck_assert_int_eq(gains, 1);
    finish();
}
END_TEST

START_TEST(the_others_know_whether_the_holder_is_of_use)
{
    start();
    lease_tick(lease);
    ck_assert_str_eq(fake_value(3), "false");
    answer_useful(false, "3", true);
    ck_assert(lease_is_useful(lease));
    clock_advance(LEASE_MILLISECONDS * G_TIME_SPAN_MILLISECOND); /* no news: it has run out */
    ck_assert(!lease_is_useful(lease));
    lease_tick(lease);
    answer_useful(false, "3", false);
    ck_assert(!lease_is_useful(lease));
    finish();
}
END_TEST

START_TEST(the_holder_says_at_once_what_it_is_good_for)
{
    start();
    lease_tick(lease);
    answer(true, "1");
    lease_note_use(lease, true);
    lease_tick(lease);
    ck_assert_str_eq(fake_value(3), "true");
    answer_useful(true, "1", true);
    ck_assert(lease_is_useful(lease));
    finish();
}
END_TEST

UNIT_MAIN("lease", the_others_know_whether_the_holder_is_of_use,
          the_holder_says_at_once_what_it_is_good_for, it_is_taken_and_renewed,
          somebody_else_has_it, a_paused_holder_knows_at_once,
          a_late_answer_does_not_count_from_when_it_came, a_new_epoch_is_a_new_lease,
          without_a_database_it_runs_out, giving_back, hurrying_asks_at_once)
