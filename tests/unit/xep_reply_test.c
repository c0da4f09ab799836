/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Quotes of replies: how they are built, where they are cut, and what is left without them. */
#include "config.h"

#include <glib.h>

#include "tests/unit/unit.h"
#include "tests/unit/xep_read.h"
#include "xep/0428_fallback.h"
#include "xep/0461_reply.h"
#include "xep/message.h"

#define ELLIPSIS "\xe2\x80\xa6"
#define FAMILY "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7" /* two people and a joiner */

static void expect_quote(const char *text, const char *expected)
{
    g_autofree char *quote = reply_quote("Carol", text);
    ck_assert_str_eq(quote, expected);
}

START_TEST(each_line_is_quoted)
{
    expect_quote("lunch?", "> Carol: lunch?\n");
    expect_quote("a\r\nb", "> Carol: a\n> b\n");
    expect_quote("", "> Carol: \n");
}
END_TEST

START_TEST(long_texts_are_cut_between_what_is_drawn)
{
    expect_quote("1\n2\n3\n4", "> Carol: 1\n> 2\n> 3\n> 4\n");
    expect_quote("1\n2\n3\n4\n5", "> Carol: 1\n> 2\n> 3\n> 4" ELLIPSIS "\n");

    g_autofree char *full = g_strnfill(REPLY_QUOTE_CHARS - 1, 'x');
    g_autofree char *text = g_strconcat(full, FAMILY, NULL);
    g_autofree char *cut = g_strconcat("> Carol: ", full, ELLIPSIS "\n", NULL);
    expect_quote(text, cut);
}
END_TEST

START_TEST(a_quote_goes_as_it_came)
{
    g_autofree char *quote = reply_quote("Z\xc3\xb6"
                                         "e <3",
                                         "\xf0\x9f\x8e\x89 & more");
    g_autoptr(xmpp_stanza_t) message = message_new("chat", "b2", NULL, NULL);
    reply_add_body(message, quote, "Fine \xf0\x9f\x91\x8d");
    g_autofree char *xml = stanza_to_link_text(message, NULL);
    g_autoptr(xmpp_stanza_t) read = stanza_from(xml);
    const char *body = stanza_child_text(read, "body", NS_CLIENT);
    g_autofree char *text = reply_strip(read, body);
    ck_assert_str_eq(text, "Fine \xf0\x9f\x91\x8d");
}
END_TEST

START_TEST(ranges_overlap_and_exceed_the_text)
{
    struct fallback fallback = {.count = 3, .ranges = {{4, 6}, {0, 2}, {1, 3}}};
    g_autofree char *rest = fallback_strip("0123456789", &fallback);
    ck_assert_str_eq(rest, "36789");
    fallback = (struct fallback){.count = 2, .ranges = {{8, RANGE_END}, {20, 30}}};
    g_autofree char *begin = fallback_strip("0123456789", &fallback);
    ck_assert_str_eq(begin, "01234567");
}
END_TEST

UNIT_MAIN("xep_reply", each_line_is_quoted, long_texts_are_cut_between_what_is_drawn,
          a_quote_goes_as_it_came, ranges_overlap_and_exceed_the_text)
