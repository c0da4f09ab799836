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
#define BELLA "bella@app.example.org"
#define ALICE_ID "00000000-0000-7000-8000-00000000000a"
#define ROMEO_ID "00000000-0000-7000-8000-00000000000b"
#define OTHER_ID "00000000-0000-7000-8000-00000000000c"
#define TALK "00000000-0000-7000-8000-000000000001"
#define COLUMNS 22

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

static void on_relation(struct relation *relation, enum error_code error, void *data)
{
    unsigned *calls = data;
    told.calls++;
    told.error = error;
    told.blocks = relation && relation->party[RELATION_USER].allows.blocks;
    g_free(told.peer_jid);
    told.peer_jid = relation ? g_strdup(relation->party[RELATION_PEER].jid) : NULL;
    if (calls)
        ++*calls;
}

static void ask(const char *user, const char *peer, unsigned *calls)
{
    struct relation_key key = {.user = user, .peer = peer};
    relation_find(&core, &key, on_relation, calls);
}

static const struct relation *peek(const char *user, const char *peer)
{
    struct relation_key key = {.user = user, .peer = peer};
    return relation_recall(&core, &key);
}

static void answer_view(const char *user, const char *peer, const char *blocks)
{
    const char *cells[COLUMNS] = {user, "1",    ALICE, "t", peer, "2", ROMEO, "f", NULL, "t", "f",
                                  "f",  blocks, "t",   "f", "f",  "t", "f",   "t", "f",  "f", "t"};
    ck_assert_int_eq(fake_asked(), QUERY_RELATION_VIEW);
    fake_answer(1, COLUMNS, cells);
}

/* Asks, and answers if that had to be asked; true if it had. */
static bool find(const char *user, const char *peer)
{
    unsigned calls = 0;
    ask(user, peer, &calls);
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
    ck_assert_ptr_null(peek(ALICE, ROMEO));
    ck_assert(find(ALICE, ROMEO));
    const struct relation *relation = peek(ALICE, ROMEO);
    ck_assert_ptr_nonnull(relation);
    ck_assert_str_eq(relation->party[RELATION_PEER].jid, ROMEO);
    ck_assert(!relation_is_silent(relation));
    ck_assert(relation->party[RELATION_USER].allows.profile &&
              !relation->party[RELATION_USER].allows.shows);
    ck_assert_int_eq(relation->party[RELATION_PEER].number, 2);
    ck_assert_ptr_null(peek(ROMEO, ALICE)); /* the other way is another question */
    ck_assert(!find(ALICE, ROMEO));
    ck_assert_str_eq(told.peer_jid, ROMEO);
    clock_advance(59 * G_USEC_PER_SEC);
    ck_assert(!find(ALICE, ROMEO));
    clock_advance(2 * G_USEC_PER_SEC);
    ck_assert_ptr_null(peek(ALICE, ROMEO));
    ck_assert(find(ALICE, ROMEO));
    stop();
}
END_TEST

START_TEST(silence_is_remembered_shortly_and_looks_the_same)
{
    static const char *const silent[][2] = {{NULL, "f"}, {ALICE_ID, "t"}};
    start();
    for (size_t i = 0; i < G_N_ELEMENTS(silent); i++) {
        ask(ALICE, ROMEO, NULL);
        answer_view(silent[i][0], ROMEO_ID, silent[i][1]);
        ck_assert(relation_is_silent(peek(ALICE, ROMEO)));
        clock_advance(4 * G_USEC_PER_SEC);
        ck_assert(!find(ALICE, ROMEO));
        clock_advance(2 * G_USEC_PER_SEC);
        ck_assert_ptr_null(peek(ALICE, ROMEO));
    }
    stop();
}
END_TEST

START_TEST(the_same_question_is_asked_once)
{
    start();
    for (int i = 0; i < 100; i++)
        ask(ALICE, ROMEO, NULL);
    ask(ALICE, OTHER_ID, NULL);
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
        ask(ALICE, ROMEO, NULL);
    fake_fail(ERROR_UNAVAILABLE);
    ck_assert_uint_eq(told.calls, 3);
    ck_assert_int_eq(told.error, ERROR_UNAVAILABLE);
    ck_assert_ptr_null(peek(ALICE, ROMEO));
    ask(ALICE, ROMEO, NULL);
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
        ck_assert_ptr_null(peek(ALICE, ROMEO));
        ck_assert_ptr_null(peek(ALICE, ROMEO_ID));
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
    ck_assert_ptr_nonnull(peek(ALICE, ROMEO));
    bus_publish(&there, "relation", json_pack("{s:i}", "user", 7));
    bus_publish(&there, "relation", json_pack("{s:s}", "user", "x"));
    ck_assert_ptr_nonnull(peek(ALICE, ROMEO));
    uuid_parse(ROMEO_ID, &user);
    relation_forget(&there, &user);
    ck_assert_ptr_null(peek(ALICE, ROMEO));
    find(ALICE, ROMEO);
    bus_clear(&there);
    bus_init(&there, &to_here);
    bus_up(&there); /* what it said before that may have been lost */
    ck_assert_ptr_null(peek(ALICE, ROMEO));
    relations_clear(&there);
    notices_stop(&there);
    notices_stop(&core);
    bus_clear(&there);
    bus_clear(&core);
    accounts_free(there.accounts);
    stop();
}
END_TEST

