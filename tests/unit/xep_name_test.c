/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names: what is refused of those who type, what is taken out of what comes from elsewhere, and
 * where it is cut. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "xep/name.h"

#define ZWJ "\u200d"
#define ZWNJ "\u200c"
#define FAMILY "👨" ZWJ "👩" ZWJ "👧" /* 18 bytes, one grapheme */

static void expect_clean(const char *text, const char *wanted)
{
    g_autofree char *line = name_clean(text, NAME_BYTES_MAX, NAME_LINE);
    ck_assert_pstr_eq(line, wanted);
    g_autofree char *again = line ? name_clean(line, NAME_BYTES_MAX, NAME_LINE) : NULL;
    ck_assert_pstr_eq(again, wanted);
    ck_assert(!line || name_is_fine(line, NAME_LINE));
}

START_TEST(names_stay_as_they_are)
{
    static const char *const fine[] = {
        "Bob",
        "O’Brien, Jr. (home) <3",
        "Zoë",
        "李小龍",
        "محمد علی",
        "דוד",
        "नमस्ते",
        "สมชาย",
        "කාන්" ZWJ "ත",
        "می" ZWNJ "خواهم",
        "क्" ZWJ "ष",
        FAMILY,
        "❤️" ZWJ "🔥",
        "🏳️" ZWJ "🌈",
        "1️⃣",
        "👩🏽" ZWJ "💻",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "🇩🇪",
        "葛\U000e0100城",
        "ཧྐྵྨླྺྼྻྂ",
        "a b",
        "A\u3000B",
        "\U0001fae9",
        ".",
        "☺︎",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(fine); i++) {
        ck_assert_msg(name_is_fine(fine[i], NAME_LINE), "%s", fine[i]);
        expect_clean(fine[i], fine[i]);
    }
}
END_TEST

START_TEST(what_hides_is_refused_and_taken_out)
{
    static const struct {
        const char *text, *left;
    } bad[] = {
        {"a\nb", "a b"},
        {"a\r\nb", "a b"},
        {"a\tb", "a b"},
        {"a\u2028b\u2029c\xc2\x85"
         "d\vé",
         "a b c d é"},
        {"line\n\n\nthree", "line three"},
        {"a\u202eb", "ab"},
        {"\u2066a\u2069", "a"},
        {"a\u200eb\u200fc\u061cd", "abcd"},
        {"ad\u00admin", "admin"},
        {"ad\u200bmin\ufeff\u2060", "admin"},
        {"ad" ZWJ "min", "admin"},
        {"ad" ZWNJ "min", "admin"},
        {"a\ufe0fb", "ab"},
        {"👨\ufe0f\ufe0f", "👨\ufe0f"},
        {"x\U000e0061y", "xy"},
        {"a\u3164b\u115fc", "abc"},
        {"a\x01"
         "b\xc2\x9f"
         "c",
         "abc"},
        {"a\ufffab\ufdd0", "ab"},
        {"\u0301a", "a"},
        {"a \u0301b", "a b"},
        {"a\u034f\u0301", "á"},
        {"a\u0316\u0316\u0316\u0316\u0316\u0316\u0316\u0316\u0316\u0316b",
         "a\u0316\u0316\u0316\u0316\u0316\u0316\u0316\u0316b"},
        /* Marks with a place of their own count, too: each of these is longer in NFC. */
        {"\U0001d160\U0001d165\U0001d165\U0001d165\U0001d165\U0001d165\U0001d165\U0001d165"
         "\U0001d165",
         "\U0001d158\U0001d165\U0001d16e\U0001d165\U0001d165\U0001d165\U0001d165\U0001d165"
         "\U0001d165"},
        {"👨" ZWJ "x", "👨x"},
        {"👨" ZWJ ZWJ "👩", "👨" ZWJ "👩"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        ck_assert_msg(!name_is_fine(bad[i].text, NAME_LINE), "%zu %s", i, bad[i].text);
        expect_clean(bad[i].text, bad[i].left);
    }
}
END_TEST

START_TEST(nothing_to_see_is_no_name)
{
    static const char *const empty[] = {
        "",           " ",      "   ",          "\n", "\u00a0\u3000", "\u2800\u2800",
        "\u200b",     "\u3164", "\u202e\u202c", ZWJ,  "\u0301",       "\ufe0f",
        "\U000e0041", "\x01"};
    for (size_t i = 0; i < G_N_ELEMENTS(empty); i++) {
        ck_assert_msg(!name_is_fine(empty[i], NAME_LINE) && !name_is_fine(empty[i], NAME_PROSE),
                      "%zu", i);
        expect_clean(empty[i], NULL);
    }
}
END_TEST

START_TEST(spaces_and_spelling_are_put_right_without_a_word)
{
    ck_assert(name_is_fine("  Bob  Smith ", NAME_LINE));
    expect_clean("  Bob  Smith ", "Bob Smith");
    ck_assert(name_is_fine("Zoe\u0308", NAME_LINE));
    expect_clean("Zoe\u0308", "Zoë");
    ck_assert(name_is_fine("\u2800x", NAME_LINE));
    expect_clean("x\u2800\u2800y", "x y");
}
END_TEST

START_TEST(prose_has_lines)
{
    const char *bio = "One.\n\nTwo\tthree.  ";
    ck_assert(name_is_fine(bio, NAME_PROSE));
    g_autofree char *clean = name_clean(bio, 2000, NAME_PROSE);
    ck_assert_str_eq(clean, "One.\n\nTwo\tthree.");
    g_autofree char *windows = name_clean("\r\na\r\nb\rc\u2028d", 2000, NAME_PROSE);
    ck_assert_str_eq(windows, "a\nb\nc\nd");
    ck_assert(!name_is_fine("a\n\u202eb", NAME_PROSE) && !name_is_fine("a\u200bb", NAME_PROSE));
}
END_TEST

START_TEST(cuts_between_graphemes)
{
    g_autofree char *most = name_clean("ab" FAMILY "cd", 19, NAME_LINE);
    ck_assert_str_eq(most, "ab");
    g_autofree char *whole = name_clean("ab" FAMILY "cd", 20, NAME_LINE);
    ck_assert_str_eq(whole, "ab" FAMILY);
    g_autofree char *flag = name_clean("🇩🇪🇫🇷", 12, NAME_LINE);
    ck_assert_str_eq(flag, "🇩🇪");
    g_autofree char *accent = name_clean("xq\u0308", 3, NAME_LINE);
    ck_assert_str_eq(accent, "x");
    g_autofree char *space = name_clean("ab cd", 3, NAME_LINE);
    ck_assert_str_eq(space, "ab");
    g_autofree char *none = name_clean(FAMILY, 17, NAME_LINE);
    ck_assert_ptr_null(none);
    g_autofree char *many = g_strnfill(300000, 'x');
    g_autofree char *cut = name_clean(many, NAME_BYTES_MAX, NAME_LINE);
    ck_assert_uint_eq(strlen(cut), NAME_BYTES_MAX);
}
END_TEST

UNIT_MAIN("xep_name", names_stay_as_they_are, what_hides_is_refused_and_taken_out,
          nothing_to_see_is_no_name, spaces_and_spelling_are_put_right_without_a_word,
          prose_has_lines, cuts_between_graphemes)
