/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked of the database when one comes back, and when many do. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/resume.h"
#include "bridge/loop/loop.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

#define COLUMNS 13
#define MANY 20

static struct core core;
static struct options *options;
static struct told {
    unsigned calls, resyncs;
    enum error_code error;
    gint64 position;
} told[1000];

static void start(void)
{
    memset(&core, 0, sizeof core);
    memset(told, 0, sizeof told);
    core.options = options = options_new();
    core.archive = (void *)&core; /* the fake one does not look at it */
    loop_start();
    core.accounts = accounts_new();
    resumes_init(&core);
}

static void stop(void)
{
    resumes_clear(&core);
    fake_clear();
    accounts_free(core.accounts);
    loop_stop();
    options_free(options);
}

static void turn(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

static void on_read(const struct resume_result *result, void *data)
{
    struct told *one = data;
    one->calls++;
    one->error = result->error;
    one->resyncs += result->resync;
    one->position = result->position;
    ck_assert_uint_eq(result->events->len, 0);
}

static void come_back(unsigned number, gint64 position)
{
    g_autofree char *jid = g_strdup_printf("u%u@app.example.org", number);
    struct account_row row = {.jid = jid, .facts = "{}", .number = number, .hosted = true};
    memcpy(row.id.bytes, &number, sizeof number);
    g_autoptr(trestle_account) account = account_ref(account_learn(core.accounts, &row));
    resume_read(&core, account, position, on_read, &told[number]);
    ck_assert_uint_eq(told[number].calls, 0); /* always later */
}

static void come_back_all(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        come_back(i, 5);
    turn();
}

static unsigned called(unsigned first, unsigned count)
{
    unsigned sum = 0;
    for (unsigned i = first; i < first + count; i++)
        sum += told[i].calls;
    return sum;
}

/* The oldest question is what one missed: nothing. */
static void answer_one(const char *head)
{
    const char *cells[COLUMNS] = {head};
    ck_assert_int_eq(fake_asked(), QUERY_EVENT_RESUME);
    fake_answer(1, COLUMNS, cells);
}

START_TEST(whoever_comes_alone_is_read_at_once)
{
    start();
    come_back_all(0, 3);
    ck_assert_uint_eq(fake_questions(), 3);
    ck_assert_str_eq(fake_value(1), "5");
    for (int i = 0; i < 3; i++)
        answer_one("9");
    ck_assert_uint_eq(called(0, 3), 3);
    ck_assert_int_eq(told[2].position, 9);
    stop();
}
END_TEST

START_TEST(many_are_asked_for_together_and_those_who_missed_something_read)
{
    const char *cells[] = {"9", "3", "9", "7"};
    start();
    come_back_all(0, MANY);
    ck_assert_uint_eq(fake_questions(), 1);
    ck_assert_int_eq(fake_asked(), QUERY_EVENT_WAITING);
    ck_assert(g_str_has_prefix(fake_value(1), "{5,5,5,"));
    fake_answer(2, 2, cells);
    ck_assert_uint_eq(called(0, MANY), MANY - 2);
    ck_assert_uint_eq(told[2].calls + told[6].calls, 0);
    ck_assert_int_eq(told[0].position, 9);
    ck_assert_uint_eq(fake_questions(), 2);
    answer_one("10");
    answer_one("11");
    ck_assert_uint_eq(called(0, MANY), MANY);
    ck_assert_int_eq(told[2].position, 10);
    ck_assert_int_eq(told[6].position, 11);
    stop();
}
END_TEST

START_TEST(what_comes_while_statements_are_out_gathers)
{
    const char *nobody[] = {"9", NULL};
    start();
    for (unsigned i = 0; i < 4; i++)
        come_back_all(i, 1); /* each by itself */
    ck_assert_uint_eq(fake_questions(), 4);
    come_back_all(10, 300);
    ck_assert_uint_eq(fake_questions(), 4);
    answer_one("9");
    answer_one("9"); /* room for two statements: 256 and the rest */
    ck_assert_uint_eq(fake_questions(), 4);
    fake_prefer(2);
    ck_assert_int_eq(fake_asked(), QUERY_EVENT_WAITING);
    fake_answer(1, 2, nobody);
    ck_assert_uint_eq(called(10, 300), 256);
    fake_prefer(2);
    fake_answer(1, 2, nobody);
    ck_assert_uint_eq(called(10, 300), 300);
    stop();
}
END_TEST

START_TEST(a_position_of_another_log_or_ahead_of_it_is_no_good)
{
    const char *nobody[] = {"9", NULL};
    start();
    come_back(9, 10); /* behind the head */
    come_back_all(0, 8);
    fake_answer(1, 2, nobody);
    ck_assert_uint_eq(told[9].resyncs, 1);
    ck_assert_uint_eq(told[0].resyncs, 0);
    come_back_all(20, 8);
    core.log++;
    fake_answer(1, 2, nobody);
    ck_assert_uint_eq(told[20].resyncs, 1);
    stop();
}
END_TEST

START_TEST(a_database_that_is_away_is_said_and_a_fault_does_not_spread)
{
    start();
    come_back_all(0, 8);
    fake_fail(ERROR_UNAVAILABLE);
    ck_assert_uint_eq(called(0, 8), 8);
    ck_assert_int_eq(told[7].error, ERROR_UNAVAILABLE);
    come_back_all(10, 8);
    fake_fail(ERROR_INTERNAL);
    ck_assert_uint_eq(called(10, 8), 0);
    ck_assert_uint_eq(fake_questions(), 8);
    for (int i = 0; i < 8; i++)
        answer_one("9");
    ck_assert_uint_eq(called(10, 8), 8);
    ck_assert_int_eq(told[17].error, ERROR_NONE);
    stop();
}
END_TEST

START_TEST(whoever_waits_at_the_end_hears_so)
{
    start();
    come_back_all(0, 8);
    for (unsigned i = 10; i < 14; i++)
        come_back(i, 5); /* not asked yet */
    resumes_clear(&core);
    ck_assert_uint_eq(called(10, 4), 4);
    ck_assert_int_eq(told[13].error, ERROR_UNAVAILABLE);
    fake_clear();
    ck_assert_uint_eq(called(0, 8), 8);
    ck_assert_int_eq(told[7].error, ERROR_UNAVAILABLE);
    stop();
}
END_TEST

UNIT_MAIN("resume", whoever_comes_alone_is_read_at_once,
          many_are_asked_for_together_and_those_who_missed_something_read,
          what_comes_while_statements_are_out_gathers,
          a_position_of_another_log_or_ahead_of_it_is_no_good,
          a_database_that_is_away_is_said_and_a_fault_does_not_spread,
          whoever_waits_at_the_end_hears_so)
