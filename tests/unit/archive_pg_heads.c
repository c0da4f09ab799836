/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The heads of conversations, as far as they are known: the short way of a message, and the long
 * one. */
#include "config.h"

#include "bridge/base/metrics.h"
#include "tests/unit/archive_pg_world.h"

/* Another instance stores what the other one says. */
static void answer(void)
{
    g_free(sql("SELECT count(*) FROM message_store(ARRAY[gen_random_uuid()],"
               " ARRAY(SELECT id FROM conversations),"
               " '{00000000-0000-7000-8000-000000000002}', '{theirs}', NULL,"
               " ARRAY[gen_random_uuid()], false)"));
}

/* All that the short way needs was learned from the first; no stranger says it, since the other has
 * written. */
static void begin_talk(void)
{
    answer();
    g_free(sql("UPDATE conversations SET guarded = false, awaited = false"));
    add("first");
    finish_all(1);
}

START_TEST(a_known_head_needs_no_look)
{
    start();
    open_archive();
    gint64 before = metric_get(METRIC_ARCHIVE_PLAIN_ROWS);
    begin_talk();
    ck_assert_int_eq(metric_get(METRIC_ARCHIVE_PLAIN_ROWS), before);
    for (int i = 0; i < 300; i++)
        add("behind it");
    finish_all(301);
    ck_assert_int_eq(metric_get(METRIC_ARCHIVE_PLAIN_ROWS) - before, 300);
    ck_assert_uint_eq(tally.stored, 301);
    ck_assert(!tally.disorder);
    expect_sql("SELECT count(*) = 302 AND max(seq) = 302 AND max(sender_seq) = 301 FROM messages",
               "t");
    stop();
}
END_TEST

/* PostgreSQL works while the answers of one batch are written. */
START_TEST(the_next_batch_leaves_before_one_is_told)
{
    start();
    options->database_batch_max = 20;
    open_archive();
    begin_talk();
    gint64 before = metric_get(METRIC_ARCHIVE_STATEMENTS);
    for (int i = 0; i < 40; i++)
        add("one of two batches");
    finish_all(41);
    ck_assert_int_eq(tally.statements[1] - before, 2);
    ck_assert_int_eq(tally.statements[40] - before, 2);
    ck_assert(!tally.disorder);
    expect_sql("SELECT count(*) = 42 AND max(seq) = 42 FROM messages", "t");
    stop();
}
END_TEST

/* Another instance, or a change, stores in the same conversation, and nobody says so. */
START_TEST(a_head_that_is_not_true_any_more_does_no_harm)
{
    start();
    open_archive();
    begin_talk();
    for (int round = 0; round < 5; round++) {
        answer();
        for (int i = 0; i < 20; i++)
            add("ours");
        finish_all(1 + 20 * ((unsigned)round + 1));
    }
    ck_assert_uint_eq(tally.stored, 101);
    ck_assert(!tally.disorder);
    expect_sql("SELECT count(*) = 107 AND max(seq) = 107 AND max(sender_seq) = 101 AND"
               " count(DISTINCT (sender_id, sender_seq)) = 107 FROM messages",
               "t");
    stop();
}
END_TEST

/* What is decided meanwhile counts, and who comes behind does not overtake. */
START_TEST(a_head_decides_nothing)
{
    start();
    open_archive();
    begin_talk();
    gint64 misses = metric_get(METRIC_ARCHIVE_PLAIN_MISSES);
    g_free(sql("UPDATE conversations SET guarded = true"));
    g_free(sql("INSERT INTO blocks (user_id, peer) VALUES"
               " ('00000000-0000-7000-8000-000000000002', 'a@app.example.org')"));
    for (int i = 0; i < 20; i++)
        add("refused");
    finish_all(21);
    ck_assert_uint_eq(tally.stored, 1);
    ck_assert_int_eq(metric_get(METRIC_ARCHIVE_PLAIN_MISSES) - misses, 20);
    g_free(sql("DELETE FROM blocks"));
    g_free(sql("UPDATE conversations SET guarded = false"));
    for (int i = 0; i < 20; i++)
        add("again");
    finish_all(41);
    ck_assert_uint_eq(tally.stored, 21);
    ck_assert(!tally.disorder);
    expect_sql("SELECT count(*) = 22 AND max(seq) = 22 FROM messages", "t");
    stop();
}
END_TEST

/* Those that need the long way and those that do not, by turns: the order stays. */
START_TEST(short_and_long_ways_keep_the_order)
{
    start();
    open_archive();
    begin_talk();
    for (int i = 0; i < 400; i++) {
        add("short");
        if (i % 40 == 39) {
            add("bad \xff utf-8"); /* takes its batch to the long way, row by row */
            add("behind it");
        }
        if (i % 90 == 0)
            turn();
    }
    finish_all(421);
    ck_assert_uint_eq(tally.stored, 411);
    ck_assert_uint_eq(tally.failed, 10);
    ck_assert(!tally.disorder);
    expect_sql("SELECT count(*) = 412 AND max(seq) = 412 FROM messages", "t");
    stop();
}
END_TEST

void add_tests_of_heads(TCase *tcase)
{
    const TTest *const tests[] = {a_known_head_needs_no_look,
                                  the_next_batch_leaves_before_one_is_told,
                                  a_head_that_is_not_true_any_more_does_no_harm,
                                  a_head_decides_nothing, short_and_long_ways_keep_the_order};
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        tcase_add_test(tcase, tests[i]);
}
