/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who types: pace, silence, repetitions for clients that forget, messages, sockets that close. */
#include "config.h"

#include "bridge/core/typing.h"
#include "tests/unit/unit.h"

#define SECOND G_USEC_PER_SEC

static struct typing *typing;
static struct relation *relation;
static gint64 now;
static int sockets[2]; /* their addresses stand for sockets */
static unsigned told;  /* changes; without repetitions */
static unsigned repeats;
static struct typing_change last, last_repeat;

static void tell(const struct typing_change *change, void *data)
{
    (void)data;
    if (change->repeat) {
        repeats++;
        last_repeat = *change;
    } else {
        told++;
        last = *change;
    }
}

static struct relation *new_relation(bool remote)
{
    struct relation *made = g_new0(struct relation, 1);
    made->references = 1;
    uuid_generate(&made->conversation);
    uuid_generate(&made->party[0].id);
    uuid_generate(&made->party[1].id);
    made->party[0].hosted = true;
    made->party[1].hosted = !remote;
    made->live = true;
    return made;
}

static void setup(void)
{
    now = 1000 * SECOND;
    told = repeats = 0;
    relation = new_relation(true);
    struct typing_rules rules = {.app_silence = 5 * SECOND,
                                 .peer_silence = 60 * SECOND,
                                 .short_silence = 3 * SECOND,
                                 .repeat = 2 * SECOND,
                                 .pace = SECOND,
                                 .tell = tell};
    typing = typing_new(&rules, now);
}

static void teardown(void)
{
    typing_free(typing);
    ck_assert_int_eq(relation->references, 1);
    relation_unref(relation);
}

static void say_of(struct relation *of, unsigned side, bool active)
{
    struct typing_report report = {of, side, side == 0 ? &sockets[0] : NULL, active};
    typing_set(typing, &report, now);
}

static void say(bool active)
{
    say_of(relation, 0, active);
}

static void pass(gint64 microseconds)
{
    for (gint64 end = now + microseconds; now < end;) {
        now = MIN(now + SECOND / 20, end);
        typing_advance(typing, now);
    }
}

START_TEST(a_start_and_a_stop_are_told_once)
{
    setup();
    say(true);
    ck_assert_uint_eq(told, 1);
    ck_assert(last.active);
    ck_assert_uint_eq(last.side, 0);
    pass(SECOND * 3 / 2);
    say(false);
    ck_assert_uint_eq(told, 2);
    ck_assert(!last.active);
    ck_assert_int_eq(last.end, TYPING_STOPPED);
    pass(3 * SECOND);
    ck_assert_uint_eq(told, 2);
    ck_assert_uint_eq(typing_count(typing), 0);
    teardown();
}
END_TEST

START_TEST(a_stop_without_a_start_is_nothing)
{
    setup();
    say(false);
    ck_assert_uint_eq(told, 0);
    ck_assert_uint_eq(typing_count(typing), 0);
    teardown();
}
END_TEST

START_TEST(a_burst_is_gathered_and_its_last_state_gets_out)
{
    setup();
    for (int i = 0; i < 100; i++)
        say(i % 2 == 0);
    ck_assert_uint_eq(told, 1); /* the first start; the burst ended with a stop */
    pass(2 * SECOND);
    ck_assert_uint_eq(told, 2);
    ck_assert(!last.active);
    for (int i = 0; i < 101; i++)
        say(i % 2 == 0);
    pass(SECOND / 2);
    ck_assert_uint_eq(told, 3);
    ck_assert(last.active);
    teardown();
}
END_TEST

START_TEST(never_faster_than_the_pace)
{
    setup();
    gint64 end = now + 20 * SECOND;
    for (bool active = true; now < end; active = !active) {
        say(active);
        pass(SECOND / 20);
    }
    ck_assert_uint_le(told, 21);
    ck_assert_uint_ge(told, 2);
    teardown();
}
END_TEST

START_TEST(repetitions_keep_it_and_silence_ends_it)
{
    setup();
    say(true);
    for (int i = 0; i < 5; i++) {
        pass(4 * SECOND);
        say(true);
    }
    ck_assert_uint_eq(told, 1);
    pass(5 * SECOND + SECOND / 2);
    ck_assert_uint_eq(told, 2);
    ck_assert_int_eq(last.end, TYPING_PAUSED);
    teardown();
}
END_TEST

