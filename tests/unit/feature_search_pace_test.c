/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pace of the search index: its share of a core, no more and no less. */
#include "config.h"

#include "bridge/feature/search_pace.h"
#include "tests/unit/unit.h"

#define MS 1000

START_TEST(rests_so_that_work_has_its_share)
{
    struct search_pace pace = {0};
    ck_assert_int_eq(search_pace_rest(&pace, 25 * MS, 1024, 25), 75 * MS);
    struct search_pace half = {0};
    ck_assert_int_eq(search_pace_rest(&half, 25 * MS, 1024, 50), 25 * MS);
}
END_TEST

/* Batches begin as often while others make each of them slow. */
START_TEST(keeps_its_pace_on_a_busy_machine)
{
    struct search_pace pace = {0};
    search_pace_rest(&pace, 25 * MS, 1024, 25);
    for (int i = 0; i < 50; i++) {
        gint64 spent = 60 * MS;
        gint64 period = spent + search_pace_rest(&pace, spent, 1024, 25);
        ck_assert_int_ge(period, 100 * MS);
        ck_assert_int_le(period, 112 * MS);
    }
}
END_TEST

START_TEST(leaves_a_gap_however_slow_a_batch_was)
{
    struct search_pace pace = {0};
    search_pace_rest(&pace, 10 * MS, 1024, 25);
    ck_assert_int_ge(search_pace_rest(&pace, 5000 * MS, 1024, 25), 5 * MS);
    struct search_pace whole = {0};
    ck_assert_int_ge(search_pace_rest(&whole, 10 * MS, 1024, 100), 5 * MS);
}
END_TEST

/* A database that has become slower for good is not worked harder for good. */
START_TEST(forgets_what_was_short_once)
{
    struct search_pace pace = {0};
    search_pace_rest(&pace, 10 * MS, 1024, 25);
    gint64 rest = 0;
    for (int i = 0; i < 2000; i++)
        rest = search_pace_rest(&pace, 40 * MS, 1024, 25);
    ck_assert_int_eq(rest, 120 * MS);
}
END_TEST

START_TEST(never_sleeps_for_long)
{
    struct search_pace pace = {0};
    ck_assert_int_le(search_pace_rest(&pace, 20 * G_USEC_PER_SEC, 1024, 1), 60 * G_USEC_PER_SEC);
}
END_TEST

/* That a few were indexed in no time does not mean that thousands are. */
START_TEST(measures_a_batch_by_its_size)
{
    struct search_pace pace = {0};
    search_pace_rest(&pace, 3 * MS, 64, 25);
    ck_assert_int_ge(search_pace_rest(&pace, 100 * MS, 4096, 25), 300 * MS);
}
END_TEST

START_TEST(gathers_what_comes_for_a_moment)
{
    struct search_pace pace = {0};
    gint64 at = 1000 * MS;
    ck_assert_int_eq(search_pace_gather(&pace, 5000, at, 1000), 500 * MS); /* not known yet */
    at += 100 * MS;
    ck_assert_int_eq(search_pace_gather(&pace, 6000, at, 500),
                     50 * MS); /* 10 come in a millisecond */
    at += 100 * MS;
    ck_assert_int_eq(search_pace_gather(&pace, 6010, at, 500), 500 * MS);
    ck_assert_int_eq(search_pace_gather(&pace, 6010, at + MS, 500), 500 * MS);
    ck_assert_int_eq(search_pace_gather(&pace, 9000, at + 2 * MS, -10), 0); /* they are there */
}
END_TEST

UNIT_MAIN("search_pace", measures_a_batch_by_its_size, gathers_what_comes_for_a_moment,
          rests_so_that_work_has_its_share, keeps_its_pace_on_a_busy_machine,
          leaves_a_gap_however_slow_a_batch_was, forgets_what_was_short_once, never_sleeps_for_long)