START_TEST(an_answer_older_than_a_change_is_not_remembered)
{
    start();
    ask(ALICE, ROMEO, NULL);
    forget(ALICE_ID);
    ask(ALICE, ROMEO, NULL); /* must not be content with the old one */
    answer_view(ALICE_ID, ROMEO_ID, "f");
    ck_assert_uint_eq(told.calls, 1);
    ck_assert(!told.blocks);
    ck_assert_ptr_null(peek(ALICE, ROMEO));
    ask(ALICE, ROMEO, NULL);
    answer_view(ALICE_ID, ROMEO_ID, "t");
    ck_assert_uint_eq(told.calls, 3); /* both that came behind the change */
    ck_assert(told.blocks);
    ck_assert(relation_is_silent(peek(ALICE, ROMEO)));
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    stop();
}
END_TEST

START_TEST(what_is_forgotten_before_it_is_told_is_asked_again)
{
    start();
    find(ALICE, ROMEO);
    unsigned calls = told.calls;
    ask(ALICE, ROMEO, NULL); /* remembered, told at the turn's end */
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
    enum { CEILING = 65536 };
    start();
    for (unsigned i = 0; i <= CEILING; i++) {
        g_autofree char *peer = g_strdup_printf("r%u@example.org", i);
        ask(ALICE, peer, NULL);
        answer_view(ALICE_ID, ROMEO_ID, "f");
    }
    ck_assert_ptr_null(peek(ALICE, "r0@example.org"));
    ck_assert_ptr_nonnull(peek(ALICE, "r1@example.org"));
    ck_assert_ptr_nonnull(peek(ALICE, "r65536@example.org"));
    forget(ALICE_ID);
    ck_assert_ptr_null(peek(ALICE, "r65536@example.org"));
    stop();
}
END_TEST

START_TEST(what_is_under_way_at_the_end_is_answered)
{
    start();
    ask(ALICE, ROMEO, NULL);
    core.archive = NULL;
    relations_clear(&core);
    fake_clear();
    ck_assert_uint_eq(told.calls, 1);
    ck_assert_int_eq(told.error, ERROR_UNAVAILABLE);
    stop();
}
END_TEST

/* ---- Conversations --------------------------------------------------------------------------- */

static struct relation_key talk_of(const char *user)
{
    return (struct relation_key){.user = user, .peer = TALK, .conversation = true};
}

static struct relation *recall_talk(const char *user)
{
    struct relation_key key = talk_of(user);
    return relation_recall(&core, &key);
}

static void ask_talk(void)
{
    struct relation_key key = talk_of(ALICE);
    relation_find(&core, &key, on_relation, NULL);
}

static void answer_talk(const char *talk, const char *live)
{
    const char *cells[COLUMNS] = {ALICE_ID, "1", ALICE, "t", ROMEO_ID, "2", BELLA, "t",
                                  talk,     "t", live,  "f", "f",      "t", "f",   "f",
                                  "t",      "f", "t",   "f", "f",      "t"};
    ck_assert_int_eq(fake_asked(), QUERY_RELATION_VIEW);
    fake_answer(1, COLUMNS, cells);
}

static struct uuid id_of(const char *text)
{
    struct uuid id;
    ck_assert(uuid_parse(text, &id));
    return id;
}

START_TEST(a_conversation_is_asked_for_once_in_half_an_hour_by_whichever_of_the_two)
{
    start();
    struct uuid talk = id_of(TALK), bella = id_of(ROMEO_ID);
    ck_assert_ptr_null(recall_talk(ALICE));
    ask_talk();
    ask_talk(); /* joins */
    answer_talk(TALK, "t");
    ck_assert_uint_eq(told.calls, 2);
    clock_advance(29 * 60 * G_USEC_PER_SEC);
    struct relation *relation = recall_talk(ALICE);
    ck_assert_ptr_nonnull(relation);
    ck_assert(relation->live);
    ck_assert_ptr_eq(recall_talk(BELLA), relation);
    ck_assert_uint_eq(relation_party_of(relation, &bella), RELATION_PEER);
    ck_assert_ptr_null(recall_talk(ROMEO)); /* a stranger */
    ck_assert_ptr_eq(relation_of_conversation(&core, &talk), relation);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    ck_assert_ptr_null(peek(ALICE, TALK)); /* what may be shown is not believed for so long */
    clock_advance(2 * 60 * G_USEC_PER_SEC);
    ck_assert_ptr_null(recall_talk(ALICE));
    ck_assert_ptr_null(recall_talk(BELLA));
    stop();
}
END_TEST

