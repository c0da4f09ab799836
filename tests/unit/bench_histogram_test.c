/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The generator's figures are only as good as its histogram, schedule and reply scanner. */
#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/histogram.h"
#include "tests/bench/scan.h"
#include "tests/bench/schedule.h"
#include "tests/unit/unit.h"

START_TEST(percentiles_are_exact_for_small_values)
{
    g_autofree struct histogram *histogram = histogram_new();
    for (uint64_t value = 1; value <= 100; value++)
        histogram_record(histogram, value);
    ck_assert_uint_eq(histogram_percentile(histogram, 50), 50);
    ck_assert_uint_eq(histogram_percentile(histogram, 99), 99);
    ck_assert_uint_eq(histogram_percentile(histogram, 100), 100);
    ck_assert_uint_eq(histogram->max, 100);
}
END_TEST

START_TEST(an_empty_histogram_says_zero)
{
    g_autofree struct histogram *histogram = histogram_new();
    ck_assert_uint_eq(histogram_percentile(histogram, 99), 0);
}
END_TEST

START_TEST(error_stays_below_one_percent_over_the_whole_range)
{
    g_autofree struct histogram *histogram = histogram_new();
    for (uint64_t value = 1; value < UINT64_C(1) << 62; value = value * 3 / 2 + 1) {
        histogram_reset(histogram);
        histogram_record(histogram, value);
        histogram_record(histogram, UINT64_C(1) << 63); /* so that the maximum does not clip */
        uint64_t reported = histogram_percentile(histogram, 50);
        ck_assert_uint_ge(reported, value);
        ck_assert_uint_le(reported - value, value / 100);
    }
}
END_TEST

START_TEST(a_stall_shows_in_the_tail)
{
    g_autofree struct histogram *histogram = histogram_new();
    for (int i = 0; i < 990; i++)
        histogram_record(histogram, 1000);
    for (int i = 0; i < 10; i++)
        histogram_record(histogram, 5000000);
    ck_assert_uint_lt(histogram_percentile(histogram, 99), 1010);
    ck_assert_uint_eq(histogram_percentile(histogram, 99.9), 5000000);
}
END_TEST

START_TEST(sends_are_due_at_their_intended_time_and_not_before)
{
    static const double rates[] = {0.5, 3, 1000, 14999, 123456.7};
    for (size_t r = 0; r < G_N_ELEMENTS(rates); r++) {
        struct schedule schedule = {.start = 1000000007, .rate = rates[r], .count = 5000};
        ck_assert_uint_eq(schedule_due(&schedule, schedule.start - 1), 0);
        for (uint64_t i = 0; i < schedule.count; i++) {
            uint64_t at = schedule_intended(&schedule, i);
            ck_assert_uint_eq(schedule_due(&schedule, at), i + 1);
            ck_assert_uint_eq(schedule_due(&schedule, at - 1), i);
        }
        ck_assert_uint_eq(schedule_due(&schedule, UINT64_MAX), schedule.count);
    }
}
END_TEST

START_TEST(members_are_found_at_their_depth_only)
{
    static const char text[] =
        "{ \"sender\" : {\"id\" : \"inner\", \"seq\": 1}, \"list\":[{\"id\":2}],"
        "\"content\":\"a \\\"id\\\":9 }\\\\\", \"id\" : \"outer\" ,\"seq\":42}";
    struct scan_field fields[] = {
        {.key = "id", .depth = 1}, {.key = "seq", .depth = 1}, {.key = "content", .depth = 1}};
    ck_assert(scan_json(text, strlen(text), fields, G_N_ELEMENTS(fields)));
    ck_assert_uint_eq(fields[0].length, 5);
    ck_assert(memcmp(fields[0].value, "outer", 5) == 0);
    ck_assert_uint_eq(scan_number(fields[1].value, fields[1].length), 42);
    ck_assert(memcmp(fields[2].value, "a \\\"id\\\"", 8) == 0);
}
END_TEST

START_TEST(every_prefix_of_a_reply_is_scanned_within_its_length)
{
    static const char text[] = "{\"a\":\"x\\\\\",\"payload\":{\"id\":\"1\",\"seq\":7}}";
    for (size_t length = 0; length < strlen(text); length++) {
        /* Of exact size, so that a sanitizer sees an overrun. */
        g_autofree char *copy = g_memdup2(text, length);
        struct scan_field field = {.key = "seq", .depth = 2};
        bool found = copy != NULL && scan_json(copy, length, &field, 1);
        ck_assert(!found || *field.value == '7');
    }
}
END_TEST

START_TEST(uuids_are_read_whole_or_not_at_all)
{
    uint8_t id[16] = {0};
    const char *text = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
    ck_assert(scan_uuid(text, 36, id));
    ck_assert_uint_eq(id[0], 0x01);
    ck_assert_uint_eq(id[15], 0x5b);
    ck_assert(!scan_uuid(text, 35, id));
    ck_assert(!scan_uuid("0190a1b2-c3d4-7e5f-8a9b_0c1d2e3f4a5b", 36, id));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench");
    TCase *tests = tcase_create("figures");
    tcase_add_test(tests, percentiles_are_exact_for_small_values);
    tcase_add_test(tests, an_empty_histogram_says_zero);
    tcase_add_test(tests, error_stays_below_one_percent_over_the_whole_range);
    tcase_add_test(tests, a_stall_shows_in_the_tail);
    tcase_add_test(tests, sends_are_due_at_their_intended_time_and_not_before);
    tcase_add_test(tests, members_are_found_at_their_depth_only);
    tcase_add_test(tests, every_prefix_of_a_reply_is_scanned_within_its_length);
    tcase_add_test(tests, uuids_are_read_whole_or_not_at_all);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
