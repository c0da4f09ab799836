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
    const char *const bad[] = {"", "-", "a", "abc", "abc-", "abc--1", "abc-+1", "abc- 1", "abc-1 ",
                               "abc-1x", "abc-0x1", "abcd-1", "ab-1", "ABC-1", "abc_1",
                               "abc-1234567890123456789", "abc-1\n", "xabc-1"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        gint64 position = 77;
        ck_assert_msg(!cursor_parse(bad[i], "abc", &position), "%s", bad[i]);
        ck_assert_int_eq(position, 77);
    }
}
END_TEST

UNIT_MAIN("core_cursor", what_goes_out_comes_back, nothing_else_is_one)
