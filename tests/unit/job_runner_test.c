/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The runner: who begins jobs, how many, what comes of a run, and when a failed one is tried again.
 */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/core.h"
#include "bridge/job/job.h"
#include "bridge/loop/loop.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

#define SECOND G_USEC_PER_SEC

static struct core core;
static struct jobs *jobs;
static GPtrArray *begun; /* struct job * */

static void begin(struct job *job)
{
    g_ptr_array_add(begun, job);
}

static void reap(struct job *job)
{
    job_reap(job, QUERY_REAP_PICTURES, (const char *[]){"7"});
}

static const struct job_kind kinds[] = {
    {.name = "test.often", .interval = 30, .run = begin},
    {.name = "test.once", .lock = 5, .retry = 4, .retry_max = 30, .run = begin},
    {.name = "test.reap", .interval = 30, .run = reap},
    {0},
};

static const struct job_kind far_kinds[] = {
    {.name = "test.far", .lock = 7, .pool = JOB_FAR, .run = begin},
    {0},
};

static bool publish(void *data, const char *bytes, size_t length)
{
    (void)data, (void)bytes, (void)length;
    return true;
}

static void start_of(const struct job_kind *const *tables, bool several)
{
    static char name[] = "one";
    static struct options options = {.xmpp_secret = name, .cluster_instance = name};
    core = (struct core){.options = &options, .archive = (struct archive *)&core};
    struct bus_transport transport = {NULL, publish, NULL};
    loop_start();
    if (several)
        bus_init(&core, &transport);
    begun = g_ptr_array_new();
    fake_set_up(true);
    jobs = jobs_new(&core, tables);
}

static void start_with(bool several)
{
    static const struct job_kind *const tables[] = {kinds, NULL};
    start_of(tables, several);
}

static void stop(void)
{
    core.archive = NULL;
    fake_clear();
    jobs_free(jobs);
    g_ptr_array_unref(begun);
    if (bus_instance(&core))
        bus_clear(&core);
    loop_stop();
}

/* Answers what is asked at a start besides jobs. */
static void tick_first(void)
{
    g_autofree char *present = NULL; /* whose locks are left alone */
    jobs_tick(jobs);
    ck_assert_int_eq(fake_asked(), QUERY_JOB_ENSURE);
    ck_assert_str_eq(fake_value(0), "{test.often,test.reap}");
    fake_answer(1, 1, (const char *[]){""});
    if (bus_settling(&core) == 0) { /* all that are here are known */
        ck_assert_int_eq(fake_asked(), QUERY_JOB_RELEASE);
        present = g_strdup(fake_value(0));
        fake_answer(1, 1, (const char *[]){"0"});
    }
    ck_assert_int_eq(fake_asked(), QUERY_JOB_STATE);
    fake_answer(1, 3, (const char *[]){"0", "0", "0"});
    ck_assert_int_eq(fake_asked(), QUERY_JOB_TAKE);
    g_autofree char *taker = g_strconcat("{", fake_value(3), "}", NULL);
    if (present)
        ck_assert_str_eq(present, taker);
}

static void answer_one(const char *kind, const char *attempts)
{
    ck_assert_int_eq(fake_asked(), QUERY_JOB_TAKE);
    fake_answer(1, 5, (const char *[]){kind, "key", "{\"n\": 1}", attempts, "123"});
}

static void assert_ended(const char *seconds, const char *failed, const char *payload)
{
    ck_assert_int_eq(fake_asked(), QUERY_JOB_END);
    ck_assert_str_eq(fake_value(1), "key");
    ck_assert_str_eq(fake_value(2), "123");
    ck_assert_pstr_eq(fake_value(3), seconds);
    ck_assert_pstr_eq(fake_value(4), failed);
    ck_assert_pstr_eq(fake_value(5), payload);
    fake_answer(1, 1, (const char *[]){"t"});
}

