/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The real archive on a real, empty, migrated database: TRESTLE_TEST_DATABASE is its URI. Run by
 * tests/sql/run; without that variable there is nothing to do. */
#include "config.h"

#include <string.h>

#include "bridge/base/metrics.h"
#include "tests/unit/archive_pg_world.h"
#include "tests/unit/unit.h"

START_TEST(poison_row_spares_its_neighbours)
{
    start();
    open_archive();
    add_numbered(0, 100);
    add("bad \xff utf-8");
    add_numbered(100, 155);
    finish_all(256);
    ck_assert_uint_eq(tally.stored, 255);
    ck_assert_uint_eq(tally.failed, 1);
    ck_assert_int_eq(tally.error, ERROR_UNPROCESSABLE);
    ck_assert(!tally.disorder);
    expect_sql("SELECT count(*) = 255 AND max(seq) = 255 AND min(seq) = 1 AND bool_and(body ="
               " to_char(seq - 1, 'FM00000000')) FROM messages",
               "t");
    stop();
}
END_TEST

static GString *order;

static void order_done(struct write *write, enum error_code error)
{
    ck_assert_int_eq(error, ERROR_NONE);
    g_string_append_c(order, write->kind == WRITE_MARK ? 'm' : 'f');
    tally.done++;
    if (write->kind == WRITE_MARK)
        mark_write_free((struct mark_write *)(void *)write);
    else
        failure_write_free((struct failure_write *)(void *)write);
}

/* What is said first of a message counts, so neither may overtake the other. */
START_TEST(marks_and_failures_keep_their_order)
{
    static const char said[] = "fmmfffmf";
    start();
    open_archive();
    order = g_string_new(NULL);
    for (const char *kind = said; *kind; kind++) {
        struct mark_write *mark = g_new0(struct mark_write, 1);
        struct failure_write *failure = g_new0(struct failure_write, 1);
        mark->write = (struct write){.kind = WRITE_MARK, .done = order_done};
        mark->jid = g_strdup("romeo@example.org");
        uuid_generate(&mark->message);
        failure->write = (struct write){.kind = WRITE_FAILURE, .done = order_done};
        failure->from = g_strdup("romeo@example.org");
        failure->condition = g_strdup("gone");
        uuid_generate(&failure->message);
        archive_write(archive, *kind == 'm' ? &mark->write : &failure->write);
        if (*kind == 'm')
            failure_write_free(failure);
        else
            mark_write_free(mark);
    }
    finish_all((unsigned)strlen(said));
    ck_assert_str_eq(order->str, said);
    g_string_free(order, TRUE);
    stop();
}
END_TEST

START_TEST(many_writes_in_order_and_in_few_statements)
{
    start();
    open_archive();
    gint64 before = metric_get(METRIC_ARCHIVE_STATEMENTS);
    for (unsigned added = 0; added < 100000; added += 5000) {
        add_numbered(added, 5000);
        finish_all(added); /* the next ones come while the last ones are under way */
    }
    finish_all(100000);
    ck_assert_uint_eq(tally.stored, 100000);
    ck_assert(!tally.disorder);
    ck_assert_int_le((metric_get(METRIC_ARCHIVE_STATEMENTS) - before) * 8, 100000);
    expect_sql("SELECT count(*) = 100000 AND max(seq) = 100000 AND bool_and(body ="
               " to_char(seq - 1, 'FM00000000')) FROM messages",
               "t");
    stop();
}
END_TEST

START_TEST(full_queue_refuses_at_once_and_later)
{
    start();
    options->database_queue_max = 100;
    open_archive();
    add_numbered(0, 150);
    ck_assert_uint_eq(tally.done, 0); /* never before the call returned */
    finish_all(150);
    ck_assert_uint_eq(tally.stored, 100);
    ck_assert_uint_eq(tally.failed, 50);
    ck_assert_int_eq(tally.error, ERROR_UNAVAILABLE);
    stop();
}
END_TEST

START_TEST(what_waits_at_the_end_is_answered)
{
    start();
    options->database_queue_max = 100;
    open_archive();
    enum error_code asked = ERROR_NONE;
    add_numbered(0, 150);
    archive_query(archive, QUERY_LOG_STATE, NULL, ask_done, &asked);
    g_main_context_iteration(NULL, FALSE);
    add_numbered(150, 20);
    archive_query(archive, QUERY_LOG_STATE, NULL, ask_done, &asked);
    stop();
    ck_assert_uint_eq(tally.done, 170);
    ck_assert_int_eq(asked, ERROR_UNAVAILABLE);
}
END_TEST

static void token_done(const struct rows *rows, enum error_code error, void *data)
{
    char **ret = data;
    ck_assert_int_eq(error, ERROR_NONE);
    ck_assert_int_eq(rows_count(rows), 1);
    *ret = g_strdup_printf("%s %s", rows_text(rows, 0, USER_SIGN_IN_JID),
                           rows_text(rows, 0, USER_SIGN_IN_NAME));
}

