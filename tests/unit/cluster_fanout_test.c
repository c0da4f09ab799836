/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of the log at an instance: its own and others' in one order, holes read from the database,
 * nothing lost to a socket that comes meanwhile. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/options.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/fanout.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/outbox.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

/* One instance under test, one that only publishes. */
static char name[] = "one";
static struct options options = {
    .xmpp_secret = name, .cluster_instance = name, .websocket_resume_max = 3};
static struct core core, other;
static GQueue wire; /* GBytes, what `other` has published */

struct socket {
    struct subscriber subscriber;
    GString *seen;
    gint64 last;
    unsigned many; /* events of conversations of many */
};
static struct socket alice, bella;
static struct account *accounts[2];

static bool publish(void *data, const char *bytes, size_t length)
{
    if (data == &other)
        g_queue_push_tail(&wire, g_bytes_new(bytes, length));
    return true;
}

static void deliver(struct subscriber *subscriber, struct event *event)
{
    struct socket *socket = (struct socket *)(void *)subscriber;
    ck_assert_int_gt(event->position, socket->last);
    socket->last = event->position;
    socket->many += event->parties.many;
    g_string_append_printf(socket->seen, "%d ", (int)event->position);
}

static void missed(struct subscriber *subscriber, gint64 position)
{
    struct socket *socket = (struct socket *)(void *)subscriber;
    socket->last = position;
    g_string_append_printf(socket->seen, "missed-%d ", (int)position);
}

static struct account *learn(guint8 number)
{
    struct account_row row = {.id = {{number}}, .facts = "{}", .hosted = true};
    g_autofree char *jid = g_strdup_printf("u%d@app.example.org", number);
    row.jid = jid;
    return account_learn(core.accounts, &row);
}

static void connect_socket(struct socket *socket, struct account *account)
{
    *socket = (struct socket){.subscriber = {.deliver = deliver, .missed = missed}};
    socket->seen = g_string_new(NULL);
    socket->last = event_position(&core, account);
    subscriber_add(&core, &socket->subscriber, account);
}

static void start_core(struct core *started)
{
    struct bus_transport transport = {started, publish, NULL};
    *started = (struct core){.options = &options, .archive = (struct archive *)started};
    started->accounts = accounts_new();
    bus_init(started, &transport);
    fanout_init(started);
    started->outbox = outbox_new(started);
    started->epoch = g_strdup("e");
    bus_up(started);
    fanout_archive_up(started, 100, true);
}

static void start(void)
{
    fake_set_up(true);
    g_queue_init(&wire);
    start_core(&core);
    start_core(&other);
    accounts[0] = learn(1);
    accounts[1] = learn(2);
    connect_socket(&alice, accounts[0]);
    connect_socket(&bella, accounts[1]);
}

static void stop_core(struct core *stopped)
{
    outbox_free(stopped->outbox);
    fanout_clear(stopped);
    bus_clear(stopped);
    accounts_free(stopped->accounts);
    g_free(stopped->epoch);
}

static void finish(void)
{
    fake_clear();
    subscriber_remove(&core, &alice.subscriber);
    subscriber_remove(&core, &bella.subscriber);
    g_string_free(alice.seen, TRUE);
    g_string_free(bella.seen, TRUE);
    g_queue_clear_full(&wire, (GDestroyNotify)g_bytes_unref);
    stop_core(&core);
    stop_core(&other);
}

/* A transaction at one of the two: an event for alice at each of its positions. */
static void commit(struct core *where, gint64 before, gint64 last)
{
    fanout_batch_begin(where, before, last);
    for (gint64 position = before + 1; position <= last; position++) {
        g_auto(buffer) payload = BUFFER_INIT(64);
        buffer_append_string(&payload, "{\"a\":1}");
        g_autoptr(trestle_event) event = event_new(EVENT_MESSAGE_READ, position, 0, &payload);
        event->parties.many = true;
        event_publish(where, event, &accounts[0]->id, 1);
    }
    fanout_batch_end(where);
}

/* The next message of the other instance: ours to hear, or to lose. */
static void next_message(bool arrives)
{
    GBytes *bytes = g_queue_pop_head(&wire);
    ck_assert_ptr_nonnull(bytes);
    gsize length;
    const char *text = g_bytes_get_data(bytes, &length);
    if (arrives)
        bus_received(&core, text, length);
    g_bytes_unref(bytes);
}

static void greeting(void)
{
    next_message(true); /* that it is here */
}

static void expect_seen(struct socket *socket, const char *wanted)
{
    ck_assert_str_eq(socket->seen->str, wanted);
    g_string_truncate(socket->seen, 0);
}

