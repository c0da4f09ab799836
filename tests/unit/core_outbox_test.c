/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outbox sends in order, sends again with the same id, and clears only what is proven. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/outbox.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"
#include "xep/stanza.h"
#include "xep/stanza_text.h"

#define ALICE "alice@app.example.org"
#define ROMEO "romeo@example.org"

static const char ids[4][UUID_TEXT_SIZE] = {
    "00000000-0000-7000-8000-000000000000", "00000000-0000-7000-8000-000000000001",
    "00000000-0000-7000-8000-000000000002", "00000000-0000-7000-8000-000000000003"};

static struct {
    struct core core;
    bool up;
    bool full;
    const char *poison; /* a stanza with this text is never taken */
    GPtrArray *sent;    /* XML */
    int announced;      /* entries of which `sent` was told */
    int given_up;       /* `refused` likewise */
    void (*barrier)(bool delivered, void *data);
    void *barrier_data;
} t;

static bool ready(void *link)
{
    (void)link;
    return t.up;
}

static enum sink_result send_stanza(void *link, xmpp_stanza_t *stanza)
{
    (void)link;
    g_autofree char *text = stanza_to_link_text(stanza, NULL);
    if (!t.up || t.full)
        return SINK_LATER;
    if (t.poison && strstr(text, t.poison))
        return SINK_NEVER;
    g_ptr_array_add(t.sent, g_steal_pointer(&text));
    return SINK_SENT;
}

static bool barrier(void *link, void (*done)(bool delivered, void *data), void *data)
{
    (void)link;
    ck_assert_ptr_null(t.barrier);
    if (!t.up)
        return false;
    t.barrier = done;
    t.barrier_data = data;
    return true;
}

static void pong(bool delivered)
{
    ck_assert_ptr_nonnull(t.barrier);
    void (*done)(bool, void *) = t.barrier;
    t.barrier = NULL;
    done(delivered, t.barrier_data);
}

static void link_up(void)
{
    t.up = true;
    outbox_link_up(t.core.outbox, SERVICE_USERS);
}

static void link_ends(bool in_order)
{
    t.up = false;
    if (t.barrier)
        pong(false);
    outbox_link_down(t.core.outbox, SERVICE_USERS, in_order);
}

static void link_down(void)
{
    link_ends(false);
}

/* ---- Two kinds of stanzas -------------------------------------------------------------------- */

static xmpp_stanza_t *build(const struct outbox_entry *entry, const char *id)
{
    xmpp_stanza_t *stanza = stanza_new("message", NULL);
    stanza_set(stanza, "from", entry->from);
    stanza_set(stanza, "to", entry->to);
    stanza_set(stanza, "id", id);
    stanza_add_text(stanza, "body", NULL, entry->payload ? entry->payload : "");
    return stanza;
}

static xmpp_stanza_t *build_message(const struct outbox_entry *entry)
{
    return build(entry, entry->id);
}

/* One that says nothing cannot be made. */
static xmpp_stanza_t *build_note(const struct outbox_entry *entry)
{
    g_autofree char *id = outbox_entry_id(entry);
    return entry->reference ? build(entry, id) : NULL;
}

static void count_sent(struct core *core, const struct outbox_entry *entry)
{
    ck_assert_ptr_eq(core, &t.core);
    ck_assert_str_eq(entry->kind, "note");
    t.announced++;
}

static void count_refused(struct core *core, const struct outbox_entry *entry)
{
    ck_assert_ptr_eq(core, &t.core);
    ck_assert_str_eq(entry->to, ROMEO);
    t.given_up++;
}

static const struct outgoing messages[] = {
    {.kind = "message", .build = build_message, .refused = count_refused}, {0}};
static const struct outgoing notes[] = {{.kind = "note", .build = build_note, .sent = count_sent},
                                        {0}};
static const struct outgoing rooms[] = {
    {.kind = "room", .service = SERVICE_ROOMS, .build = build_message}, {0}};
static unsigned built; /* copies */

static xmpp_stanza_t *build_copy(const struct outbox_entry *entry)
{
    built++;
    return entry->payload ? build(entry, entry->id) : NULL;
}

