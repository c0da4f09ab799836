/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Spans come in any order, twice, in parts or never: events are delivered in order, without a hole,
 * and once. */
#include "config.h"

#include <string.h>

#include "bridge/cluster/sequencer.h"
#include "bridge/core/event.h"
#include "tests/unit/unit.h"

static struct sequencer *sequencer;
static GArray *delivered; /* gint64: positions */

static void deliver(const struct span_entry *entry, void *data)
{
    gint64 position = entry->event->position;
    ck_assert_ptr_eq(data, &delivered);
    ck_assert_uint_eq(entry->count, 1);
    ck_assert(sequencer_position(sequencer) >= position);
    g_array_append_val(delivered, position);
}

static void start(guint spans, gsize bytes, gint64 position)
{
    delivered = g_array_new(FALSE, FALSE, sizeof(gint64));
    sequencer = sequencer_new(spans, bytes, deliver, &delivered);
    sequencer_start(sequencer, position);
}

static void finish(void)
{
    sequencer_free(sequencer);
    g_array_unref(delivered);
}

/* A span with an event at each position that is no multiple of seven. */
static struct span *make(gint64 before, gint64 last)
{
    static const struct uuid nobody;
    struct span *span = span_new(before, last);
    for (gint64 position = before + 1; position <= last; position++) {
        g_auto(buffer) payload = BUFFER_INIT(64);
        buffer_append_string(&payload, "{\"some\":\"payload\"}");
        if (position % 7 == 0)
            continue;
        g_autoptr(trestle_event) event = event_new(EVENT_MESSAGE_NEW, position, 0, &payload);
        span_add(span, event, &nobody, 1);
    }
    return span;
}

static void add(gint64 before, gint64 last)
{
    sequencer_add(sequencer, make(before, last));
}

/* Everything from FIRST to LAST was delivered, in order, and nothing else. */
static void expect(gint64 first, gint64 last)
{
    guint n = 0;
    for (gint64 position = first; position <= last; position++) {
        if (position % 7 == 0)
            continue;
        ck_assert_uint_lt(n, delivered->len);
        ck_assert_int_eq(g_array_index(delivered, gint64, n), position);
        n++;
    }
    ck_assert_uint_eq(delivered->len, n);
    ck_assert_int_eq(sequencer_position(sequencer), last);
}

START_TEST(what_comes_in_order_is_delivered_at_once)
{
    start(10, 10000, 100);
    add(100, 105);
    expect(101, 105);
    add(105, 106);
    expect(101, 106);
    ck_assert(!sequencer_has_hole(sequencer));
    finish();
}
END_TEST

START_TEST(what_comes_too_early_waits)
{
    start(10, 10000, 0);
    add(10, 20);
    add(5, 10);
    expect(1, 0);
    ck_assert(sequencer_has_hole(sequencer));
    ck_assert_int_eq(sequencer_newest(sequencer), 20);
    add(0, 5);
    expect(1, 20);
    ck_assert(!sequencer_has_hole(sequencer));
    ck_assert_uint_eq(sequencer_waiting(sequencer), 0);
    finish();
}
END_TEST

START_TEST(repetitions_and_parts_are_delivered_once)
{
    start(10, 10000, 0);
    add(0, 5);
    add(0, 5);
    add(3, 8);
    add(10, 12);
    add(10, 12);
    add(6, 10);
    expect(1, 12);
    add(12, 12);
    add(14, 13);
    add(-5, 3);
    expect(1, 12);
    finish();
}
END_TEST

START_TEST(a_jump_passes_over_a_hole)
{
    start(10, 10000, 0);
    add(20, 25);
    add(30, 35);
    sequencer_jump(sequencer, 22);
    ck_assert_int_eq(sequencer_position(sequencer), 25);
    ck_assert_uint_eq(delivered->len, 3);
    ck_assert_int_eq(g_array_index(delivered, gint64, 0), 23);
    ck_assert(sequencer_has_hole(sequencer));
    sequencer_jump(sequencer, 10); /* never back */
    ck_assert_int_eq(sequencer_position(sequencer), 25);
    sequencer_jump(sequencer, 40);
    ck_assert(!sequencer_has_hole(sequencer));
    ck_assert_uint_eq(delivered->len, 3);
    finish();
}
END_TEST

