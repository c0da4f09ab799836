/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections that break, servers that are away or say nothing, answers that are lost. */
#include "config.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "tests/unit/archive_pg_world.h"

/* Killed again and again while batches are under way. */
START_TEST(killed_backend_settles_everything_once)
{
    start();
    open_archive();
    unsigned added = 0;
    for (int round = 0; round < 8; round++) {
        add_numbered(added, 700);
        added += 700;
        for (int turns = 0; turns <= round; turns++)
            turn();
        g_free(sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                   " WHERE application_name = 'trestle' AND datname = current_database()"));
    }
    finish_all(added);
    /* On a slow machine some have waited for longer than they may, and were refused unsent. */
    ck_assert_uint_eq(tally.stored + tally.failed, added);
    ck_assert(tally.failed == 0 || tally.error == ERROR_UNAVAILABLE);
    ck_assert(!tally.disorder);
    g_autofree char *once = g_strdup_printf(
        "SELECT count(*) = %u AND max(seq) = %u AND count(DISTINCT body) = %u AND bool_and(body >"
        " before) FROM (SELECT seq, body, lag(body, 1, '') OVER (ORDER BY seq) AS before FROM"
        " messages) m",
        tally.stored, tally.stored, tally.stored);
    expect_sql(once, "t");
    ck_assert_uint_ge(ups, 2);
    stop();
}
END_TEST

static void come_up_again(void)
{
    unsigned before = ups;
    g_free(sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
               " WHERE application_name = 'trestle' AND datname = current_database()"));
    while (ups == before || !archive_is_up(archive))
        turn();
}

/* ORIGIN stands for the server and timeline that the log was written on before. */
START_TEST(another_log_is_noticed)
{
    start();
    open_archive();
    ck_assert_int_eq(change, LOG_OTHER); /* the first */
    for (int i = 0; i < 20; i++)
        add("x");
    finish_all(20);
    come_up_again();
    ck_assert_int_eq(change, LOG_SAME);
    g_free(sql("UPDATE log_head SET origin = 'elsewhere'"));
    come_up_again();
    ck_assert_int_eq(change, LOG_CONTINUED);
    g_free(sql("UPDATE log_head SET origin = 'elsewhere', position = position - 1"));
    come_up_again();
    ck_assert_int_eq(change, LOG_OTHER);
    add("y");
    finish_all(1);
    g_free(sql("UPDATE log_head SET position = position - 1"));
    come_up_again();
    ck_assert_int_eq(change, LOG_OTHER);
    stop();
}
END_TEST

START_TEST(absent_server_is_told_after_three_seconds)
{
    start();
    g_free(options->database_uri);
    options->database_uri = g_strdup("postgresql://nobody@127.0.0.1:1/none");
    struct archive_callbacks callbacks = {.up = came_up};
    archive = archive_new(options, &callbacks, NULL);
    enum error_code asked = ERROR_NONE;
    add("x");
    archive_query(archive, QUERY_LOG_STATE, NULL, ask_done, &asked);
    for (int i = 0; i < 5; i++)
        turn();
    ck_assert_uint_eq(tally.done, 0);
    clock_advance(3 * G_USEC_PER_SEC);
    finish_all(1);
    ck_assert_int_eq(tally.error, ERROR_UNAVAILABLE);
    while (asked == ERROR_NONE)
        turn();
    ck_assert_int_eq(asked, ERROR_UNAVAILABLE);
    ck_assert_uint_eq(tally.late, 0);
    stop();
}
END_TEST

/* The log's head is held by somebody else: the batch is under way and cannot be settled. */
START_TEST(stuck_batch_is_told_late_and_settled_later)
{
    start();
    open_archive();
    g_free(sql("BEGIN"));
    g_free(sql("SELECT log_advance(1)"));
    add("first");
    turn();
    clock_advance(3 * G_USEC_PER_SEC);
    while (tally.late == 0)
        turn();
    ck_assert_uint_eq(tally.done, 0);
    add("second"); /* waits behind it, was never sent: is refused */
    clock_advance(3 * G_USEC_PER_SEC);
    finish_all(1);
    ck_assert_int_eq(tally.error, ERROR_UNAVAILABLE);
    g_free(sql("COMMIT"));
    finish_all(2);
    ck_assert_uint_eq(tally.stored, 1);
    ck_assert_uint_eq(tally.late, 1);
    expect_sql("SELECT string_agg(body, ',') FROM messages", "first");
    stop();
}
END_TEST