static const struct outgoing shared[] = {{.kind = "shared", .copies = true, .build = build_copy},
                                         {0}};
static const struct outgoing *const outgoing[] = {messages, notes, rooms, shared, NULL};

static struct options *options;

static void start_keeping(int seconds)
{
    memset(&t, 0, sizeof t);
    options = options_new();
    options->xmpp_keep = seconds;
    t.core.options = options;
    t.core.sinks[SERVICE_USERS] =
        (struct stanza_sink){.link = &t, .ready = ready, .send = send_stanza, .barrier = barrier};
    t.sent = g_ptr_array_new_with_free_func(g_free);
    t.core.outgoing = outgoing;
    t.core.outbox = outbox_new(&t.core);
    fake_set_up(true);
}

static void start(void)
{
    start_keeping(0);
}

static void stop(void)
{
    link_down();
    fake_clear();
    outbox_free(t.core.outbox);
    g_ptr_array_unref(t.sent);
    options_free(options);
}

static void commit(gint64 position, int id)
{
    struct outbox_entry entry = {
        .position = position, .kind = "message", .from = ALICE, .to = ROMEO, .payload = "text"};
    g_strlcpy(entry.id, ids[id], sizeof entry.id);
    outbox_committed(t.core.outbox, &entry);
}

#define COLUMNS 9
#define ROW(position, id) position, "0", "message", ALICE, ROMEO, ids[id], NULL, "text", NULL

#define NOTE(position, n, reference)                                                               \
    position, n, "note", ALICE, ROMEO, NULL, reference, "text", NULL

static void answer_page(int rows, const char *const *cells)
{
    ck_assert_int_eq(fake_asked(), QUERY_OUTBOX_PAGE);
    fake_answer(rows, COLUMNS, cells);
}

static void expect_sent(const char *wanted) /* last digits of the ids, in order */
{
    g_autoptr(GString) seen = g_string_new(NULL);
    for (guint i = 0; i < t.sent->len; i++) {
        const char *xml = g_ptr_array_index(t.sent, i);
        const char *id = strstr(xml, "00000000-0000-7000-8000-00000000000");
        ck_assert_ptr_nonnull(id);
        g_string_append_c(seen, id[UUID_TEXT_SIZE - 2]);
    }
    ck_assert_str_eq(seen->str, wanted);
}

/* The link is up and everything is sent. */
static void settle_empty(void)
{
    link_up();
    answer_page(0, NULL);
}

/* Runs the timers until a question or a barrier waits. */
static void wait_tick(void)
{
    while (fake_asked() == QUERY_MAX && !t.barrier)
        g_main_context_iteration(NULL, TRUE);
}

START_TEST(sends_what_was_left_then_what_is_new)
{
    start();
    link_up();
    commit(30, 2); /* while the page is being read */
    expect_sent("");
    ck_assert_str_eq(fake_value(0), "0");
    answer_page(2, (const char *[]){ROW("10", 0), ROW("20", 1)});
    expect_sent("01");
    ck_assert_str_eq(fake_value(0), "20"); /* the page may have been read before 30 was committed */
    answer_page(1, (const char *[]){ROW("30", 2)});
    expect_sent("012");
    commit(40, 3);
    expect_sent("0123");
    stop();
}
END_TEST

START_TEST(a_page_that_had_the_new_one_sends_it_once)
{
    start();
    link_up();
    answer_page(1, (const char *[]){ROW("30", 2)});
    commit(30, 2); /* the commit is reported after the page was read */
    expect_sent("2");
    stop();
}
END_TEST

START_TEST(clears_only_what_a_ping_has_proven)
{
    start();
    settle_empty();
    commit(10, 0);
    wait_tick();
    commit(20, 1); /* after the ping: not covered by it */
    pong(true);
    ck_assert_int_eq(fake_asked(), QUERY_OUTBOX_DELIVERED);
    ck_assert_str_eq(fake_value(0), "10");
    fake_answer(0, 0, NULL);
    wait_tick();
    pong(true);
    ck_assert_str_eq(fake_value(0), "20");
    stop();
}
END_TEST