static void token_ask(const char *subject, const char *local, const char *name, char **ret)
{
    const char *values[] = {subject,
                            local,
                            "app.example.org",
                            NULL,
                            name,
                            NULL,
                            "00000000-0000-7000-8000-000000000001",
                            "1700000000000000"};
    archive_gather(archive, GATHER_SIGN_IN, values, token_done, ret);
}

/* Texts go as elements of an array: what has a meaning there is taken as it is. */
START_TEST(those_who_come_together_are_told_apart)
{
    static const char *const names[] = {
        "plain", "with \"quotes\"", "back\\slash", "{a,b}", "NULL", "a, b", " ", "", "\xc3\xa9",
        "x"};
    start();
    open_archive();
    for (int round = 0; round < 2; round++) { /* they are made first, and found then */
        char *told[G_N_ELEMENTS(names)] = {NULL};
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
            g_autofree char *local = g_strdup_printf("u%zu", i);
            g_autofree char *subject = g_strdup_printf("%s\\%zu\"", names[i], i);
            token_ask(subject, local, names[i], &told[i]);
        }
        ck_assert_ptr_null(told[0]);
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
            while (!told[i])
                turn();
            g_autofree char *wanted = g_strdup_printf("u%zu@app.example.org %s", i, names[i]);
            ck_assert_str_eq(told[i], wanted);
            g_free(told[i]);
        }
    }
    stop();
}
END_TEST

static void token_refused(const struct rows *rows, enum error_code error, void *data)
{
    ck_assert_ptr_null(rows);
    ck_assert_int_eq(error, ERROR_UNAVAILABLE);
    ++*(unsigned *)data;
}

START_TEST(who_has_gathered_at_the_end_is_answered)
{
    static const char *const values[] = {
        "s", "l", "app.example.org", NULL, NULL, NULL, "00000000-0000-7000-8000-000000000001", "0"};
    unsigned told = 0;
    start();
    open_archive();
    for (int i = 0; i < 200; i++)
        archive_gather(archive, GATHER_SIGN_IN, values, token_refused, &told);
    g_main_context_iteration(NULL, FALSE);
    for (int i = 0; i < 200; i++)
        archive_gather(archive, GATHER_SIGN_IN, values, token_refused, &told);
    stop();
    ck_assert_uint_eq(told, 400);
}
END_TEST

START_TEST(large_texts_go_in_several_statements)
{
    start();
    open_archive();
    g_autofree char *text = g_strnfill(1024 * 1024, 'x');
    gint64 before = metric_get(METRIC_ARCHIVE_BATCHES);
    for (int i = 0; i < 12; i++)
        add(text);
    finish_all(12);
    ck_assert_uint_eq(tally.stored, 12);
    ck_assert_int_ge(metric_get(METRIC_ARCHIVE_BATCHES) - before, 3);
    stop();
}
END_TEST

START_TEST(batches_know_what_they_took_of_the_log)
{
    start();
    struct archive_callbacks callbacks = {
        .up = came_up, .batch_begin = batch_begin, .batch_end = batch_end};
    memset(&spans, 0, sizeof spans);
    archive = archive_new(options, &callbacks, NULL);
    while (!archive_is_up(archive))
        turn();
    for (int i = 0; i < 300; i++) {
        add("one of many");
        if (i % 7 == 0)
            turn();
    }
    add("bad \xff utf-8"); /* fails with its batch, which is then sent row by row */
    for (int i = 0; i < 20; i++)
        add("behind it");
    finish_all(321);
    ck_assert_uint_eq(tally.stored, 320);
    ck_assert(!spans.disorder);
    ck_assert_uint_gt(spans.count, 1);
    g_autofree char *head = sql("SELECT position FROM log_head");
    ck_assert_int_eq(spans.end, g_ascii_strtoll(head, NULL, 10));
    stop();
}
END_TEST

int main(void)
{
    if (!g_getenv("TRESTLE_TEST_DATABASE"))
        return 77;
    const TTest *const tests[] = {
        poison_row_spares_its_neighbours,           marks_and_failures_keep_their_order,
        many_writes_in_order_and_in_few_statements, full_queue_refuses_at_once_and_later,
        what_waits_at_the_end_is_answered,          those_who_come_together_are_told_apart,
        who_has_gathered_at_the_end_is_answered,    large_texts_go_in_several_statements,
        batches_know_what_they_took_of_the_log};
    Suite *suite = suite_create("archive_pg");
    TCase *tcase = tcase_create("archive_pg");
    tcase_set_timeout(tcase, 120);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        tcase_add_test(tcase, tests[i]);
    add_tests_of_links(tcase);
    add_tests_of_heads(tcase);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
