/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How users stand to each other, as it is remembered: for how long, how much of it, asked for once,
 * and forgotten when it changes. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/notice.h"
#include "bridge/core/core.h"
#include "bridge/core/relation.h"
#include "bridge/loop/loop.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

#define ALICE "alice@app.example.org"
#define ROMEO "romeo@example.org"
#define ALICE_ID "00000000-0000-7000-8000-00000000000a"
#define ROMEO_ID "00000000-0000-7000-8000-00000000000b"
#define OTHER_ID "00000000-0000-7000-8000-00000000000c"
#define COLUMNS 18

static struct core core;
static struct options *options;
static struct {
    unsigned calls;
    enum error_code error;
    bool blocks;
    char *peer_jid;
} told;

static void start(void)
{
    memset(&core, 0, sizeof core);
    memset(&told, 0, sizeof told);
    core.options = options = options_new();
    core.archive = (void *)&core; /* the fake one does not look at it */
    loop_start();
    core.accounts = accounts_new();
    relations_init(&core);
}

static void stop(void)
{
    core.archive = NULL;
    fake_clear();
    relations_clear(&core);
    accounts_free(core.accounts);
    loop_stop();
    options_free(options);
    g_clear_pointer(&told.peer_jid, g_free);
}

static void turn(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

static void on_relation(const struct relation *relation, enum error_code error, void *data)
{
    unsigned *calls = data;
    told.calls++;
    told.error = error;
    told.blocks = relation && relation->user_side.blocks;
    g_free(told.peer_jid);
    told.peer_jid = relation ? g_strdup(relation->peer_jid) : NULL;
    if (calls)
        ++*calls;
}

static void answer_view(const char *user, const char *peer, const char *blocks)
{
    const char *cells[COLUMNS] = {user, peer, NULL, ROMEO, "f", blocks, "t", "f", "f",
                                  "t",  "f",  "t",  "f",   "f", "t",    "1", "2", "t"};
    ck_assert_int_eq(fake_asked(), QUERY_RELATION_VIEW);
    fake_answer(1, COLUMNS, cells);
}

/* Asks, and answers if that had to be asked; true if it had. */
static bool find(const char *user, const char *peer)
{
    unsigned calls = 0;
    relation_find(&core, user, peer, on_relation, &calls);
    ck_assert_uint_eq(calls, 0); /* always later */
    turn();
    bool asked = fake_asked() != QUERY_MAX;
    if (asked)
        answer_view(ALICE_ID, ROMEO_ID, "f");
    ck_assert_uint_eq(calls, 1);
    ck_assert_int_eq(told.error, ERROR_NONE);
    return asked;
}

START_TEST(what_was_asked_is_remembered_for_a_minute)
{
    start();
    ck_assert_ptr_null(relation_peek(&core, ALICE, ROMEO));
    ck_assert(find(ALICE, ROMEO));
    const struct relation *relation = relation_peek(&core, ALICE, ROMEO);
    ck_assert_ptr_nonnull(relation);
    ck_assert_str_eq(relation->peer_jid, ROMEO);
    ck_assert(!relation_is_silent(relation));
    ck_assert(relation->user_side.profile && !relation->user_side.shows);
    ck_assert_int_eq(relation->peer_number, 2);
    ck_assert_ptr_null(relation_peek(&core, ROMEO, ALICE)); /* the other way is another question */
    ck_assert(!find(ALICE, ROMEO));
    ck_assert_str_eq(told.peer_jid, ROMEO);
    clock_advance(59 * G_USEC_PER_SEC);
    ck_assert(!find(ALICE, ROMEO));
    clock_advance(2 * G_USEC_PER_SEC);
    ck_assert_ptr_null(relation_peek(&core, ALICE, ROMEO));
    ck_assert(find(ALICE, ROMEO));
    stop();
}
END_TEST

START_TEST(silence_is_remembered_shortly_and_looks_the_same)
{
    static const char *const silent[][2] = {{NULL, "f"}, {ALICE_ID, "t"}};
    start();
    for (size_t i = 0; i < G_N_ELEMENTS(silent); i++) {
        relation_find(&core, ALICE, ROMEO, on_relation, NULL);
        answer_view(silent[i][0], ROMEO_ID, silent[i][1]);
        ck_assert(relation_is_silent(relation_peek(&core, ALICE, ROMEO)));
        clock_advance(4 * G_USEC_PER_SEC);
        ck_assert(!find(ALICE, ROMEO));
        clock_advance(2 * G_USEC_PER_SEC);
        ck_assert_ptr_null(relation_peek(&core, ALICE, ROMEO));
    }
    stop();
}
END_TEST

START_TEST(the_same_question_is_asked_once)
{
    start();
    for (int i = 0; i < 100; i++)
        relation_find(&core, ALICE, ROMEO, on_relation, NULL);
    relation_find(&core, ALICE, OTHER_ID, on_relation, NULL);
    ck_assert_str_eq(fake_value(0), ALICE);
    ck_assert_str_eq(fake_value(1), ROMEO);
    answer_view(ALICE_ID, ROMEO_ID, "f");
    ck_assert_uint_eq(told.calls, 100);
    ck_assert_str_eq(fake_value(1), OTHER_ID);
    answer_view(ALICE_ID, OTHER_ID, "f");
    ck_assert_uint_eq(told.calls, 101);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    stop();
}
END_TEST

START_TEST(everybody_who_waits_is_told_of_failure)
{
    start();
    for (int i = 0; i < 3; i++)
        relation_find(&core, ALICE, ROMEO, on_relation, NULL);
    fake_fail(ERROR_UNAVAILABLE);
    ck_assert_uint_eq(told.calls, 3);
    ck_assert_int_eq(told.error, ERROR_UNAVAILABLE);
    ck_assert_ptr_null(relation_peek(&core, ALICE, ROMEO));
    relation_find(&core, ALICE, ROMEO, on_relation, NULL);
    fake_answer(0, COLUMNS, NULL); /* never */
    ck_assert_int_eq(told.error, ERROR_INTERNAL);
    ck_assert(find(ALICE, ROMEO)); /* a failure is not remembered */
    stop();
}
END_TEST

static void forget(const char *id)
{
    struct uuid user;
    ck_assert(uuid_parse(id, &user));
    relation_forget(&core, &user);
}

START_TEST(a_change_forgets_all_that_involves_the_user)
{
    start();
    static const char *const involved[] = {ALICE_ID, ROMEO_ID};
    for (size_t i = 0; i < G_N_ELEMENTS(involved); i++) {
        find(ALICE, ROMEO);
        find(ALICE, ROMEO_ID);
        forget(OTHER_ID);
        ck_assert(!find(ALICE, ROMEO));
        forget(involved[i]);
        ck_assert_ptr_null(relation_peek(&core, ALICE, ROMEO));
        ck_assert_ptr_null(relation_peek(&core, ALICE, ROMEO_ID));
        ck_assert(find(ALICE, ROMEO));
    }
    struct uuid nobody = {{0}};
    relation_forget(&core, &nobody);
    ck_assert(!find(ALICE, ROMEO));
    stop();
}
END_TEST

static bool publish(void *data, const char *bytes, size_t length)
{
    bus_received(data, bytes, length);
    return true;
}

static void reset(void *data)
{
    (void)data;
}

START_TEST(another_instance_forgets_too)
{
    start();
    g_free(options->xmpp_secret);
    options->xmpp_secret = g_strdup("shared");
    struct core there = {.options = options};
    struct bus_transport to_there = {&there, publish, reset}, to_here = {&core, publish, reset};
    there.accounts = accounts_new();
    bus_init(&core, &to_there);
    bus_init(&there, &to_here);
    notices_start(&core);
    notices_start(&there);
    bus_up(&core);
    bus_up(&there);
    relations_init(&there);
    find(ALICE, ROMEO);
    struct uuid user;
    uuid_parse(OTHER_ID, &user);
    relation_forget(&there, &user);
    ck_assert_ptr_nonnull(relation_peek(&core, ALICE, ROMEO));
    bus_publish(&there, "relation", json_pack("{s:i}", "user", 7));
    bus_publish(&there, "relation", json_pack("{s:s}", "user", "x"));
    ck_assert_ptr_nonnull(relation_peek(&core, ALICE, ROMEO));
    uuid_parse(ROMEO_ID, &user);
    relation_forget(&there, &user);
    ck_assert_ptr_null(relation_peek(&core, ALICE, ROMEO));
    relations_clear(&there);
    bus_clear(&there);
    bus_clear(&core);
    accounts_free(there.accounts);
    stop();
}
END_TEST

START_TEST(an_answer_older_than_a_change_is_not_remembered)
{
    start();
    relation_find(&core, ALICE, ROMEO, on_relation, NULL);
    forget(ALICE_ID);
    relation_find(&core, ALICE, ROMEO, on_relation,
                  NULL); /* must not be content with the old one */
    answer_view(ALICE_ID, ROMEO_ID, "f");
    ck_assert_uint_eq(told.calls, 1);
    ck_assert(!told.blocks);
    ck_assert_ptr_null(relation_peek(&core, ALICE, ROMEO));
    relation_find(&core, ALICE, ROMEO, on_relation, NULL);
    answer_view(ALICE_ID, ROMEO_ID, "t");
    ck_assert_uint_eq(told.calls, 3); /* both that came behind the change */
    ck_assert(told.blocks);
    ck_assert(relation_is_silent(relation_peek(&core, ALICE, ROMEO)));
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    stop();
}
END_TEST

START_TEST(what_is_forgotten_before_it_is_told_is_asked_again)
{
    start();
    find(ALICE, ROMEO);
    unsigned calls = told.calls;
    relation_find(&core, ALICE, ROMEO, on_relation, NULL); /* remembered, told at the turn's end */
    forget(ROMEO_ID);
    turn();
    ck_assert_uint_eq(told.calls, calls);
    answer_view(ALICE_ID, ROMEO_ID, "t");
    ck_assert_uint_eq(told.calls, calls + 1);
    ck_assert(told.blocks);
    stop();
}
END_TEST

START_TEST(memory_is_bounded_and_the_oldest_goes_first)
{
    enum { CEILING = 50000 };
    start();
    for (unsigned i = 0; i <= CEILING; i++) {
        g_autofree char *peer = g_strdup_printf("r%u@example.org", i);
        relation_find(&core, ALICE, peer, on_relation, NULL);
        answer_view(ALICE_ID, ROMEO_ID, "f");
    }
    ck_assert_ptr_null(relation_peek(&core, ALICE, "r0@example.org"));
    ck_assert_ptr_nonnull(relation_peek(&core, ALICE, "r1@example.org"));
    ck_assert_ptr_nonnull(relation_peek(&core, ALICE, "r50000@example.org"));
    forget(ALICE_ID);
    ck_assert_ptr_null(relation_peek(&core, ALICE, "r50000@example.org"));
    stop();
}
END_TEST

START_TEST(what_is_under_way_at_the_end_is_answered)
{
    start();
    relation_find(&core, ALICE, ROMEO, on_relation, NULL);
    core.archive = NULL;
    relations_clear(&core);
    fake_clear();
    ck_assert_uint_eq(told.calls, 1);
    ck_assert_int_eq(told.error, ERROR_UNAVAILABLE);
    stop();
}
END_TEST

UNIT_MAIN("core_relation", what_was_asked_is_remembered_for_a_minute,
          silence_is_remembered_shortly_and_looks_the_same, the_same_question_is_asked_once,
          everybody_who_waits_is_told_of_failure, a_change_forgets_all_that_involves_the_user,
          another_instance_forgets_too, an_answer_older_than_a_change_is_not_remembered,
          what_is_forgotten_before_it_is_told_is_asked_again,
          memory_is_bounded_and_the_oldest_goes_first, what_is_under_way_at_the_end_is_answered)