START_TEST(what_is_not_proven_is_sent_again_with_its_id)
{
    start();
    settle_empty();
    commit(10, 0);
    commit(20, 1);
    wait_tick();
    link_down(); /* the ping comes back false */
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    commit(30, 2);
    link_up();
    ck_assert_str_eq(fake_value(0), "0");
    answer_page(3, (const char *[]){ROW("10", 0), ROW("20", 1), ROW("30", 2)});
    expect_sent("01012");
    ck_assert_str_eq(g_ptr_array_index(t.sent, 0), g_ptr_array_index(t.sent, 2));
    stop();
}
END_TEST

START_TEST(page_of_an_older_stream_is_not_sent)
{
    start();
    link_up();
    link_down();
    link_up(); /* the first stream's page is still being read */
    answer_page(1, (const char *[]){ROW("10", 0)});
    expect_sent("");
    answer_page(1, (const char *[]){ROW("10", 0)});
    expect_sent("0");
    stop();
}
END_TEST

START_TEST(full_queue_keeps_order)
{
    start();
    settle_empty();
    commit(10, 0);
    t.full = true;
    commit(20, 1);
    t.full = false;
    commit(30, 2); /* must not overtake */
    expect_sent("0");
    wait_tick();
    if (t.barrier)
        pong(false);
    while (fake_asked() != QUERY_OUTBOX_PAGE)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_str_eq(fake_value(0), "10");
    answer_page(2, (const char *[]){ROW("20", 1), ROW("30", 2)});
    expect_sent("012");
    stop();
}
END_TEST

START_TEST(entry_without_sender_is_read_from_the_database)
{
    start();
    settle_empty();
    struct outbox_entry entry = {.position = 10, .kind = "note", .to = ROMEO, .reference = "f1"};
    outbox_committed(t.core.outbox, &entry);
    ck_assert_uint_eq(t.sent->len, 0);
    wait_tick();
    answer_page(1, (const char *[]){NOTE("10", "0", "f1")});
    ck_assert_uint_eq(t.sent->len, 1);
    ck_assert_ptr_nonnull(strstr(g_ptr_array_index(t.sent, 0), "id='note-10'"));
    ck_assert_int_eq(t.announced, 1);
    stop();
}
END_TEST

START_TEST(illegal_entry_is_given_up_and_does_not_hold_up_the_rest)
{
    start();
    t.poison = ids[1];
    link_up();
    answer_page(3, (const char *[]){ROW("10", 0), ROW("20", 1), ROW("30", 2)});
    expect_sent("02");
    ck_assert_int_eq(t.given_up, 1);
    commit(40, 3);
    expect_sent("023");
    stop();
}
END_TEST

START_TEST(what_cannot_be_built_does_not_hold_up_the_rest)
{
    start();
    link_up();
    answer_page(2, (const char *[]){NOTE("10", "0", NULL), ROW("20", 1)});
    expect_sent("1");
    ck_assert_int_eq(t.announced, 0);
    stop();
}
END_TEST

START_TEST(kinds_of_another_version_are_passed_over_and_kept)
{
    gint64 unknown = metric_get(METRIC_OUTBOX_UNKNOWN);
    start();
    link_up();
    answer_page(3, (const char *[]){ROW("10", 0), "20", "0", "later-kind", ALICE, ROMEO, ids[3],
                                    "r", "p", NULL, ROW("30", 2)});
    expect_sent("02");
    ck_assert_int_eq(metric_get(METRIC_OUTBOX_UNKNOWN) - unknown, 1);
    pong(true);
    ck_assert_int_eq(fake_asked(), QUERY_OUTBOX_DELIVERED);
    ck_assert_str_eq(fake_value(0), "30");
    ck_assert_str_eq(fake_value(4), "{message,note,shared}"); /* what is cleared */
    stop();
}
END_TEST

