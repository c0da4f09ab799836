/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A breaker opens after failures in a row, tries one after its pause, and goes by that one. */
#include "config.h"

#include "bridge/base/breaker.h"
#include "bridge/base/clock.h"
#include "tests/unit/unit.h"

#define PAUSE (10 * G_USEC_PER_SEC)

static struct breaker breaker_make(void)
{
    return (struct breaker){.failures_max = 3, .pause = PAUSE, .gauge = METRIC_SPAM_HOOK_BREAKER};
}

static void fail_times(struct breaker *breaker, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        ck_assert(breaker_admits(breaker));
        breaker_tell(breaker, false);
    }
}

START_TEST(it_opens_after_failures_in_a_row)
{
    struct breaker breaker = breaker_make();
    fail_times(&breaker, 2);
    ck_assert(breaker_admits(&breaker));
    breaker_tell(&breaker, true);
    fail_times(&breaker, 2);
    ck_assert_int_eq(breaker.state, BREAKER_CLOSED);
    fail_times(&breaker, 1);
    ck_assert_int_eq(breaker.state, BREAKER_OPEN);
    ck_assert_int_eq(metric_get(METRIC_SPAM_HOOK_BREAKER), BREAKER_OPEN);
    ck_assert(!breaker_admits(&breaker));
    breaker_tell(&breaker, true); /* one that was on its way */
    ck_assert(!breaker_admits(&breaker));
}
END_TEST

START_TEST(one_tries_after_the_pause)
{
    struct breaker breaker = breaker_make();
    fail_times(&breaker, 3);
    clock_advance(PAUSE - 1000);
    ck_assert(!breaker_admits(&breaker));
    clock_advance(2000);
    ck_assert(breaker_admits(&breaker));
    ck_assert_int_eq(breaker.state, BREAKER_HALF_OPEN);
    ck_assert(!breaker_admits(&breaker)); /* the others wait for what becomes of it */
    breaker_tell(&breaker, false);
    ck_assert_int_eq(breaker.state, BREAKER_OPEN);
    clock_advance(PAUSE + 1000);
    ck_assert(breaker_admits(&breaker));
    breaker_tell(&breaker, true);
    ck_assert_int_eq(breaker.state, BREAKER_CLOSED);
    ck_assert_int_eq(metric_get(METRIC_SPAM_HOOK_BREAKER), BREAKER_CLOSED);
    ck_assert(breaker_admits(&breaker));
}
END_TEST

UNIT_MAIN("base/breaker", it_opens_after_failures_in_a_row, one_tries_after_the_pause)