static struct job *begin_one(const char *kind, const char *attempts)
{
    jobs_tick(jobs);
    answer_one(kind, attempts);
    ck_assert_uint_eq(begun->len, 1);
    return g_ptr_array_steal_index(begun, 0);
}

START_TEST(a_job_that_is_due_is_run)
{
    start_with(false);
    tick_first();
    ck_assert_int_eq(fake_asked(), QUERY_JOB_TAKE);
    ck_assert_str_eq(fake_value(0), "{test.often,test.once,test.reap}");
    ck_assert_str_eq(fake_value(1), "{60,5,60}");
    answer_one("test.once", "1");
    struct job *job = g_ptr_array_steal_index(begun, 0);
    ck_assert_str_eq(job_key(job), "key");
    ck_assert_str_eq(job_payload(job), "{\"n\": 1}");
    job_end(job, JOB_DONE, NULL, NULL);
    assert_ended(NULL, NULL, NULL); /* it is removed */
    job_end(begin_one("test.often", "1"), JOB_DONE, "{}", NULL);
    assert_ended("30", NULL, "{}");
    job_end(begin_one("test.once", "1"), JOB_MORE, "{\"n\": 2}", NULL);
    assert_ended("0", NULL, "{\"n\": 2}");
    stop();
}
END_TEST

START_TEST(a_failed_run_is_tried_later_and_later_up_to_a_ceiling)
{
    static const char *const waits[][2] = {{"1", "4"},  {"2", "8"},  {"3", "16"},
                                           {"4", "30"}, {"5", "30"}, {"2000000000", "30"}};
    start_with(false);
    tick_first();
    fake_answer(0, 5, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(waits); i++) {
        job_end(begin_one("test.once", waits[i][0]), JOB_FAILED, NULL, "unavailable");
        assert_ended(waits[i][1], "unavailable", NULL);
    }
    job_end(begin_one("test.often", "50"), JOB_FAILED, NULL, "internal");
    assert_ended("3600", "internal", NULL);
    stop();
}
END_TEST

START_TEST(so_many_run_at_a_time)
{
    const char *cells[4 * 5];
    for (int i = 0; i < 4; i++)
        memcpy(&cells[i * 5], ((const char *[]){"test.once", "key", "{}", "1", "123"}),
               5 * sizeof *cells);
    start_with(false);
    tick_first();
    ck_assert_str_eq(fake_value(2), "4");
    jobs_tick(jobs);
    ck_assert_uint_eq(fake_questions(), 1); /* one question at a time */
    fake_answer(4, 5, cells);
    ck_assert_uint_eq(begun->len, 4);
    jobs_tick(jobs);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    job_end(g_ptr_array_steal_index(begun, 0), JOB_DONE, NULL, NULL);
    assert_ended(NULL, NULL, NULL);
    jobs_tick(jobs);
    ck_assert_int_eq(fake_asked(), QUERY_JOB_TAKE);
    ck_assert_str_eq(fake_value(2), "1");
    fake_answer(0, 5, NULL);
    while (begun->len > 0)
        job_end(g_ptr_array_steal_index(begun, 0), JOB_DONE, NULL, NULL);
    stop();
}
END_TEST

START_TEST(jobs_that_wait_for_others_take_no_place_of_the_rest)
{
    static const struct job_kind *const tables[] = {kinds, far_kinds, NULL};
    const char *cells[3 * 5];
    for (int i = 0; i < 3; i++)
        memcpy(&cells[i * 5], ((const char *[]){"test.far", "key", "{}", "1", "123"}),
               5 * sizeof *cells);
    start_of(tables, false);
    tick_first();
    ck_assert_str_eq(fake_value(0), "{test.often,test.once,test.reap}");
    fake_answer(0, 5, NULL);
    ck_assert_int_eq(fake_asked(), QUERY_JOB_TAKE);
    ck_assert_str_eq(fake_value(0), "{test.far}");
    ck_assert_str_eq(fake_value(1), "{7}");
    ck_assert_str_eq(fake_value(2), "3");
    fake_answer(3, 5, cells);
    ck_assert_uint_eq(begun->len, 3);
    jobs_tick(jobs);
    ck_assert_uint_eq(fake_questions(), 1); /* none for what is far */
    ck_assert_str_eq(fake_value(0), "{test.often,test.once,test.reap}");
    ck_assert_str_eq(fake_value(2), "4");
    fake_answer(0, 5, NULL);
    while (begun->len > 0)
        job_end(g_ptr_array_steal_index(begun, 0), JOB_DONE, NULL, NULL);
    stop();
}
END_TEST