/* An entry of 300 recipients goes through a window of 256. */
START_TEST(several_of_one_position_go_on_where_they_stopped)
{
    static char numbers[128][8];
    const char *cells[128 * COLUMNS];
    start();
    link_up();
    for (int i = 0; i < 128; i++) {
        g_snprintf(numbers[i], sizeof numbers[i], "%d", i);
        memcpy(&cells[i * COLUMNS], (const char *[]){NOTE("10", numbers[i], "r")},
               COLUMNS * sizeof cells[0]);
    }
    answer_page(128, cells);
    ck_assert_uint_eq(t.sent->len, 128);
    ck_assert_ptr_nonnull(strstr(g_ptr_array_index(t.sent, 127), "id='note-10-127'"));
    ck_assert_str_eq(fake_value(0), "10");
    ck_assert_str_eq(fake_value(1), "127");
    t.full = true; /* the rest has to wait */
    answer_page(1, (const char *[]){NOTE("10", "128", "r")});
    pong(true);
    ck_assert_int_eq(fake_asked(), QUERY_OUTBOX_DELIVERED);
    ck_assert_str_eq(fake_value(0), "10");
    ck_assert_str_eq(fake_value(1), "127"); /* and is not cleared */
    stop();
}
END_TEST

START_TEST(return_of_the_database_repeats_nothing_on_this_stream)
{
    start();
    settle_empty();
    commit(10, 0);
    outbox_archive_up(t.core.outbox);
    ck_assert_str_eq(fake_value(0), "10");
    answer_page(1, (const char *[]){ROW("20", 1)}); /* its commit was never reported */
    expect_sent("01");
    stop();
}
END_TEST

START_TEST(another_log_starts_from_its_beginning)
{
    start();
    settle_empty();
    commit(1000, 0);
    outbox_other_log(t.core.outbox);
    outbox_archive_up(t.core.outbox);
    ck_assert_str_eq(fake_value(0), "0");
    answer_page(0, NULL);
    commit(5, 1);
    expect_sent("01");
    stop();
}
END_TEST

START_TEST(what_the_server_has_read_is_kept_for_a_while)
{
    start_keeping(1);
    settle_empty();
    commit(10, 0);
    wait_tick();
    pong(true);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    wait_tick();
    ck_assert_int_eq(fake_asked(), QUERY_OUTBOX_DELIVERED);
    ck_assert_str_eq(fake_value(0), "10");
    stop();
}
END_TEST

START_TEST(what_is_kept_is_sent_again_when_the_link_breaks)
{
    start_keeping(60);
    settle_empty();
    commit(10, 0);
    wait_tick();
    pong(true);
    commit(20, 1);
    link_ends(false);
    link_up();
    ck_assert_str_eq(fake_value(0), "0");
    answer_page(2, (const char *[]){ROW("10", 0), ROW("20", 1)});
    expect_sent("0101");
    stop();
}
END_TEST

START_TEST(what_is_kept_is_not_sent_again_when_the_stream_ends_in_order)
{
    start_keeping(60);
    settle_empty();
    commit(10, 0);
    wait_tick();
    pong(true);
    commit(20, 1);
    link_ends(true);
    link_up();
    ck_assert_str_eq(fake_value(0), "10");
    answer_page(1, (const char *[]){ROW("20", 1)});
    expect_sent("011");
    stop();
}
END_TEST

static void count_call(void *data)
{
    ++*(int *)data;
}

START_TEST(draining_clears_all_that_was_read)
{
    int done = 0;
    start_keeping(60);
    settle_empty();
    commit(10, 0);
    wait_tick();
    commit(20, 1); /* not covered by the ping that is out */
    outbox_drain(t.core.outbox, 60000, count_call, &done);
    pong(true);
    pong(true);
    ck_assert_int_eq(done, 0);
    ck_assert_int_eq(fake_asked(), QUERY_OUTBOX_DELIVERED);
    ck_assert_str_eq(fake_value(0), "20");
    fake_answer(0, 0, NULL);
    ck_assert_int_eq(done, 1);
    stop();
    ck_assert_int_eq(done, 1);
}
END_TEST

START_TEST(draining_ends_when_nothing_waits_the_link_breaks_or_time_is_up)
{
    int done = 0;
    start_keeping(60);
    settle_empty();
    outbox_drain(t.core.outbox, 60000, count_call, &done);
    ck_assert_int_eq(done, 1);
    commit(10, 0);
    outbox_drain(t.core.outbox, 60000, count_call, &done);
    link_down();
    ck_assert_int_eq(done, 2);
    link_up();
    answer_page(1, (const char *[]){ROW("10", 0)});
    outbox_drain(t.core.outbox, 1, count_call, &done);
    while (done < 3)
        g_main_context_iteration(NULL, TRUE);
    stop();
    ck_assert_int_eq(done, 3);
}
END_TEST

