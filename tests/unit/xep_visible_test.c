/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be seen, and when a late message was sent. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/xep_read.h"
#include "xep/0203_delay.h"
#include "xep/visible.h"

static bool seen(const char *text)
{
    return text_is_visible(text, strlen(text));
}

START_TEST(blank_texts_are_blank)
{
    static const char *const blank[] = {"",
                                        " ",
                                        " \t\r\n",
                                        "\xc2\xa0",
                                        "\xe2\x80\x8b",
                                        "\xe2\xa0\x80",
                                        "\xe3\x80\x80",
                                        "\xe3\x85\xa4",
                                        "\xe1\x85\x9f",
                                        "\xef\xbe\xa0",
                                        "\xc2\xad",
                                        "\xe2\x80\x8e\xe2\x80\xae",
                                        "\xef\xbb\xbf",
                                        "\xef\xb8\x8f",
                                        "\xf3\xa0\x80\xa0",
                                        "\xe2\x81\xa4",
                                        "\xcd\x8f",
                                        "\xf0\x9d\x85\x99",
                                        "\xe1\xa0\x8e",
                                        "\xe2\x80\xa8\xe2\x80\xa9",
                                        "\x7f",
                                        "\xc2\x85",
                                        "\xe2\x80\x8b \xe2\xa0\x80"};
    for (size_t i = 0; i < G_N_ELEMENTS(blank); i++)
        ck_assert_msg(!seen(blank[i]), "text %zu", i);
}
END_TEST

START_TEST(texts_of_all_scripts_are_seen)
{
    static const char *const texts[] = {"a",
                                        " . ",
                                        "0",
                                        "\xc3\xa9",
                                        "\xd8\xa7",
                                        "\xe7\x8e\x8b",
                                        "\xf0\x9f\x8e\x89",
                                        "\xe2\x9d\xa4\xef\xb8\x8f",
                                        "\xe2\x80\x8b"
                                        "a",
                                        "\xee\x80\x80"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        ck_assert_msg(seen(texts[i]), "text %zu", i);
}
END_TEST

static int64_t choose(const char *delays)
{
    static const char *const by[] = {"example.org", "bob@example.org", "", NULL};
    g_autofree char *text =
        g_strconcat("<message from='bob@example.org/x'>", delays, "</message>", NULL);
    g_autoptr(xmpp_stanza_t) stanza = stanza_from(text);
    int64_t us = 0;
    ck_assert_ptr_nonnull(stanza);
    bool found = delay_choose(stanza, by, INT64_C(1800000000000000), &us);
    return found ? us / 1000000 : -1;
}

#define DELAY(from, stamp) "<delay xmlns='urn:xmpp:delay' from='" from "' stamp='" stamp "'/>"

START_TEST(the_best_witness_says_when_a_message_was_sent)
{
    ck_assert_int_eq(choose(""), -1);
    ck_assert_int_eq(choose(DELAY("eve@evil.example", "2026-05-04T09:00:00Z")), -1);
    ck_assert_int_eq(choose(DELAY("eve@evil.example", "2026-05-04T09:00:00Z")
                                DELAY("example.org", "2026-05-04T10:00:00Z")),
                     1777888800);
    ck_assert_int_eq(choose(DELAY("bob@example.org", "2020-01-01T00:00:00Z")
                                DELAY("example.org", "2026-05-04T10:00:00Z")),
                     1777888800);
    ck_assert_int_eq(choose(DELAY("example.org", "2026-05-04T11:00:00Z")
                                DELAY("Example.ORG", "2026-05-04T10:00:00Z")),
                     1777888800);
    ck_assert_int_eq(
        choose(DELAY("example.org", "yesterday") DELAY("bob@example.org", "2026-05-04T10:00:00Z")),
        1777888800);
    ck_assert_int_eq(choose("<delay xmlns='urn:xmpp:delay' stamp='2026-05-04T10:00:00Z'/>"),
                     1777888800);
}
END_TEST

START_TEST(clocks_that_are_not_right_are_no_witnesses)
{
    ck_assert_int_eq(choose(DELAY("example.org", "0001-01-01T00:00:00Z")), -1);
    ck_assert_int_eq(choose(DELAY("example.org", "1970-01-01T00:00:00Z")), -1);
    ck_assert_int_eq(choose(DELAY("example.org", "9999-12-31T23:59:59Z")), -1);
    ck_assert_int_eq(choose(DELAY("example.org", "9999-12-31T23:59:59Z")
                                DELAY("bob@example.org", "2026-05-04T10:00:00Z")),
                     1777888800);
}
END_TEST

UNIT_MAIN("xep_visible", blank_texts_are_blank, texts_of_all_scripts_are_seen,
          the_best_witness_says_when_a_message_was_sent, clocks_that_are_not_right_are_no_witnesses)
