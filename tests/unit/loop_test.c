/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the loop promises: order of a turn, removal at any time, exactly-once calls. */
#include "config.h"

#include <check.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bridge/loop/loop.h"
#include "tests/unit/unit.h"

struct counter {
    struct loop_watch watch;
    guint calls;
    void (*then)(struct counter *counter); /* run inside the callback */
};

static GString *trace; /* what ran, in order */

static void on_event(struct loop_watch *watch, uint32_t events)
{
    struct counter *counter = loop_owner(watch, struct counter, watch);
    ck_assert(events & EPOLLIN);
    counter->calls++;
    g_string_append_c(trace, 'e');
    if (counter->then)
        counter->then(counter);
}

/* An eventfd that is readable from the start and stays so. */
static void counter_start(struct counter *counter, void (*then)(struct counter *counter))
{
    *counter = (struct counter){
        .watch = {.fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC), .ready = on_event}, .then = then};
    ck_assert(loop_add(&counter->watch, EPOLLIN));
}

static void counter_stop(struct counter *counter)
{
    if (counter->watch.fd < 0)
        return;
    loop_remove(&counter->watch);
    close(counter->watch.fd);
    counter->watch.fd = -1;
}

static void turn(void)
{
    g_main_context_iteration(NULL, FALSE);
}

static void setup(void)
{
    loop_start();
    trace = g_string_new(NULL);
}

static void teardown(void)
{
    loop_stop();
    g_string_free(trace, TRUE);
}

static void note(void *data)
{
    g_string_append(trace, data);
}

static char letter_d[] = "d", letter_h[] = "h", letter_i[] = "i";

static void defer_d(struct counter *counter)
{
    (void)counter;
    loop_defer(note, letter_d);
}

START_TEST(a_turn_is_events_then_deferred_calls_then_hooks)
{
    struct counter counter;
    loop_at_turn_end(note, letter_h);
    loop_at_turn_end(note, letter_i);
    counter_start(&counter, defer_d);
    turn();
    ck_assert_str_eq(trace->str, "edhi");
    counter_stop(&counter);
}
END_TEST

static struct counter pair[2];

static void stop_both(struct counter *counter)
{
    (void)counter;
    counter_stop(&pair[0]);
    counter_stop(&pair[1]);
}

START_TEST(a_watch_removed_in_a_callback_is_not_called_again)
{
    counter_start(&pair[0], stop_both);
    counter_start(&pair[1], stop_both);
    for (int i = 0; i < 5; i++)
        turn();
    ck_assert_uint_eq(pair[0].calls + pair[1].calls, 1);
}
END_TEST

static struct counter late;

static void replace_other(struct counter *counter)
{
    struct counter *other = counter == &pair[0] ? &pair[1] : &pair[0];
    counter->then = NULL;
    other->then = NULL;
    /* The same memory and, most likely, the same descriptor number. */
    counter_stop(other);
    counter_start(other, NULL);
    other->calls = 1000;
    late = *other;
}

START_TEST(an_old_event_never_reaches_a_new_watch)
{
    counter_start(&pair[0], replace_other);
    counter_start(&pair[1], replace_other);
    turn();
    ck_assert_uint_eq(late.calls, 1000);
    ck_assert_uint_eq(MAX(pair[0].calls, pair[1].calls), 1000); /* not in this turn */
    turn();
    ck_assert_uint_eq(MAX(pair[0].calls, pair[1].calls), 1001);
    counter_stop(&pair[0]);
    counter_stop(&pair[1]);
}
END_TEST

START_TEST(more_ready_descriptors_than_a_turn_takes_all_get_their_turn)
{
    static struct counter many[800];
    for (gsize i = 0; i < G_N_ELEMENTS(many); i++)
        counter_start(&many[i], NULL);
    for (int i = 0; i < 4; i++)
        turn();
    for (gsize i = 0; i < G_N_ELEMENTS(many); i++) {
        ck_assert_uint_ge(many[i].calls, 1);
        counter_stop(&many[i]);
    }
}
END_TEST