START_TEST(clearing_that_failed_is_repeated)
{
    start();
    settle_empty();
    commit(10, 0);
    wait_tick();
    pong(true);
    fake_fail(ERROR_UNAVAILABLE);
    wait_tick();
    ck_assert_int_eq(fake_asked(), QUERY_OUTBOX_DELIVERED);
    ck_assert_str_eq(fake_value(0), "10");
    stop();
}
END_TEST

/* The epoch was renamed while the deletion waited: it names that of its position, and goes again.
 */
START_TEST(clearing_names_the_log_it_is_of)
{
    char one[] = "one", two[] = "two";
    const char *const no[] = {"f"};
    start();
    t.core.epoch = one;
    settle_empty();
    commit(10, 0);
    wait_tick();
    pong(true);
    ck_assert_str_eq(fake_value(3), "one");
    t.core.epoch = two;
    fake_answer(1, 1, no);
    wait_tick();
    ck_assert_int_eq(fake_asked(), QUERY_OUTBOX_DELIVERED);
    ck_assert_str_eq(fake_value(0), "10");
    ck_assert_str_eq(fake_value(3), "two");
    stop();
}
END_TEST

START_TEST(failed_page_is_asked_for_again)
{
    start();
    link_up();
    fake_fail(ERROR_UNAVAILABLE);
    commit(10, 0);
    expect_sent("");
    wait_tick();
    answer_page(1, (const char *[]){ROW("10", 0)});
    expect_sent("0");
    stop();
}
END_TEST

START_TEST(full_pages_go_on_without_waiting)
{
    static char positions[128][8];
    const char *cells[128 * COLUMNS];
    start();
    link_up();
    for (int i = 0; i < 128; i++) {
        g_snprintf(positions[i], sizeof positions[i], "%d", i + 1);
        memcpy(&cells[i * COLUMNS], (const char *[]){ROW(positions[i], 0)},
               COLUMNS * sizeof cells[0]);
    }
    answer_page(128, cells);
    ck_assert_uint_eq(t.sent->len, 128);
    ck_assert_ptr_nonnull(t.barrier);
    ck_assert_str_eq(fake_value(0), "128");
    answer_page(0, NULL);
    stop();
}
END_TEST

/* A server that is slow to take stanzas over would answer a ping behind thousands of them too late.
 */
START_TEST(no_more_than_a_window_is_on_the_way)
{
    start();
    settle_empty();
    for (gint64 position = 1; position <= 1000; position++)
        commit(position, 0);
    ck_assert_uint_eq(t.sent->len, 256);
    pong(true);
    while (fake_asked() != QUERY_OUTBOX_PAGE)
        fake_answer(0, 0, NULL);
    ck_assert_str_eq(fake_value(0), "256");
    answer_page(1, (const char *[]){ROW("257", 1)});
    ck_assert_uint_eq(t.sent->len, 257);
    stop();
}
END_TEST

START_TEST(a_link_that_is_down_holds_up_nothing_of_another)
{
    struct outbox_entry entry = {.position = 10, .kind = "room", .from = ALICE, .to = ROMEO};
    g_strlcpy(entry.id, ids[0], sizeof entry.id);
    start();
    link_up();
    ck_assert_ptr_null(fake_value(3));
    ck_assert_str_eq(fake_value(4), "{room}"); /* is not for this link */
    answer_page(0, NULL);
    outbox_committed(t.core.outbox, &entry);
    commit(20, 1);
    expect_sent("1");
    t.core.sinks[SERVICE_ROOMS] = t.core.sinks[SERVICE_USERS];
    outbox_link_up(t.core.outbox, SERVICE_ROOMS);
    ck_assert_str_eq(fake_value(0), "0");
    ck_assert_str_eq(fake_value(3), "{room}");
    answer_page(1, (const char *[]){"10", "0", "room", ALICE, ROMEO, ids[0], NULL, "x", NULL});
    expect_sent("10");
    pong(true);
    ck_assert_int_eq(fake_asked(), QUERY_OUTBOX_DELIVERED);
    ck_assert_str_eq(fake_value(0), "10"); /* of 20 there is no proof */
    ck_assert_str_eq(fake_value(4), "{room}");
    fake_answer(0, 0, NULL);
    outbox_link_down(t.core.outbox, SERVICE_ROOMS, false);
    commit(30, 2);
    expect_sent("102");
    stop();
}
END_TEST