START_TEST(a_message_clears_at_once)
{
    setup();
    say(true);
    struct typing_stop stop = {.user = &relation->party[0].id,
                               .conversation = &relation->conversation,
                               .end = TYPING_MESSAGE};
    typing_stop(typing, &stop, now);
    ck_assert_uint_eq(told, 2);
    ck_assert_int_eq(last.end, TYPING_MESSAGE);
    typing_stop(typing, &stop, now); /* another message */
    ck_assert_uint_eq(told, 2);
    say(true); /* within the same second */
    ck_assert_uint_eq(told, 2);
    pass(SECOND * 3 / 2);
    ck_assert_uint_eq(told, 3);
    ck_assert(last.active);
    teardown();
}
END_TEST

START_TEST(a_message_takes_back_what_was_not_told_yet)
{
    setup();
    say(true);
    say(false);
    say(true);
    struct typing_stop stop = {.user = &relation->party[0].id,
                               .conversation = &relation->conversation,
                               .end = TYPING_MESSAGE};
    typing_stop(typing, &stop, now);
    pass(3 * SECOND);
    ck_assert_uint_eq(told, 2);
    ck_assert(!last.active);
    teardown();
}
END_TEST

START_TEST(a_socket_that_closes_stops_what_it_typed)
{
    setup();
    struct relation *other = new_relation(false);
    other->party[0].id = relation->party[0].id;
    say(true);
    struct typing_report report = {other, 0, &sockets[1], true};
    typing_set(typing, &report, now);
    ck_assert_uint_eq(told, 2);
    struct typing_stop stop = {
        .user = &relation->party[0].id, .origin = &sockets[0], .end = TYPING_LEFT};
    typing_stop(typing, &stop, now);
    ck_assert_uint_eq(told, 3);
    ck_assert_ptr_eq(last.relation, relation);
    ck_assert_int_eq(last.end, TYPING_LEFT);
    stop = (struct typing_stop){.user = &relation->party[0].id, .end = TYPING_GONE};
    typing_stop(typing, &stop, now);
    ck_assert_uint_eq(told, 4);
    ck_assert_ptr_eq(last.relation, other);
    ck_assert_int_eq(last.end, TYPING_GONE);
    pass(3 * SECOND);
    ck_assert_int_eq(other->references, 1);
    relation_unref(other);
    teardown();
}
END_TEST

START_TEST(a_peer_may_be_silent_for_long)
{
    setup();
    say_of(relation, 1, true);
    pass(59 * SECOND);
    ck_assert_uint_eq(told, 1);
    ck_assert_uint_ge(repeats, 25); /* for clients that forget */
    ck_assert(last_repeat.active);
    pass(2 * SECOND);
    ck_assert_uint_eq(told, 2);
    ck_assert(!last.active);
    teardown();
}
END_TEST

START_TEST(clients_that_forget_see_a_hosted_typist_stop_sooner)
{
    setup();
    say(true);
    pass(SECOND * 5 / 2);
    ck_assert_uint_eq(repeats, 1);
    ck_assert(last_repeat.active);
    pass(SECOND);
    ck_assert_uint_eq(repeats, 2);
    ck_assert(!last_repeat.active);
    say(true); /* again, before others were told of a stop */
    ck_assert_uint_eq(repeats, 3);
    ck_assert(last_repeat.active);
    ck_assert_uint_eq(told, 1);
    teardown();
}
END_TEST

START_TEST(one_user_types_in_a_bounded_number_of_conversations)
{
    setup();
    struct relation *relations[40];
    for (int i = 0; i < 40; i++) {
        relations[i] = new_relation(false);
        relations[i]->party[0].id = relation->party[0].id;
        say_of(relations[i], 0, true);
    }
    ck_assert_uint_eq(typing_count(typing), 16);
    ck_assert_uint_eq(told, 16);
    pass(10 * SECOND);
    ck_assert_uint_eq(told, 32);
    ck_assert_uint_eq(typing_count(typing), 0);
    for (int i = 0; i < 40; i++) {
        ck_assert_int_eq(relations[i]->references, 1);
        relation_unref(relations[i]);
    }
    teardown();
}
END_TEST

UNIT_MAIN("typing", a_start_and_a_stop_are_told_once, a_stop_without_a_start_is_nothing,
          a_burst_is_gathered_and_its_last_state_gets_out, never_faster_than_the_pace,
          repetitions_keep_it_and_silence_ends_it, a_message_clears_at_once,
          a_message_takes_back_what_was_not_told_yet, a_socket_that_closes_stops_what_it_typed,
          a_peer_may_be_silent_for_long, clients_that_forget_see_a_hosted_typist_stop_sooner,
          one_user_types_in_a_bounded_number_of_conversations)