START_TEST(what_a_statement_says_of_its_work_counts)
{
    start_with(false);
    tick_first();
    answer_one("test.reap", "1");
    ck_assert_int_eq(fake_asked(), QUERY_REAP_PICTURES);
    ck_assert_str_eq(fake_value(0), "7");
    fake_answer(1, 3, (const char *[]){"5", "t", "{\"after\": 9}"});
    assert_ended("0", NULL, "{\"after\": 9}");
    jobs_tick(jobs);
    answer_one("test.reap", "1");
    fake_answer(1, 3, (const char *[]){"0", "f", NULL});
    assert_ended("30", NULL, NULL);
    jobs_tick(jobs);
    answer_one("test.reap", "1");
    fake_fail(ERROR_INTERNAL);
    assert_ended("10", "internal", NULL);
    stop();
}
END_TEST

START_TEST(without_a_database_nothing_is_begun_and_no_end_is_lost)
{
    start_with(false);
    tick_first();
    answer_one("test.once", "1");
    fake_set_up(false);
    jobs_tick(jobs);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    job_end(g_ptr_array_steal_index(begun, 0), JOB_DONE, NULL, NULL); /* the lock runs out */
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    fake_set_up(true);
    jobs_tick(jobs);
    ck_assert_str_eq(fake_value(2), "4");
    stop();
}
END_TEST

START_TEST(what_ends_after_the_runner_ends_quietly)
{
    start_with(false);
    tick_first();
    answer_one("test.once", "1");
    struct job *job = g_ptr_array_steal_index(begun, 0);
    stop();
    ck_assert_str_eq(job_key(job), "key");
    ck_assert_ptr_eq(job_core(job), &core);
    job_end(job, JOB_DONE, NULL, NULL);
    ck_assert_int_eq(metric_get(METRIC_JOBS_RUNNING), 0);
}
END_TEST

static void answer_lease(bool held)
{
    while (fake_asked() == QUERY_MAX) {
        clock_advance(SECOND);
        g_main_context_iteration(NULL, TRUE);
    }
    ck_assert_int_eq(fake_asked(), QUERY_LEASE_TAKE);
    ck_assert_str_eq(fake_value(0), "jobs");
    fake_answer(1, 3, (const char *[]){held ? "t" : "f", "1", "f"});
}

START_TEST(of_several_instances_the_holder_of_the_lease_runs_them)
{
    start_with(true);
    jobs_tick(jobs);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    answer_lease(false);
    jobs_tick(jobs);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    answer_lease(true);
    tick_first();
    fake_answer(0, 5, NULL);
    jobs_leave(jobs);
    ck_assert_int_eq(fake_asked(), QUERY_LEASE_RELEASE);
    fake_answer(1, 1, (const char *[]){""});
    jobs_tick(jobs);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    stop();
}
END_TEST

UNIT_MAIN("jobs", a_job_that_is_due_is_run, a_failed_run_is_tried_later_and_later_up_to_a_ceiling,
          so_many_run_at_a_time, jobs_that_wait_for_others_take_no_place_of_the_rest,
          what_a_statement_says_of_its_work_counts,
          without_a_database_nothing_is_begun_and_no_end_is_lost,
          what_ends_after_the_runner_ends_quietly,
          of_several_instances_the_holder_of_the_lease_runs_them)
