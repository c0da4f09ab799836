/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0082 date-times. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>

#include "tests/unit/unit.h"
#include "xep/time.h"

START_TEST(moments_are_read)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59.5Z", -500000},
        {"2026-05-04T09:00:00Z", INT64_C(1777885200000000)},
        {"2026-05-04T11:00:00.123456789+02:00", INT64_C(1777885200123456)},
        {"2000-02-29T12:00:00-05:30", INT64_C(951845400000000)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000000)},
        {"0001-01-01T00:00:00Z", INT64_C(-62135596800000000)},
        {"0001-01-01T00:00:00+23:59", INT64_C(-62135596800000000)},
        {"9999-12-31T23:59:60-23:59", INT64_C(253402300799999999)},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t us = 1;
        ck_assert_msg(xep_time_parse(cases[i].text, &us), "%s", cases[i].text);
        ck_assert_int_eq(us, cases[i].us);
    }
}
END_TEST

START_TEST(anything_else_is_refused)
{
    static const char *const bad[] = {
        "",
        "2026-05-04",
        "2026-05-04T09:00:00",
        "2026-05-04 09:00:00Z",
        "2026-13-04T09:00:00Z",
        "2026-02-29T09:00:00Z",
        "1900-02-29T09:00:00Z",
        "2026-05-04T24:00:00Z",
        "2026-05-04T09:00:00.Z",
        "2026-05-04T09:00:00Zx",
        "2026-05-04T09:00:00+2:00",
        "+026-05-04T09:00:00Z",
        "20260504T09:00:00",
        "0000-01-01T00:00:00Z",
    };
    int64_t us = 42;
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        ck_assert_msg(!xep_time_parse(bad[i], &us), "%s", bad[i]);
    ck_assert_int_eq(us, 42);
}
END_TEST

static void expect_text(int64_t us, const char *expected)
{
    g_autofree char *text = xep_time_format(us);
    ck_assert_str_eq(text, expected);
}

START_TEST(moments_are_written)
{
    expect_text(0, "1970-01-01T00:00:00.000Z");
    expect_text(-1, "1969-12-31T23:59:59.999Z");
    expect_text(INT64_C(1777885200123456), "2026-05-04T09:00:00.123Z");
    expect_text(INT64_MAX, "9999-12-31T23:59:59.999Z");
    expect_text(INT64_MIN, "0001-01-01T00:00:00.000Z");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xep_time");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, moments_are_read);
    tcase_add_test(tests, anything_else_is_refused);
    tcase_add_test(tests, moments_are_written);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