START_TEST(loop_modify_changes_what_is_watched)
{
    struct counter counter;
    counter_start(&counter, NULL);
    loop_modify(&counter.watch, 0);
    turn();
    ck_assert_uint_eq(counter.calls, 0);
    loop_modify(&counter.watch, EPOLLIN);
    turn();
    ck_assert_uint_eq(counter.calls, 1);
    counter_stop(&counter);
}
END_TEST

/* A library has closed a descriptor of ours; before we look, somebody else has got its number. */
START_TEST(a_forgotten_watch_leaves_the_next_owner_of_its_number_alone)
{
    struct counter lost, next;
    counter_start(&lost, NULL);
    close(lost.watch.fd);
    counter_start(&next, NULL);
    ck_assert_int_eq(next.watch.fd, lost.watch.fd);
    loop_forget(&lost.watch);
    turn();
    ck_assert_uint_eq(lost.calls, 0);
    ck_assert_uint_eq(next.calls, 1);
    counter_stop(&next);
}
END_TEST

START_TEST(what_cannot_be_watched_is_reported)
{
    struct counter counter = {.watch = {.fd = -1, .ready = on_event}};
    ck_assert(!loop_add(&counter.watch, EPOLLIN));
}
END_TEST

START_TEST(a_deferred_call_wakes_the_loop)
{
    loop_defer(note, letter_d);
    ck_assert_str_eq(trace->str, "");
    g_main_context_iteration(NULL, TRUE); /* would wait for ever */
    ck_assert_str_eq(trace->str, "d");
    turn();
    ck_assert_str_eq(trace->str, "d");
}
END_TEST

static guint chain;

static void defer_again(void *data)
{
    chain++;
    loop_defer(defer_again, data);
}

START_TEST(a_call_that_defers_itself_does_not_starve_descriptors)
{
    struct counter counter;
    counter_start(&counter, NULL);
    loop_defer(defer_again, NULL);
    for (int i = 0; i < 10; i++)
        turn();
    ck_assert_uint_eq(counter.calls, 10);
    ck_assert_uint_ge(chain, 10);
    loop_cancel(defer_again, NULL);
    counter_stop(&counter);
}
END_TEST

static void consume(struct counter *counter)
{
    eventfd_t value;
    ck_assert_int_eq(eventfd_read(counter->watch.fd, &value), 0);
}

static gboolean once(gpointer data)
{
    *(bool *)data = true;
    return G_SOURCE_REMOVE;
}

/* Each wake-up costs system calls: after a turn the next thing to happen is the next event. */
START_TEST(a_turn_leaves_nothing_to_wake_up_for)
{
    struct counter counter;
    bool fired = false;
    turn();
    counter_start(&counter, consume);
    turn();
    ck_assert_uint_eq(counter.calls, 1);
    g_timeout_add(20, once, &fired);
    g_main_context_iteration(NULL, TRUE);
    ck_assert(fired);
    counter_stop(&counter);
}
END_TEST

static gboolean wake(gpointer data)
{
    (void)data;
    g_main_context_wakeup(NULL);
    return G_SOURCE_CONTINUE;
}

static gboolean ignore(gint fd, GIOCondition condition, gpointer data)
{
    (void)fd;
    (void)condition;
    (void)data;
    return G_SOURCE_CONTINUE;
}

/* While others' descriptors are polled, too, GLib may be woken when a turn begins: by a signal. */
START_TEST(being_woken_is_no_event_of_ours)
{
    struct counter counter;
    loop_stop();
    guint waking = g_idle_add_full(G_PRIORITY_DEFAULT, wake, NULL, NULL);
    loop_start();
    turn();
    int quiet = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    guint other = g_unix_fd_add(quiet, G_IO_IN, ignore, NULL);
    counter_start(&counter, NULL);
    turn();
    turn();
    ck_assert_uint_eq(counter.calls, 2);
    counter_stop(&counter);
    g_source_remove(other);
    g_source_remove(waking);
    close(quiet);
}
END_TEST