START_TEST(nothing_is_delivered_while_held)
{
    start(10, 10000, 0);
    sequencer_hold(sequencer, true);
    add(0, 3);
    add(3, 6);
    ck_assert_uint_eq(delivered->len, 0);
    sequencer_jump(sequencer, 3);
    ck_assert_uint_eq(delivered->len, 0);
    sequencer_hold(sequencer, false);
    ck_assert_int_eq(sequencer_position(sequencer), 6);
    ck_assert_uint_eq(delivered->len, 3);
    ck_assert_int_eq(g_array_index(delivered, gint64, 0), 4);
    finish();
}
END_TEST

START_TEST(what_waits_has_a_ceiling)
{
    start(3, 10000, 0);
    for (gint64 n = 10; n < 20; n++)
        add(n, n + 1);
    ck_assert_uint_eq(sequencer_waiting(sequencer), 3);
    ck_assert_int_eq(sequencer_newest(sequencer), 20);
    add(0, 10); /* what is next is never refused */
    ck_assert_int_eq(sequencer_position(sequencer), 13);
    ck_assert(sequencer_has_hole(sequencer)); /* that the rest was there is remembered */
    finish();

    start(100, 100, 0);
    for (gint64 n = 10; n < 50; n++)
        add(n, n + 1);
    ck_assert_uint_lt(sequencer_waiting(sequencer), 20);
    finish();
}
END_TEST

START_TEST(a_new_start_forgets)
{
    start(10, 10000, 1000);
    add(1010, 1020);
    sequencer_start(sequencer, 5);
    ck_assert(!sequencer_has_hole(sequencer));
    add(5, 6);
    expect(6, 6);
    finish();
}
END_TEST

/* ---- Against a model ------------------------------------------------------------------------- */

/* The log cut into transactions, published in a random order, some twice, some never, some in
 * parts; holes are passed over up to a transaction's end, as a fill does. */
static void random_run(guint32 seed)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);
    enum { SPANS = 120 };
    gint64 ends[SPANS + 1] = {50};
    int order[SPANS * 2];
    for (int i = 0; i < SPANS; i++) {
        ends[i + 1] = ends[i] + g_rand_int_range(random, 1, 12);
        order[2 * i] = order[2 * i + 1] = i;
    }
    for (int i = 2 * SPANS - 1; i > 0; i--) {
        int window = g_rand_boolean(random) ? 6 : i + 1; /* mostly near its place */
        int j = i - g_rand_int_range(random, 0, MIN(window, i + 1));
        int swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
    start((guint)g_rand_int_range(random, 2, 60), 100000, ends[0]);
    g_autoptr(GHashTable) passed = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (int i = 0; i < 2 * SPANS; i++) {
        int n = order[i];
        gint64 middle = g_rand_int_range(random, (gint32)ends[n], (gint32)ends[n + 1] + 1);
        if (g_rand_int_range(random, 0, 10) == 0)
            continue; /* lost */
        add(ends[n], middle);
        add(middle, ends[n + 1]);
        if (g_rand_int_range(random, 0, 12) == 0 && sequencer_has_hole(sequencer)) {
            gint64 from = sequencer_position(sequencer);
            gint64 to = ends[g_rand_int_range(random, 0, SPANS + 1)];
            for (gint64 p = from + 1; p <= to; p++)
                g_hash_table_add(passed, GSIZE_TO_POINTER((gsize)p));
            sequencer_jump(sequencer, to);
        }
    }
    gint64 last = ends[0];
    for (guint i = 0; i < delivered->len; i++) {
        gint64 position = g_array_index(delivered, gint64, i);
        ck_assert_int_gt(position, last);
        for (gint64 p = last + 1; p < position; p++)
            ck_assert_msg(p % 7 == 0 || g_hash_table_contains(passed, GSIZE_TO_POINTER((gsize)p)),
                          "seed %u: position %d is missing", seed, (int)p);
        ck_assert(!g_hash_table_contains(passed, GSIZE_TO_POINTER((gsize)position)));
        last = position;
    }
    finish();
}

START_TEST(any_order_yields_the_log)
{
    for (guint32 seed = 1; seed <= 2000; seed++)
        random_run(seed);
}
END_TEST

UNIT_MAIN("sequencer", what_comes_in_order_is_delivered_at_once, what_comes_too_early_waits,
          repetitions_and_parts_are_delivered_once, a_jump_passes_over_a_hole,
          nothing_is_delivered_while_held, what_waits_has_a_ceiling, a_new_start_forgets,
          any_order_yields_the_log)