START_TEST(a_conversation_is_forgotten_when_it_changes)
{
    start();
    struct uuid talk = id_of(TALK);
    ask_talk();
    answer_talk(TALK, "t");
    relation_forget_conversation(&core, &talk);
    ck_assert_ptr_null(recall_talk(ALICE));
    ck_assert_ptr_null(relation_of_conversation(&core, &talk));
    ask_talk();
    relation_forget_conversation(&core, &talk);
    ask_talk();             /* does not join */
    answer_talk(TALK, "t"); /* the older one */
    ck_assert_ptr_null(recall_talk(ALICE));
    answer_talk(TALK, "f");
    ck_assert_uint_eq(told.calls, 3);
    ck_assert(!recall_talk(ALICE)->live);
    forget(ROMEO_ID); /* a block, say */
    ck_assert_ptr_null(recall_talk(ALICE));
    stop();
}
END_TEST

START_TEST(that_there_is_no_conversation_is_remembered_until_there_is_a_new_one)
{
    start();
    ask_talk();
    answer_talk(NULL, "f");
    ck_assert(uuid_is_nil(&recall_talk(ALICE)->conversation));
    relations_grew(&core);
    ck_assert_ptr_null(recall_talk(ALICE));
    ask_talk();
    relations_grew(&core);
    ask_talk();             /* does not join */
    answer_talk(NULL, "f"); /* the older one */
    ck_assert_ptr_null(recall_talk(ALICE));
    answer_talk(NULL, "f");
    ck_assert_ptr_nonnull(recall_talk(ALICE));
    clock_advance(3 * G_USEC_PER_SEC);
    ck_assert_ptr_null(recall_talk(ALICE));
    stop();
}
END_TEST

START_TEST(what_an_app_calls_somebody_is_no_address)
{
    start();
    struct relation_key key = {.user = ALICE, .reference = "7", .conversation = true};
    relation_find(&core, &key, on_relation, NULL);
    ck_assert_ptr_null(fake_value(1));
    ck_assert_str_eq(fake_value(2), "7");
    answer_talk(TALK, "t");
    ck_assert_ptr_nonnull(relation_recall(&core, &key));
    ck_assert_ptr_nonnull(recall_talk(ALICE)); /* it is this conversation */
    key = (struct relation_key){.user = ALICE, .peer = "7", .conversation = true};
    ck_assert_ptr_null(relation_recall(&core, &key));
    stop();
}
END_TEST

START_TEST(who_was_heard_of_stays_so)
{
    start();
    ask_talk();
    answer_talk(TALK, "t");
    struct relation_key key = {.user = ALICE, .reference = "7", .conversation = true};
    relation_find(&core, &key, on_relation, NULL);
    ck_assert(!recall_talk(ALICE)->heard);
    relation_note_heard(&core, recall_talk(ALICE));
    answer_talk(TALK, "t"); /* says no */
    ck_assert(recall_talk(ALICE)->heard && relation_recall(&core, &key)->heard);
    stop();
}
END_TEST

START_TEST(too_many_who_wait_are_refused)
{
    enum { WAITING = 1024 };
    start();
    for (unsigned i = 0; i <= WAITING; i++)
        ask_talk();
    turn();
    ck_assert_uint_eq(told.calls, 1);
    ck_assert_int_eq(told.error, ERROR_UNAVAILABLE);
    ask(ALICE, ROMEO, NULL); /* others are not */
    answer_talk(TALK, "t");
    ck_assert_uint_eq(told.calls, 1 + WAITING);
    ck_assert_int_eq(told.error, ERROR_NONE);
    answer_view(ALICE_ID, ROMEO_ID, "f");
    ck_assert_int_eq(told.error, ERROR_NONE);
    stop();
}
END_TEST

UNIT_MAIN("core_relation", what_was_asked_is_remembered_for_a_minute,
          silence_is_remembered_shortly_and_looks_the_same, the_same_question_is_asked_once,
          everybody_who_waits_is_told_of_failure, a_change_forgets_all_that_involves_the_user,
          another_instance_forgets_too, an_answer_older_than_a_change_is_not_remembered,
          what_is_forgotten_before_it_is_told_is_asked_again,
          memory_is_bounded_and_the_oldest_goes_first, what_is_under_way_at_the_end_is_answered,
          a_conversation_is_asked_for_once_in_half_an_hour_by_whichever_of_the_two,
          a_conversation_is_forgotten_when_it_changes,
          that_there_is_no_conversation_is_remembered_until_there_is_a_new_one,
          what_an_app_calls_somebody_is_no_address, who_was_heard_of_stays_so,
          too_many_who_wait_are_refused)