static void wait_until_blocked(const char *by)
{
    g_autofree char *query =
        g_strdup_printf("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                        " AND wait_event = '%s' AND datname = current_database()",
                        by);
    for (;;) {
        g_autofree char *blocked = sql(query);
        if (strcmp(blocked, "0") != 0)
            return;
        g_free(sql("SELECT pg_stat_clear_snapshot()"));
        g_main_context_iteration(NULL, FALSE);
    }
}

/* The answer to two writes is lost; sent again they are refused, and go out one by one: the second
 * waits for the first, and may have been stored. */
START_TEST(what_may_have_been_stored_is_not_given_up)
{
    start();
    g_free(sql("CREATE SEQUENCE tries"));
    g_free(sql("CREATE FUNCTION obstruct() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
               " IF nextval('tries') = 1 THEN RAISE data_exception; END IF;"
               " PERFORM pg_advisory_xact_lock(7); RETURN NEW; END $$"));
    open_archive();
    g_free(sql("SELECT pg_advisory_lock(7)"));
    g_free(sql("BEGIN"));
    g_free(sql("SELECT log_advance(1)"));
    add("first");
    add("second");
    wait_until_blocked("transactionid");
    g_free(sql("CREATE TRIGGER obstruct BEFORE INSERT ON messages FOR EACH ROW"
               " WHEN (NEW.body = 'first') EXECUTE FUNCTION obstruct()"));
    g_free(sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
               " WHERE application_name = 'trestle' AND datname = current_database()"));
    g_free(sql("COMMIT"));
    wait_until_blocked("advisory");
    clock_advance(3 * G_USEC_PER_SEC);
    while (tally.late < 2)
        turn();
    ck_assert_uint_eq(tally.done, 0);
    g_free(sql("SELECT pg_advisory_unlock(7)"));
    finish_all(2);
    ck_assert_uint_eq(tally.stored, 2);
    g_free(sql("DROP FUNCTION obstruct CASCADE"));
    g_free(sql("DROP SEQUENCE tries"));
    stop();
}
END_TEST

/* As it comes by XMPP under the id of the message that alice said last, or of one that is not here
 * yet. */
static void add_arrival(const struct uuid *uid)
{
    struct message_write *m = g_new0(struct message_write, 1);
    m->write = (struct write){.kind = WRITE_RECEIVE, .done = write_done, .late = write_late};
    m->id = m->dedupe = *uid;
    m->from = g_strdup("a@app.example.org");
    m->to = g_strdup("b@app.example.org");
    m->address = g_strdup("a@app.example.org/phone");
    m->body = g_strdup("said");
    archive_write(archive, &m->write);
}

/* The connection breaks while an arrival is under way, and MEANWHILE is done before it is sent
 * again.
 */
static void lose_arrival(const struct uuid *uid, const char *meanwhile)
{
    g_free(sql("BEGIN"));
    g_free(sql("SELECT log_advance(1)"));
    add_arrival(uid);
    wait_until_blocked("transactionid");
    g_free(sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
               " WHERE application_name = 'trestle' AND datname = current_database()"));
    g_free(sql(meanwhile));
    g_free(sql("COMMIT"));
}

/* Its answer is lost: what it has stored is news, what was there before it was sent is none,
 * whoever has stored that. */