#define COPY(n, to, payload)                                                                       \
    "10", n, "shared", "room@rooms.example.org/Ann", to, ids[0], "o", payload, NULL
#define OTHER(n, from, to, payload) "10", n, "shared", from, to, NULL, "o", payload, NULL

START_TEST(copies_are_one_stanza_to_each)
{
    static const char *const receivers[] = {"a@x/1", "b@x/1", "c@x/1", "d@x/1", "e@x/1", "f@x/1"};
    start();
    link_up();
    built = 0;
    answer_page(6, (const char *[]){COPY("0", "a@x/1", "text"), COPY("1", "b@x/1", NULL),
                                    COPY("2", "c@x/1", NULL), OTHER("3", ALICE, "d@x/1", "text"),
                                    OTHER("4", ALICE, "e@x/1", "text"),
                                    OTHER("5", ALICE, "f@x/1", "another text")});
    ck_assert_uint_eq(built, 3);
    ck_assert_uint_eq(t.sent->len, 6);
    for (guint i = 0; i < t.sent->len; i++) {
        const char *xml = g_ptr_array_index(t.sent, i);
        g_autofree char *to = g_strdup_printf("to='%s'", receivers[i]);
        ck_assert_ptr_nonnull(strstr(xml, to));
        ck_assert_ptr_nonnull(strstr(xml, i < 5 ? ">text<" : ">another text<"));
        ck_assert_ptr_nonnull(strstr(xml, i < 3 ? "/Ann'" : ALICE));
    }
    stop();
}
END_TEST

START_TEST(copies_go_on_in_another_page)
{
    start();
    link_up();
    built = 0;
    t.full = true;
    answer_page(2, (const char *[]){COPY("0", "a@x/1", "text"), COPY("1", "b@x/1", NULL)});
    ck_assert_uint_eq(t.sent->len, 0);
    t.full = false;
    wait_tick();
    answer_page(2, (const char *[]){COPY("0", "a@x/1", "text"), COPY("1", "b@x/1", NULL)});
    ck_assert_uint_eq(t.sent->len, 2);
    ck_assert_uint_eq(built, 2);
    stop();
}
END_TEST

UNIT_MAIN("core_outbox", copies_are_one_stanza_to_each, copies_go_on_in_another_page,
          a_link_that_is_down_holds_up_nothing_of_another, sends_what_was_left_then_what_is_new,
          a_page_that_had_the_new_one_sends_it_once, clears_only_what_a_ping_has_proven,
          what_is_not_proven_is_sent_again_with_its_id, page_of_an_older_stream_is_not_sent,
          full_queue_keeps_order, entry_without_sender_is_read_from_the_database,
          illegal_entry_is_given_up_and_does_not_hold_up_the_rest,
          what_cannot_be_built_does_not_hold_up_the_rest,
          kinds_of_another_version_are_passed_over_and_kept,
          several_of_one_position_go_on_where_they_stopped,
          return_of_the_database_repeats_nothing_on_this_stream,
          another_log_starts_from_its_beginning, clearing_names_the_log_it_is_of,
          what_the_server_has_read_is_kept_for_a_while,
          what_is_kept_is_sent_again_when_the_link_breaks,
          what_is_kept_is_not_sent_again_when_the_stream_ends_in_order,
          draining_clears_all_that_was_read,
          draining_ends_when_nothing_waits_the_link_breaks_or_time_is_up,
          clearing_that_failed_is_repeated, failed_page_is_asked_for_again,
          full_pages_go_on_without_waiting, no_more_than_a_window_is_on_the_way)
