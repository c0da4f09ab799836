/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which bytes may enter: strict UTF-8 of XML 1.0 Chars. Each bad sequence is tried alone, at the
 * end and in the middle of good text. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/base/base64url.h"
#include "bridge/base/text.h"
#include "tests/unit/unit.h"

static bool is_safe(const char *bytes)
{
    return text_is_xml_safe(bytes, strlen(bytes));
}

START_TEST(good_text)
{
    static const char *const good[] = {"",
                                       "a",
                                       "\t\n\r",
                                       " ~\x7f",
                                       "\xc2\x80",
                                       "\xc3\xa9",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbd",
                                       "\xef\xb7\x90",
                                       "\xf0\x90\x80\x80",
                                       "\xf0\x9f\x98\x80",
                                       "\xf0\x9f\xbf\xbe",
                                       "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
        ck_assert_msg(is_safe(good[i]), "refused number %zu", i);
}
END_TEST

START_TEST(bad_sequences)
{
    static const char *const bad[] = {
        "\x80",
        "\xbf", /* continuation without a start */
        "\xc3",
        "\xe2\x82",
        "\xe2",
        "\xf0\x9f\x98",
        "\xf0\x9f", /* cut short */
        "\xc0\x80",
        "\xc0\xaf",
        "\xc1\xbf", /* two bytes for one */
        "\xe0\x80\x80",
        "\xe0\x9f\xbf", /* three for two */
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf", /* four for three */
        "\xed\xa0\x80",
        "\xed\xad\xbf",
        "\xed\xbf\xbf",             /* lone surrogates */
        "\xed\xa0\xbd\xed\xb8\x80", /* a pair of them (CESU-8) */
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", /* beyond U+10FFFF */
        "\xf8\x88\x80\x80\x80",
        "\xfc\x84\x80\x80\x80\x80", /* five and six bytes */
        "\xfe",
        "\xff",
        "\xe9t\xe9", /* never; Latin-1 */
        "\xef\xbf\xbe",
        "\xef\xbf\xbf", /* U+FFFE, U+FFFF */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *last = g_strconcat("good ", bad[i], NULL);
        g_autofree char *middle = g_strconcat("good ", bad[i], " text", NULL);
        ck_assert_msg(!is_safe(bad[i]), "accepted number %zu", i);
        ck_assert_msg(!is_safe(last), "accepted number %zu at the end", i);
        ck_assert_msg(!is_safe(middle), "accepted number %zu in the middle", i);
    }
}
END_TEST

START_TEST(control_characters)
{
    for (int c = 0; c < 0x20; c++) {
        const char text[] = {'a', (char)c, 'b'};
        bool allowed = c == '\t' || c == '\n' || c == '\r';
        ck_assert_msg(text_is_xml_safe(text, 3) == allowed, "character %d", c);
    }
}
END_TEST

START_TEST(every_code_point)
{
    for (guint32 c = 0; c <= 0x110000; c++) {
        char bytes[6];
        size_t length = (size_t)g_unichar_to_utf8(c, bytes);
        bool control = c < 0x20 && c != 0x9 && c != 0xa && c != 0xd;
        bool expected = !control && !(c >= 0xd800 && c <= 0xdfff) && c != 0xfffe && c != 0xffff &&
                        c <= 0x10ffff;
        if (text_is_xml_safe(bytes, length) != expected)
            ck_abort_msg("U+%04X", c);
    }
}
END_TEST

START_TEST(looks_no_further_than_its_length)
{
    ck_assert(text_is_xml_safe("ab\xff", 2));
    ck_assert(!text_is_xml_safe("\xc3\xa9", 1));
}
END_TEST

START_TEST(secrets_compare)
{
    ck_assert(text_equal_constant_time("", ""));
    ck_assert(text_equal_constant_time("secret", "secret"));
    ck_assert(!text_equal_constant_time("secret", "secreT"));
    ck_assert(!text_equal_constant_time("secret", "secret "));
    ck_assert(!text_equal_constant_time("secret", ""));
}
END_TEST

START_TEST(what_is_too_long_is_none)
{
    ck_assert_str_eq(text_bounded("four", 4), "four");
    ck_assert_ptr_null(text_bounded("fives", 4));
    ck_assert_ptr_null(text_bounded("", 4));
    ck_assert_ptr_null(text_bounded(NULL, 4));
}
END_TEST

START_TEST(distances)
{
    ck_assert_uint_eq(text_distance("port", "port"), 0);
    ck_assert_uint_eq(text_distance("port", "PORT"), 0);
    ck_assert_uint_eq(text_distance("port", "prot"), 2);
    ck_assert_uint_eq(text_distance("port", ""), 4);
    ck_assert_uint_eq(text_distance("", "port"), 4);
    ck_assert_uint_eq(text_distance("kitten", "sitting"), 3);
    g_autofree char *endless = g_strnfill(10000, 'x');
    ck_assert_uint_eq(text_distance(endless, "x"), 63);
}
END_TEST

START_TEST(bytes_have_one_spelling_in_base64url)
{
    static const char *const bad[] = {"A",     "AA=",  "AA==", "AAA=", "AB",     "AAB",
                                      "AAAA=", "AA+A", "AA/A", "AA A", "AAAA\n", "AAAAA"};
    static const guchar bytes[] = {0xfb, 0xef, 0xff, 0x00, 0x10};
    size_t length = 0;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        g_autofree char *text = base64url_encode(bytes, size);
        g_autofree guchar *again = base64url_decode(text, strlen(text), &length);
        ck_assert_uint_eq(length, size);
        ck_assert_mem_eq(again, bytes, size);
        ck_assert_uint_eq(again[size], 0);
        ck_assert_uint_eq(
            strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
            strlen(text));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        ck_assert_msg(!base64url_decode(bad[i], strlen(bad[i]), &length), "%s", bad[i]);
    ck_assert_ptr_null(base64url_decode("AA\0A", 4, &length));
}
END_TEST

UNIT_MAIN("text", bytes_have_one_spelling_in_base64url, good_text, bad_sequences,
          control_characters, every_code_point, looks_no_further_than_its_length, secrets_compare,
          distances, what_is_too_long_is_none)
