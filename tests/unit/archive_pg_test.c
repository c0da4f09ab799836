/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The real archive on a real, empty, migrated database: TRESTLE_TEST_DATABASE is its URI. Run by
 * tests/sql/run; without that variable there is nothing to do. */
#include "config.h"

#include <libpq-fe.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/archive/archive.h"
#include "bridge/archive/write_kinds.h"
#include "bridge/base/clock.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/loop/loop.h"
#include "tests/unit/unit.h"

static struct archive *archive;
static struct options *options;
static PGconn *admin;
static unsigned ups;
static enum log_change change;
static struct uuid alice, conversation;

struct tally {
    unsigned done, stored, failed, late;
    gint64 last_seq;
    bool disorder;
    enum error_code error;
    gint64 statements[64]; /* sent when the first, second … write was told */
};
static struct tally tally;

static void came_up(const struct log_state *log, void *data)
{
    (void)data;
    change = log->change;
    ups++;
}

static void turn(void)
{
    g_main_context_iteration(NULL, TRUE);
}

static char *sql(const char *text)
{
    PGresult *result = PQexec(admin, text);
    ExecStatusType status = PQresultStatus(result);
    ck_assert_msg(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "%s",
                  PQerrorMessage(admin));
    char *value = g_strdup(PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return value;
}

static void expect_sql(const char *text, const char *wanted)
{
    g_autofree char *value = sql(text);
    ck_assert_str_eq(value, wanted);
}

/* What an archive has begun goes on for a moment after it is gone; TRUNCATE would meet its locks.
 */
static void wait_until_alone(void)
{
    for (;;) {
        g_autofree char *others = sql("SELECT count(*) FROM pg_stat_activity"
                                      " WHERE datname = current_database()"
                                      " AND backend_type = 'client backend'"
                                      " AND pid <> pg_backend_pid()");
        if (strcmp(others, "0") == 0)
            return;
        g_usleep(1000);
    }
}

static void start(void)
{
    const char *uri = g_getenv("TRESTLE_TEST_DATABASE");
    admin = PQconnectdb(uri);
    wait_until_alone();
    g_free(sql("TRUNCATE users, conversations, members, messages, marks, outbox, blocks CASCADE"));
    g_free(sql("INSERT INTO users (id, kind, external_id, jid) VALUES"
               " ('00000000-0000-7000-8000-000000000001', 'hosted', 'a', 'a@app.example.org'),"
               " ('00000000-0000-7000-8000-000000000002', 'hosted', 'b', 'b@app.example.org')"));
    g_autofree char *id =
        sql("SELECT result->>'id' FROM change_conversation_open("
            "'00000000-0000-7000-8000-000000000001', '{\"participant\": \"b\"}')");
    ck_assert(uuid_parse(id, &conversation));
    ck_assert(uuid_parse("00000000-0000-7000-8000-000000000001", &alice));
    options = options_new();
    g_free(options->database_uri);
    options->database_uri = g_strdup(uri);
    g_free(options->xmpp_domain);
    options->xmpp_domain = g_strdup("app.example.org");
    memset(&tally, 0, sizeof tally);
    ups = 0;
    loop_start();
}

static void open_archive(void)
{
    struct archive_callbacks callbacks = {.up = came_up};
    archive = archive_new(options, &callbacks, NULL);
    while (!archive_is_up(archive))
        turn();
}

static void stop(void)
{
    archive_free(archive);
    for (int i = 0; i < 3; i++) /* nothing of it is left in the loop */
        g_main_context_iteration(NULL, FALSE);
    loop_stop();
    options_free(options);
    PQfinish(admin);
}

/* Several instances: what each transaction took of the log. */
static struct {
    gint64 before, after; /* of the one whose completions are being called */
    gint64 end;           /* of the last one */
    unsigned count;
    bool disorder;
} spans;

static void batch_begin(gint64 before, gint64 after, void *data)
{
    (void)data;
    spans.disorder = spans.disorder || after < before || (spans.count > 0 && before != spans.end);
    spans.before = before;
    spans.after = spans.end = after;
    spans.count++;
}

static void batch_end(void *data)
{
    (void)data;
    spans.before = spans.after = 0;
}

static void write_done(struct write *write, enum error_code error)
{
    struct message_write *m = (struct message_write *)(void *)write;
    tally.statements[MIN(tally.done, G_N_ELEMENTS(tally.statements) - 1)] =
        metric_get(METRIC_ARCHIVE_STATEMENTS);
    tally.done++;
    if (error == ERROR_NONE && spans.after > 0)
        spans.disorder =
            spans.disorder || write->position <= spans.before || write->position > spans.after;
    if (error == ERROR_NONE && write->outcome == OUTCOME_DONE) {
        tally.disorder = tally.disorder || m->seq <= tally.last_seq;
        tally.last_seq = m->seq;
        tally.stored++;
    } else {
        tally.failed++;
        tally.error = error;
    }
    message_write_free(m);
}

static void write_late(struct write *write)
{
    (void)write;
    tally.late++;
}

static void add(const char *body)
{
    struct message_write *m = g_new0(struct message_write, 1);
    m->write = (struct write){.kind = WRITE_MESSAGE, .done = write_done, .late = write_late};
    uuid_generate(&m->id);
    m->conversation = conversation;
    m->sender = alice;
    m->dedupe = m->id;
    m->body = g_strdup(body);
    archive_write(archive, &m->write);
}

static void add_numbered(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        char body[16];
        g_snprintf(body, sizeof body, "%08u", i);
        add(body);
    }
}

static void finish_all(unsigned count)
{
    while (tally.done < count)
        turn();
}

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

static void ask_done(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    *(enum error_code *)data = error;
}

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

int main(void)
{
    if (!g_getenv("TRESTLE_TEST_DATABASE"))
        return 77;
    const TTest *const tests[] = {poison_row_spares_its_neighbours,
                                  marks_and_failures_keep_their_order,
                                  many_writes_in_order_and_in_few_statements,
                                  killed_backend_settles_everything_once,
                                  another_log_is_noticed,
                                  absent_server_is_told_after_three_seconds,
                                  stuck_batch_is_told_late_and_settled_later,
                                  what_may_have_been_stored_is_not_given_up,
                                  an_echo_is_no_news_although_its_answer_was_lost,
                                  full_queue_refuses_at_once_and_later,
                                  what_waits_at_the_end_is_answered,
                                  those_who_come_together_are_told_apart,
                                  who_has_gathered_at_the_end_is_answered,
                                  other_schema_is_refused_until_it_fits,
                                  second_address_is_tried,
                                  silent_address_is_given_up_for_the_next,
                                  large_texts_go_in_several_statements,
                                  batches_know_what_they_took_of_the_log,
                                  a_known_head_needs_no_look,
                                  the_next_batch_leaves_before_one_is_told,
                                  a_head_that_is_not_true_any_more_does_no_harm,
                                  a_head_decides_nothing,
                                  short_and_long_ways_keep_the_order};
    Suite *suite = suite_create("archive_pg");
    TCase *tcase = tcase_create("archive_pg");
    tcase_set_timeout(tcase, 120);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