/* A second passes: the head of the log is asked for. */
static void look(const char *head)
{
    for (int i = 0; i < 4 && fake_asked() == QUERY_MAX; i++)
        fanout_tick(&core);
    ck_assert_int_eq(fake_asked(), QUERY_LOG_AFTER);
    fake_answer(1, 1, (const char *[]){head});
}

/* Answers the next account's read with the head and events at these positions (0: no more). */
static void answer_read(const char *head, gint64 one, gint64 two)
{
    enum { COLUMNS = EVENT_RESUME_MANY + 1 };
    const char *cells[3 * COLUMNS] = {head};
    gint64 positions[] = {one, two};
    char texts[2][24];
    int rows = 1;
    for (int i = 0; i < 2 && positions[i]; i++, rows++) {
        g_snprintf(texts[i], sizeof texts[i], "%d", (int)positions[i]);
        cells[rows * COLUMNS] = texts[i];
        cells[rows * COLUMNS + 1] = "message.read";
        cells[rows * COLUMNS + 2] = "0";
        cells[rows * COLUMNS + 3] = "{}";
    }
    ck_assert_int_eq(fake_asked(), QUERY_EVENT_RESUME);
    fake_answer(rows, COLUMNS, cells);
}

static bool asked_for(const struct account *account)
{
    return fake_asked() == QUERY_EVENT_RESUME && strcmp(fake_value(0), account->id_text) == 0;
}

START_TEST(both_instances_are_one_log)
{
    start();
    greeting();
    commit(&core, 100, 102);
    expect_seen(&alice, "101 102 ");
    commit(&other, 102, 103);
    commit(&core, 103, 105); /* told before the other's arrives */
    expect_seen(&alice, "");
    ck_assert_int_eq(core.position, 102);
    next_message(true);
    expect_seen(&alice, "103 104 105 ");
    expect_seen(&bella, "");
    ck_assert_uint_eq(alice.many, 5); /* the other's, too */
    ck_assert_int_eq(core.position, 105);
    look("105");
    look("105");
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    finish();
}
END_TEST

START_TEST(what_redis_lost_is_read)
{
    start();
    greeting();
    commit(&other, 100, 102);
    next_message(false);
    commit(&core, 102, 103);
    look("103");
    ck_assert_int_eq(fake_asked(), QUERY_MAX); /* it may still come */
    look("103");
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(fake_value(1), "100");
        if (asked_for(accounts[0]))
            answer_read("103", 101, 103);
        else
            answer_read("103", 0, 0);
    }
    expect_seen(&alice, "101 103 ");
    expect_seen(&bella, "");
    ck_assert_int_eq(core.position, 103);
    commit(&core, 103, 104);
    expect_seen(&alice, "104 ");
    finish();
}
END_TEST

START_TEST(what_comes_during_a_fill_follows_it)
{
    start();
    greeting();
    commit(&other, 100, 101);
    next_message(false);
    look("101");
    look("101");
    commit(&core, 101, 102);
    expect_seen(&alice, "");
    for (int i = 0; i < 2; i++) /* the read sees later events, too: they come by themselves */
        answer_read("102", asked_for(accounts[0]) ? 101 : 0, asked_for(accounts[0]) ? 102 : 0);
    expect_seen(&alice, "101 102 ");
    finish();
}
END_TEST

START_TEST(who_comes_during_a_fill_misses_nothing)
{
    start();
    greeting();
    subscriber_remove(&core, &bella.subscriber);
    commit(&other, 100, 103);
    next_message(false);
    look("103");
    look("103");
    /* Before alice's read has come: bella's cursor is before the hole, she is read as well. */
    connect_socket(&bella, accounts[1]);
    ck_assert_int_eq(bella.last, 100);
    answer_read("103", 101, 102);
    /* Alice's second socket comes behind the read: it begins behind the hole. */
    static struct socket second;
    connect_socket(&second, accounts[0]);
    ck_assert_int_eq(second.last, 103);
    fanout_tick(&core);
    ck_assert(asked_for(accounts[1]));
    answer_read("103", 103, 0);
    expect_seen(&alice, "101 102 ");
    expect_seen(&bella, "103 ");
    ck_assert_int_eq(core.position, 103);
    commit(&core, 103, 104);
    expect_seen(&second, "104 ");
    expect_seen(&alice, "104 ");
    subscriber_remove(&core, &second.subscriber);
    g_string_free(second.seen, TRUE);
    finish();
}
END_TEST

START_TEST(a_failed_read_is_repeated)
{
    start();
    greeting();
    commit(&other, 100, 101);
    next_message(false);
    look("101");
    look("101");
    fake_fail(ERROR_UNAVAILABLE);
    fake_fail(ERROR_UNAVAILABLE);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    ck_assert_int_eq(core.position, 100);
    fanout_tick(&core);
    for (int i = 0; i < 2; i++)
        answer_read("101", asked_for(accounts[0]) ? 101 : 0, 0);
    expect_seen(&alice, "101 ");
    ck_assert_int_eq(core.position, 101);
    finish();
}
END_TEST