START_TEST(an_echo_is_no_news_although_its_answer_was_lost)
{
    struct uuid uid;
    start();
    open_archive();
    add("said");
    finish_all(1);
    g_autofree char *id = sql("SELECT id FROM messages");
    ck_assert(uuid_parse(id, &uid));
    lose_arrival(&uid, "SELECT");
    finish_all(2);
    ck_assert_uint_eq(tally.stored, 1);
    uuid_generate(&uid);
    add_arrival(&uid);
    finish_all(3);
    ck_assert_uint_eq(tally.stored, 2);
    lose_arrival(&uid, "SELECT");
    finish_all(4);
    ck_assert_uint_eq(tally.stored, 2);
    char other[UUID_TEXT_SIZE];
    uuid_generate(&uid);
    uuid_format(&uid, other);
    g_autofree char *stored = g_strdup_printf(
        "SELECT FROM message_receive(ARRAY['%s'::uuid], ARRAY['a@app.example.org'],"
        " ARRAY['b@app.example.org'], ARRAY['said'], ARRAY['%s'::uuid],"
        " ARRAY['a@app.example.org/phone'], ARRAY[NULL], ARRAY[false], ARRAY[NULL], ARRAY[false])",
        other, other);
    lose_arrival(&uid, stored);
    finish_all(5);
    ck_assert_uint_eq(tally.stored, 3);
    expect_sql("SELECT count(*) FROM messages", "3");
    stop();
}
END_TEST

START_TEST(other_schema_is_refused_until_it_fits)
{
    start();
    g_free(sql("INSERT INTO schema_migrations (version, name) VALUES (9999, 'future')"));
    struct archive_callbacks callbacks = {.up = came_up};
    archive = archive_new(options, &callbacks, NULL);
    for (gint64 end = g_get_monotonic_time() + G_USEC_PER_SEC; g_get_monotonic_time() < end;)
        turn();
    ck_assert(!archive_is_up(archive));
    add("x");
    clock_advance(3 * G_USEC_PER_SEC);
    finish_all(1); /* does not wait for ever */
    ck_assert_int_eq(tally.error, ERROR_UNAVAILABLE);
    g_free(sql("DELETE FROM schema_migrations WHERE version = 9999"));
    clock_advance(3 * G_USEC_PER_SEC);
    while (!archive_is_up(archive))
        turn();
    ck_assert_uint_eq(ups, 1);
    stop();
}
END_TEST

/* 127.0.0.1 first. */
static void two_addresses(void)
{
    g_autofree char *uri = g_strdup(options->database_uri);
    char *host = strstr(uri, "host=");
    ck_assert_ptr_nonnull(host);
    g_autofree char *there = g_strdup(host + strlen("host="));
    *host = '\0';
    g_free(options->database_uri);
    options->database_uri = g_strconcat(uri, "host=127.0.0.1,", there, NULL);
}

/* libpq closes the socket of the first address and opens the next one under the same number. */
START_TEST(second_address_is_tried)
{
    start();
    two_addresses();
    gint64 begun = g_get_monotonic_time();
    open_archive();
    ck_assert_int_lt(g_get_monotonic_time() - begun, 4 * G_USEC_PER_SEC);
    stop();
}
END_TEST

/* It takes connections and says nothing: a machine whose server is frozen. libpq would wait for
 * ever. */
START_TEST(silent_address_is_given_up_for_the_next)
{
    start();
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port =
                                      htons((uint16_t)g_ascii_strtoull(PQport(admin), NULL, 10))};
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(silent, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(silent, 16), 0);
    two_addresses();
    open_archive();
    add("x");
    finish_all(1);
    ck_assert_uint_eq(tally.stored, 1);
    stop();
    close(silent);
}
END_TEST

void add_tests_of_links(TCase *tcase)
{
    const TTest *const tests[] = {
        killed_backend_settles_everything_once,    another_log_is_noticed,
        absent_server_is_told_after_three_seconds, stuck_batch_is_told_late_and_settled_later,
        what_may_have_been_stored_is_not_given_up, an_echo_is_no_news_although_its_answer_was_lost,
        other_schema_is_refused_until_it_fits,     second_address_is_tried,
        silent_address_is_given_up_for_the_next};
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        tcase_add_test(tcase, tests[i]);
}
