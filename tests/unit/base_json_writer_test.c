/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON output: commas, escapes, every kind of value, and the ceiling. */
#include "config.h"

#include <string.h>

#include "bridge/base/json_writer.h"
#include "tests/unit/unit.h"

START_TEST(every_kind_of_value)
{
    g_auto(buffer) buf = BUFFER_INIT(1000);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_member_string(&json, "text", "a");
    json_member_string(&json, "none", NULL);
    json_member_integer(&json, "least", G_MININT64);
    json_member_integer(&json, "most", G_MAXINT64);
    json_member_boolean(&json, "yes", true);
    json_member_boolean(&json, "no", false);
    json_member_raw(&json, "raw", "{\"x\":1}");
    json_member_raw(&json, "gone", NULL);
    json_key(&json, "list");
    json_begin_array(&json);
    json_put_integer(&json, 1);
    json_begin_array(&json);
    json_end_array(&json);
    json_begin_object(&json);
    json_end_object(&json);
    json_put_null(&json);
    json_end_array(&json);
    json_member_integer(&json, "last", 0);
    json_end_object(&json);
    ck_assert_str_eq(buf.data,
                     "{\"text\":\"a\",\"none\":null,\"least\":-9223372036854775808,"
                     "\"most\":9223372036854775807,\"yes\":true,\"no\":false,"
                     "\"raw\":{\"x\":1},\"gone\":null,\"list\":[1,[],{},null],\"last\":0}");
}
END_TEST

/* Texts are looked through eight bytes at a time. */
START_TEST(escaped_wherever_it_stands)
{
    static const unsigned char special[] = {'"',  '\\', 0x01, 0x1f, 0x20, 0x21,
                                            0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xff};
    for (size_t s = 0; s < sizeof special; s++) {
        for (size_t at = 0; at < 20; at++) {
            g_auto(buffer) buf = BUFFER_INIT(100);
            g_autoptr(GString) expected = g_string_new("\"");
            struct json_writer json;
            char text[] = "\x80zzzzzzzzzzzzzzzzzz\xff";
            text[at] = (char)special[s];
            for (const char *p = text; *p; p++) {
                if ((unsigned char)*p < 0x20)
                    g_string_append_printf(expected, "\\u%04x", (unsigned)*p);
                else
                    g_string_append_printf(expected, "%s%c", *p == '"' || *p == '\\' ? "\\" : "",
                                           *p);
            }
            g_string_append_c(expected, '"');
            json_writer_init(&json, &buf);
            json_put_string(&json, text);
            ck_assert_str_eq(buf.data, expected->str);
        }
    }
}
END_TEST

START_TEST(every_control_character_is_escaped)
{
    for (int c = 1; c < 0x20; c++) {
        g_auto(buffer) buf = BUFFER_INIT(100);
        struct json_writer json;
        json_writer_init(&json, &buf);
        const char text[] = {'a', (char)c, 'b', '\0'};
        json_put_string(&json, text);
        char expected[32];
        g_snprintf(expected, sizeof expected, "\"a\\u%04xb\"", (unsigned)c);
        if (c == '\n')
            g_strlcpy(expected, "\"a\\nb\"", sizeof expected);
        if (c == '\r')
            g_strlcpy(expected, "\"a\\rb\"", sizeof expected);
        if (c == '\t')
            g_strlcpy(expected, "\"a\\tb\"", sizeof expected);
        ck_assert_str_eq(buf.data, expected);
    }
}
END_TEST

START_TEST(quotes_and_backslashes_cannot_end_a_string)
{
    g_auto(buffer) buf = BUFFER_INIT(100);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_put_string(&json, "\"\\\",\"x\":1 /</script> \xc3\xa9 \xf0\x9f\x98\x80\x7f");
    ck_assert_str_eq(buf.data,
                     "\"\\\"\\\\\\\",\\\"x\\\":1 /</script> \xc3\xa9 \xf0\x9f\x98\x80\x7f\"");
}
END_TEST

START_TEST(empty_string)
{
    g_auto(buffer) buf = BUFFER_INIT(2);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_put_string(&json, "");
    ck_assert_str_eq(buf.data, "\"\"");
    ck_assert(!buf.overflow);
}
END_TEST

START_TEST(too_much_is_one_flag_at_the_end)
{
    g_auto(buffer) buf = BUFFER_INIT(10);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_array(&json);
    for (int i = 0; i < 100; i++)
        json_put_string(&json, "abc");
    json_end_array(&json);
    ck_assert(buf.overflow);
    ck_assert_uint_le(buf.length, 10);
}
END_TEST

START_TEST(times)
{
    g_auto(buffer) buf = BUFFER_INIT(1000);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_member_time(&json, "at", 1600000000123456);
    json_member_time(&json, "never", 0);
    json_end_object(&json);
    ck_assert_str_eq(buf.data, "{\"at\":\"2020-09-13T12:26:40.123Z\",\"never\":null}");
}
END_TEST

UNIT_MAIN("json_writer", every_kind_of_value, times, escaped_wherever_it_stands,
          every_control_character_is_escaped, quotes_and_backslashes_cannot_end_a_string,
          empty_string, too_much_is_one_flag_at_the_end)
