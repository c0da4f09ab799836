/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The error table holds what the API and RFC 6120 allow; time stamps are RFC 3339. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/error.h"
#include "tests/unit/unit.h"

START_TEST(every_row_is_complete)
{
    static const char *const types[] = {"auth", "cancel", "continue", "modify", "wait", NULL};
    static const char *const conditions[] = {"bad-request",
                                             "conflict",
                                             "feature-not-implemented",
                                             "forbidden",
                                             "gone",
                                             "internal-server-error",
                                             "item-not-found",
                                             "jid-malformed",
                                             "not-acceptable",
                                             "not-allowed",
                                             "not-authorized",
                                             "policy-violation",
                                             "recipient-unavailable",
                                             "redirect",
                                             "registration-required",
                                             "remote-server-not-found",
                                             "remote-server-timeout",
                                             "resource-constraint",
                                             "service-unavailable",
                                             "subscription-required",
                                             "undefined-condition",
                                             "unexpected-request",
                                             NULL};
    g_autoptr(GHashTable) codes = g_hash_table_new(g_str_hash, g_str_equal);
    for (enum error_code code = ERROR_NONE + 1; code < ERROR_MAX; code++) {
        const struct error_info *info = error_info(code);
        ck_assert_uint_ge(info->http_status, 400);
        ck_assert_uint_le(info->http_status, 599);
        ck_assert(g_strv_contains(types, info->type));
        ck_assert_msg(g_strv_contains(conditions, info->condition), "%s", info->condition);
        ck_assert_uint_gt(strlen(info->title), 0);
        ck_assert_uint_eq(strspn(info->code, "abcdefghijklmnopqrstuvwxyz_"), strlen(info->code));
        ck_assert(g_hash_table_add(codes, (gpointer)(guintptr)info->code));
    }
}
END_TEST

static void check_format(gint64 wall, const char *expected)
{
    char text[CLOCK_TIMESTAMP_SIZE];
    clock_format(wall, text);
    ck_assert_str_eq(text, expected);
}

START_TEST(timestamps)
{
    check_format(0, "1970-01-01T00:00:00.000Z");
    check_format(999, "1970-01-01T00:00:00.000Z");
    check_format(1000, "1970-01-01T00:00:00.001Z");
    check_format(G_GINT64_CONSTANT(951782400) * G_USEC_PER_SEC, "2000-02-29T00:00:00.000Z");
    check_format(G_GINT64_CONSTANT(1777885964031999), "2026-05-04T09:12:44.031Z");
    check_format(G_GINT64_CONSTANT(2147483648) * G_USEC_PER_SEC, "2038-01-19T03:14:08.000Z");
    check_format(G_GINT64_CONSTANT(253402300799999999), "9999-12-31T23:59:59.999Z");
    check_format(-1, "1969-12-31T23:59:59.999Z");
    check_format(-1000001, "1969-12-31T23:59:58.999Z");
    check_format(G_GINT64_CONSTANT(-62135596800000000), "0001-01-01T00:00:00.000Z");
}
END_TEST

START_TEST(any_number_is_a_timestamp_of_four_digit_years)
{
    check_format(G_GINT64_CONSTANT(253402300800000000), "9999-12-31T23:59:59.999Z");
    check_format(G_GINT64_CONSTANT(253402300860000000), "9999-12-31T23:59:59.999Z");
    check_format(G_GINT64_CONSTANT(1763700000000) * G_USEC_PER_SEC, "9999-12-31T23:59:59.999Z");
    check_format(G_MAXINT64, "9999-12-31T23:59:59.999Z");
    check_format(G_GINT64_CONSTANT(-62135596800000001), "0001-01-01T00:00:00.000Z");
    check_format(G_MININT64, "0001-01-01T00:00:00.000Z");
}
END_TEST

START_TEST(tests_can_move_both_clocks)
{
    gint64 wall = clock_wall();
    gint64 monotonic = clock_monotonic();
    clock_advance(G_GINT64_CONSTANT(3600) * G_USEC_PER_SEC);
    ck_assert_int_ge(clock_wall() - wall, G_GINT64_CONSTANT(3600) * G_USEC_PER_SEC);
    ck_assert_int_ge(clock_monotonic() - monotonic, G_GINT64_CONSTANT(3600) * G_USEC_PER_SEC);
}
END_TEST

UNIT_MAIN("error_clock", every_row_is_complete, timestamps,
          any_number_is_a_timestamp_of_four_digit_years, tests_can_move_both_clocks)