START_TEST(too_much_is_told_as_such)
{
    enum { COLUMNS = EVENT_RESUME_MANY + 1, ROWS = 5 };
    const char *cells[ROWS * COLUMNS] = {"110"};
    char texts[ROWS][8];
    start();
    greeting();
    for (int i = 1; i < ROWS; i++) {
        g_snprintf(texts[i], sizeof texts[i], "%d", 100 + i);
        cells[i * COLUMNS] = texts[i];
        cells[i * COLUMNS + 1] = "message.read";
        cells[i * COLUMNS + 2] = "0";
        cells[i * COLUMNS + 3] = "{}";
    }
    commit(&other, 100, 110);
    next_message(false);
    look("110");
    look("110");
    for (int i = 0; i < 2; i++) {
        if (asked_for(accounts[0]))
            fake_answer(ROWS, COLUMNS, cells);
        else
            answer_read("110", 0, 0);
    }
    expect_seen(&alice, "missed-110 ");
    expect_seen(&bella, "");
    finish();
}
END_TEST

START_TEST(without_redis_the_log_is_looked_at_more_often)
{
    start();
    greeting();
    bus_down(&core);
    commit(&other, 100, 101);
    fanout_tick(&core);
    ck_assert_int_eq(fake_asked(), QUERY_LOG_AFTER);
    fake_answer(1, 1, (const char *[]){"101"});
    for (int i = 0; i < 2; i++)
        answer_read("101", asked_for(accounts[0]) ? 101 : 0, 0);
    expect_seen(&alice, "101 ");
    next_message(true); /* late: not twice */
    expect_seen(&alice, "");
    finish();
}
END_TEST

START_TEST(an_event_of_an_earlier_attempt_comes_with_the_fill)
{
    start();
    greeting();
    /* The first attempt took 101, its answer was lost; the second one takes 102 for nothing. */
    fanout_batch_begin(&core, 101, 102);
    g_auto(buffer) payload = BUFFER_INIT(64);
    buffer_append_string(&payload, "{}");
    g_autoptr(trestle_event) event = event_new(EVENT_MESSAGE_READ, 101, 0, &payload);
    event_publish(&core, event, &accounts[0]->id, 1);
    fanout_batch_end(&core);
    expect_seen(&alice, "");
    look("102");
    look("102");
    for (int i = 0; i < 2; i++)
        answer_read("102", asked_for(accounts[0]) ? 101 : 0, 0);
    expect_seen(&alice, "101 ");
    finish();
}
END_TEST

START_TEST(a_large_transaction_comes_in_parts)
{
    start();
    greeting();
    fanout_batch_begin(&other, 100, 140);
    for (gint64 position = 101; position <= 140; position++) {
        g_autofree char *text = g_strnfill(60000, 'x');
        g_auto(buffer) payload = BUFFER_INIT(70000);
        buffer_append_string(&payload, "\"");
        buffer_append_string(&payload, text);
        buffer_append_string(&payload, "\"");
        g_autoptr(trestle_event) event = event_new(EVENT_MESSAGE_READ, position, 0, &payload);
        event_publish(&other, event, &accounts[0]->id, 1);
    }
    fanout_batch_end(&other);
    ck_assert_uint_ge(g_queue_get_length(&wire), 8);
    while (!g_queue_is_empty(&wire))
        next_message(true);
    ck_assert_int_eq(core.position, 140);
    ck_assert_int_eq(alice.last, 140);
    finish();
}
END_TEST

START_TEST(another_log_starts_anew)
{
    start();
    greeting();
    commit(&other, 100, 101);
    next_message(false);
    look("101");
    look("101"); /* a fill begins, its reads are under way */
    fanout_archive_up(&core, 7, true);
    ck_assert_int_eq(core.position, 7);
    answer_read("101", 101, 0);
    answer_read("101", 101, 0);
    alice.last = bella.last = 7;
    expect_seen(&alice, "");
    commit(&core, 7, 8);
    expect_seen(&alice, "8 ");
    finish();
}
END_TEST

UNIT_MAIN("fanout", both_instances_are_one_log, what_redis_lost_is_read,
          what_comes_during_a_fill_follows_it, who_comes_during_a_fill_misses_nothing,
          a_failed_read_is_repeated, too_much_is_told_as_such,
          without_redis_the_log_is_looked_at_more_often,
          an_event_of_an_earlier_attempt_comes_with_the_fill, a_large_transaction_comes_in_parts,
          another_log_starts_anew)
