/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cursors come back as they went out, and nothing else is one. */
#include "config.h"

#include "bridge/core/cursor.h"
#include "tests/unit/unit.h"

START_TEST(what_goes_out_comes_back)
{
    const gint64 positions[] = {0, 1, 42, G_GINT64_CONSTANT(999999999999999999)};
    for (size_t i = 0; i < G_N_ELEMENTS(positions); i++) {
        char text[CURSOR_TEXT_SIZE];
        gint64 position = -1;
        cursor_format("0123456789ab", positions[i], text);
        ck_assert(cursor_parse(text, "0123456789ab", &position));
        ck_assert_int_eq(position, positions[i]);
    }
}
END_TEST

START_TEST(nothing_else_is_one)
{
    const char *const bad[] = {"",        "-",      "a",       "abc",
                               "abc-",    "abc--1", "abc-+1",  "abc- 1",
                               "abc-1 ",  "abc-1x", "abc-0x1", "abcd-1",
                               "ab-1",    "ABC-1",  "abc_1",   "abc-1234567890123456789",
                               "abc-1\n", "xabc-1"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        gint64 position = 77;
        ck_assert_msg(!cursor_parse(bad[i], "abc", &position), "%s", bad[i]);
        ck_assert_int_eq(position, 77);
    }
}
END_TEST

START_TEST(an_ended_epoch_is_good_up_to_its_end)
{
    static const struct {
        const char *text;
        gint64 position; /* -1: refused */
    } rows[] = {{"new-99", 99},  {"old-70", 70}, {"old-71", -1}, {"older-5", 5},
                {"older-6", -1}, {"ol-1", -1},   {"olds-1", -1}, {"70-1", -1}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        gint64 position = -1;
        bool good = cursor_accept(rows[i].text, "new", "old:70 older:5", &position);
        ck_assert_msg(good == (rows[i].position >= 0), "%s", rows[i].text);
        if (good)
            ck_assert_int_eq(position, rows[i].position);
    }
    gint64 position;
    ck_assert(!cursor_accept("old-1", "new", "", &position));
    ck_assert(!cursor_accept("old-1", "new", NULL, &position));
}
END_TEST

UNIT_MAIN("core_cursor", what_goes_out_comes_back, nothing_else_is_one,
          an_ended_epoch_is_good_up_to_its_end)
