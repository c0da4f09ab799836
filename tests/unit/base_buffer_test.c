/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bounded buffer: what fits is kept exactly, what does not leaves no half. */
#include "config.h"

#include "bridge/base/buffer.h"
#include "tests/unit/unit.h"

START_TEST(fills_to_its_ceiling_and_not_past_it)
{
    g_auto(buffer) buf = BUFFER_INIT(8);
    ck_assert(buffer_append_string(&buf, "12345678"));
    ck_assert(!buf.overflow);
    ck_assert(!buffer_append(&buf, "9", 1));
    ck_assert(buf.overflow);
    ck_assert_str_eq(buf.data, "12345678");
    ck_assert_uint_eq(buf.length, 8);
}
END_TEST

START_TEST(after_overflow_nothing_is_appended_until_reset)
{
    g_auto(buffer) buf = BUFFER_INIT(4);
    ck_assert(!buffer_append_string(&buf, "too long"));
    ck_assert(!buffer_append_string(&buf, "a"));
    ck_assert_uint_eq(buf.length, 0);
    buffer_reset(&buf);
    ck_assert(buffer_append_string(&buf, "a"));
    ck_assert_str_eq(buf.data, "a");
}
END_TEST

START_TEST(huge_lengths_do_not_wrap_around)
{
    volatile size_t huge = SIZE_MAX; /* no constant, of which the compiler would warn */
    g_auto(buffer) buf = BUFFER_INIT(16);
    ck_assert(buffer_append_string(&buf, "abc"));
    ck_assert(!buffer_append(&buf, "x", huge));
    ck_assert(!buffer_append(&buf, "x", huge - 2));
    ck_assert_str_eq(buf.data, "abc");
}
END_TEST

START_TEST(printf_obeys_the_ceiling)
{
    g_auto(buffer) buf = BUFFER_INIT(10);
    ck_assert(buffer_append_printf(&buf, "%s-%d", "abc", 42));
    ck_assert_str_eq(buf.data, "abc-42");
    ck_assert(!buffer_append_printf(&buf, "%05d", 7));
    ck_assert_str_eq(buf.data, "abc-42");
    ck_assert(buf.overflow);
}
END_TEST

START_TEST(consume_drops_from_the_front)
{
    g_auto(buffer) buf = BUFFER_INIT(100);
    buffer_consume(&buf, 0);
    buffer_append_string(&buf, "hello world");
    buffer_consume(&buf, 6);
    ck_assert_str_eq(buf.data, "world");
    buffer_consume(&buf, 5);
    ck_assert_uint_eq(buf.length, 0);
    ck_assert_str_eq(buf.data, "");
}
END_TEST

START_TEST(take_hands_over_and_leaves_an_empty_buffer)
{
    g_auto(buffer) buf = BUFFER_INIT(100);
    size_t length = 99;
    g_autofree char *nothing = buffer_take(&buf, &length);
    ck_assert_str_eq(nothing, "");
    ck_assert_uint_eq(length, 0);
    buffer_append(&buf, "a\0b", 3);
    g_autofree char *taken = buffer_take(&buf, &length);
    ck_assert_uint_eq(length, 3);
    ck_assert_mem_eq(taken, "a\0b", 4);
    ck_assert_uint_eq(buf.length, 0);
    ck_assert_uint_eq(buf.ceiling, 100);
    buffer_append_string(&buf, "again");
    g_autoptr(GBytes) bytes = buffer_take_bytes(&buf);
    ck_assert_uint_eq(g_bytes_get_size(bytes), 5);
}
END_TEST

START_TEST(grows_over_many_small_appends)
{
    g_auto(buffer) buf = BUFFER_INIT(100000);
    for (int i = 0; i < 100000; i++)
        ck_assert(buffer_append(&buf, "x", 1));
    ck_assert(!buffer_append(&buf, "x", 1));
    ck_assert_uint_eq(strlen(buf.data), 100000);
    ck_assert_uint_le(buf.capacity, 100001);
}
END_TEST

UNIT_MAIN("buffer", fills_to_its_ceiling_and_not_past_it,
          after_overflow_nothing_is_appended_until_reset, huge_lengths_do_not_wrap_around,
          printf_obeys_the_ceiling, consume_drops_from_the_front,
          take_hands_over_and_leaves_an_empty_buffer, grows_over_many_small_appends)