START_TEST(a_timer_can_ask_for_a_turn)
{
    loop_at_turn_end(note, letter_h);
    turn();
    ck_assert_str_eq(trace->str, "");
    loop_wake();
    g_main_context_iteration(NULL, TRUE);
    ck_assert_str_eq(trace->str, "h");
    turn();
    ck_assert_str_eq(trace->str, "h");
}
END_TEST

static void wake_once(void *data)
{
    int *left = data;
    g_string_append_c(trace, 'w');
    if ((*left)-- > 0)
        loop_wake();
}

START_TEST(a_hook_can_ask_for_another_turn)
{
    int left = 1;
    loop_at_turn_end(wake_once, &left);
    loop_wake();
    turn();
    ck_assert_str_eq(trace->str, "w");
    g_main_context_iteration(NULL, TRUE);
    ck_assert_str_eq(trace->str, "ww");
    turn();
    ck_assert_str_eq(trace->str, "ww");
}
END_TEST

static void cancel_d(void *data)
{
    (void)data;
    g_string_append_c(trace, 'c');
    loop_cancel(note, letter_d);
}

START_TEST(a_cancelled_call_does_not_run)
{
    loop_defer(cancel_d, NULL);
    loop_defer(note, letter_d); /* in the same batch */
    loop_defer(note, letter_i); /* same function, other data */
    turn();
    turn();
    ck_assert_str_eq(trace->str, "ci");
}
END_TEST

START_TEST(a_hook_can_be_cancelled_also_by_a_hook)
{
    loop_at_turn_end(note, letter_h);
    loop_at_turn_end(cancel_d, NULL);
    loop_at_turn_end(note, letter_d);
    loop_wake();
    turn();
    ck_assert_str_eq(trace->str, "hc");
    loop_cancel(note, letter_h);
    loop_wake();
    turn();
    ck_assert_str_eq(trace->str, "hcc");
}
END_TEST

START_TEST(stopping_runs_what_is_owed_and_the_loop_can_start_again)
{
    loop_at_turn_end(note, letter_h);
    loop_defer(note, letter_d);
    loop_stop();
    ck_assert_str_eq(trace->str, "d");
    loop_start();
    loop_wake();
    turn();
    ck_assert_str_eq(trace->str, "d"); /* the hook is forgotten */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *tests = tcase_create("loop");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_turn_is_events_then_deferred_calls_then_hooks);
    tcase_add_test(tests, a_watch_removed_in_a_callback_is_not_called_again);
    tcase_add_test(tests, an_old_event_never_reaches_a_new_watch);
    tcase_add_test(tests, more_ready_descriptors_than_a_turn_takes_all_get_their_turn);
    tcase_add_test(tests, loop_modify_changes_what_is_watched);
    tcase_add_test(tests, a_forgotten_watch_leaves_the_next_owner_of_its_number_alone);
    tcase_add_test(tests, what_cannot_be_watched_is_reported);
    tcase_add_test(tests, a_deferred_call_wakes_the_loop);
    tcase_add_test(tests, a_call_that_defers_itself_does_not_starve_descriptors);
    tcase_add_test(tests, a_turn_leaves_nothing_to_wake_up_for);
    tcase_add_test(tests, being_woken_is_no_event_of_ours);
    tcase_add_test(tests, a_timer_can_ask_for_a_turn);
    tcase_add_test(tests, a_hook_can_ask_for_another_turn);
    tcase_add_test(tests, a_cancelled_call_does_not_run);
    tcase_add_test(tests, a_hook_can_be_cancelled_also_by_a_hook);
    tcase_add_test(tests, stopping_runs_what_is_owed_and_the_loop_can_start_again);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
