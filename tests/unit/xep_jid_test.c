/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses: what is accepted, how it splits, and what is refused. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "xep/jid.h"

static void expect_parts(const char *text, const char *local, const char *domain,
                         const char *resource)
{
    g_autofree char *got_local = jid_local(text);
    g_autofree char *got_domain = jid_domain(text);
    g_autofree char *got_resource = jid_resource(text);
    ck_assert_pstr_eq(got_local, local);
    ck_assert_pstr_eq(got_domain, domain);
    ck_assert_pstr_eq(got_resource, resource);
}

START_TEST(addresses_split)
{
    expect_parts("a@b", "a", "b", NULL);
    expect_parts("a@b/c@d/e f", "a", "b", "c@d/e f");
    expect_parts("b/c", NULL, "b", "c");
    expect_parts("b", NULL, "b", NULL);
    expect_parts("a@[::1]/c", "a", "[::1]", "c");
    expect_parts("\xc3\xa9@\xc3\xbc/\xf0\x9f\x98\x80", "\xc3\xa9", "\xc3\xbc", "\xf0\x9f\x98\x80");
}
END_TEST

START_TEST(bad_addresses_are_refused)
{
    static const char *const bad[] = {
        "",     "@b",      "a@",       "a@/c",    "a@b/",     "/c",    "a b@c",       "a\"@b",
        "a&@b", "a'@b",    "a:@b",     "a<@b",    "a>@b",     "a@b@c", "a@b c",       "a@b:c",
        "a@.b", "a\x01@b", "a@b/\x7f", "a\xff@b", "a@b/\xc3", "a@b<c", "a\xc2\xa0@b",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        ck_assert_msg(!jid_is_valid(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(parts_have_1023_bytes)
{
    g_autofree char *longest = g_strnfill(1023, 'x');
    g_autofree char *longer = g_strnfill(1024, 'x');
    g_autofree char *fits = g_strconcat(longest, "@", longest, "/", longest, NULL);
    ck_assert(jid_is_valid(fits));
    for (int part = 0; part < 3; part++) {
        g_autofree char *over = g_strconcat(part == 0 ? longer : "a", "@", part == 1 ? longer : "b",
                                            "/", part == 2 ? longer : "c", NULL);
        ck_assert(!jid_is_valid(over));
    }
}
END_TEST

START_TEST(bare_addresses)
{
    g_autofree char *bare = jid_bare("a@b/c");
    ck_assert_str_eq(bare, "a@b");
    ck_assert(jid_is_valid_bare("a@b"));
    ck_assert(!jid_is_valid_bare("a@b/c"));
    ck_assert(jid_same_bare("a@b/c", "a@b"));
    ck_assert(!jid_same_bare("a@b", "A@b"));
    ck_assert(!jid_same_bare("a@b", "a@bc"));
}
END_TEST

struct preparation {
    const char *input;
    const char *prepared; /* NULL: there is none */
};

static void expect_prepared(const struct preparation *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        g_autofree char *prepared = jid_prepare(rows[i].input);
        ck_assert_msg(g_strcmp0(prepared, rows[i].prepared) == 0, "%s: %s, not %s", rows[i].input,
                      prepared, rows[i].prepared);
        g_autofree char *again = prepared ? jid_prepare(prepared) : NULL;
        ck_assert_pstr_eq(again, prepared);
    }
}

/* Addresses of the kinds that the tables of RFC 7622 section 3.5 list. */
START_TEST(user_input_is_prepared)
{
    static const struct preparation rows[] = {
        {"Alice@Example.ORG./Phone", "alice@example.org/Phone"},
        {"Example.org.", "example.org"},
        {"example.org。", "example.org"},
        {"juliet@example.com/foo bar", "juliet@example.com/foo bar"},
        {"juliet@example.com/foo@bar/baz", "juliet@example.com/foo@bar/baz"},
        {"foo\\20bar@example.com", "foo\\20bar@example.com"},
        {"fussball@example.com", "fussball@example.com"},
        {"π@example.com", "π@example.com"},
        {"Σ@example.com/foo", "σ@example.com/foo"},
        {"ς@example.com", "σ@example.com"},
        {"king@example.com/♚", "king@example.com/♚"},
        {"Bob@EXAMPLE.org", "bob@example.org"},
        {"ｂｏｂ@ｅｘａｍｐｌｅ．org", "bob@example.org"},
        {"ﾊﾟ@example.jp", "パ@example.jp"},
        {"bob@BÜCHER.example", "bob@bücher.example"},
        {"bob@bu\xcc\x88"
         "cher.example",
         "bob@bücher.example"},
        {"bob@xn--bcher-kva.example", "bob@bücher.example"},
        {"bob@straße.example", "bob@straße.example"},
        {"E\xcc\x81va@example.org/E\xcc\x81", "éva@example.org/É"},
        {"a@example.org/\xc2\xa0x", "a@example.org/ x"},
        {"אבג@example.org", "אבג@example.org"},
        {"a@[2001:DB8::1]", "a@[2001:db8::1]"},
        {"a@192.0.2.7", "a@192.0.2.7"},
        {"col·lega@example.org", "col·lega@example.org"},
        {"col\xc2\xb7"
         "a@example.org",
         NULL},
        {"co·lega@example.org", NULL},
        {"straße@example.org", "strasse@example.org"},
    };
    expect_prepared(rows, G_N_ELEMENTS(rows));
}
END_TEST

START_TEST(pasted_addresses_are_taken_out_of_what_is_around_them)
{
    static const struct preparation rows[] = {
        {" bob@example.org ", "bob@example.org"},
        {"\t\xe2\x80\xaa"
         "bob@example.org\xe2\x80\xac\r\n",
         "bob@example.org"},
        {"\xc2\xa0"
         "bob@example.org\xe2\x80\x8b",
         "bob@example.org"},
        {"bob@example.org/", "bob@example.org"},
        {"bob@example.org.", "bob@example.org"},
        {"bob@example.org./", "bob@example.org"},
        {"bob@example.org,", "bob@example.org"},
        {"<bob@example.org>", "bob@example.org"},
        {"Bob O. <Bob@example.org>;", NULL},
        {"Bob O. <Bob@example.org>", "bob@example.org"},
        {"<xmpp:bob@example.org>", "bob@example.org"},
        {"xmpp:bob@example.org", "bob@example.org"},
        {"XMPP:bob@example.org?message;body=hi", "bob@example.org"},
        {"xmpp:bob@example.org#top", "bob@example.org"},
        {"xmpp:bob@example.org/phone%20one", "bob@example.org/phone one"},
        {"xmpp:b%C3%B6b@example.org", "böb@example.org"},
        {"xmpp://bob@example.org", "bob@example.org"},
        {"xmpp://me@example.net/bob@example.org?message", "bob@example.org"},
        {"mailto:bob@example.org?subject=x", "bob@example.org"},
        {"xmpp:example.org", "example.org"},
        {"bob@example.org/<b>", "bob@example.org/<b>"},
        {"bob@example.org/a/", "bob@example.org/a/"},
        {"xmpp:", NULL},
        {"<>", NULL},
        {" ", NULL},
        {"xmpp:bob%00@example.org", NULL},
        {"xmpp:bob%ff@example.org", NULL},
        {"http://example.org/bob@example.org", NULL},
    };
    expect_prepared(rows, G_N_ELEMENTS(rows));
}
END_TEST

START_TEST(input_that_is_no_address)
{
    static const char *const bad[] = {
        "",
        "a b@c.example",
        "\"juliet\"@example.com",
        "foo bar@example.com",
        "@example.com",
        "@",
        "henryⅣ@example.com", /* a compatibility form */
        "♚@example.com",      /* a symbol */
        "juliet@",
        "/foobar",
        "a@☕.example",
        "a@b_c.example",
        "a@-b.example",
        "a@b..example",
        "b.example..",
        "a@b.example.。",
        "a@.",
        "a@.example",
        "a@xn--.example",
        "a@xn--a.example",
        "a@[::1",
        "a@[192.0.2.7]",
        "a@[::1]x",
        "a\xe2\x80\x8b@b.example", /* zero width space */
        "a\xe2\x80\xae@b.example", /* right-to-left override */
        "a\xe2\x80\x8d@b.example", /* joiner out of place */
        "a\xef\xbf\xbe@b.example", /* no character */
        "a\xee\x80\x80@b.example", /* private use */
        "a\xcd\xb8@b.example",     /* unassigned */
        "a\xe1\x84\x80@b.example", /* old Hangul */
        "אa@b.example",            /* mixed directions */
        "aא@b.example",
        "1א@b.example",
        "٠۰@b.example", /* two sorts of Arabic digits */
        "a@b.example/\x07x",
        "a@b.example/\xe2\x80\xa8x",
        "\xff@b.example",
        "a@b.example/\xc3",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *prepared = jid_prepare(bad[i]);
        ck_assert_msg(!prepared, "%s: %s", bad[i], prepared);
    }
}
END_TEST

START_TEST(prepared_parts_have_1023_bytes)
{
    g_autofree char *longest = g_strnfill(1023, 'X');
    g_autofree char *longer = g_strnfill(1024, 'X');
    g_autofree char *huge = g_strnfill(100000, 'X');
    g_autofree char *fits = g_strconcat(longest, "@b.example/", longest, NULL);
    g_autofree char *prepared = jid_prepare(fits);
    ck_assert_ptr_nonnull(prepared);
    const char *const parts[] = {longer, huge};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *local = g_strconcat(parts[i], "@b.example", NULL);
        g_autofree char *domain = g_strconcat("a@", parts[i], NULL);
        g_autofree char *resource = g_strconcat("a@b.example/", parts[i], NULL);
        ck_assert_ptr_null(jid_prepare(local));
        ck_assert_ptr_null(jid_prepare(domain));
        ck_assert_ptr_null(jid_prepare(resource));
    }
    g_autofree char *label = g_strnfill(64, 'x');
    ck_assert_ptr_null(jid_prepare(label));
    g_autofree char *bare = jid_prepare_bare("A@B.example/c");
    ck_assert_str_eq(bare, "a@b.example");
}
END_TEST

static void expect_settled(const char *address, const char *settled)
{
    g_autofree char *got = jid_settle(address);
    ck_assert_pstr_eq(got, settled);
    g_autofree char *again = got ? jid_settle(got) : NULL;
    ck_assert_ptr_null(again);
    g_autofree char *prepared = settled ? jid_prepare(settled) : NULL;
    ck_assert(!settled || g_strcmp0(prepared, settled) == 0);
}

START_TEST(delivered_domains_have_one_form)
{
    expect_settled("eve@xn--bcher-kva.example/x", "eve@b\u00fccher.example/x");
    expect_settled("eve@XN--BCHER-KVA.example", "eve@b\u00fccher.example");
    expect_settled("xn--bcher-kva.example", "b\u00fccher.example");
    expect_settled("eve@bu\u0308cher.example", "eve@b\u00fccher.example");
    expect_settled("eve@B\u00dcCHER.example.", "eve@b\u00fccher.example");
    expect_settled("eve@\uff45xample.org", "eve@example.org");
    expect_settled("eve@Example.ORG./a", "eve@example.org/a");
    expect_settled("eve@xn--strae-oqa.example", "eve@stra\u00dfe.example");
    expect_settled("eve@b\u00fccher.example/XN--A@b/c", NULL);
    expect_settled("eve@example.org/x", NULL);
    expect_settled("xn--eve@example.org", NULL);
    expect_settled("eve@xn--.example", NULL); /* no domain: as it came */
    expect_settled("eve@_xmpp.example", NULL);
    expect_settled("@", NULL);
    expect_settled("", NULL);
}
END_TEST

START_TEST(hosted_local_parts)
{
    g_autofree char *longest = g_strnfill(64, 'a');
    g_autofree char *longer = g_strnfill(65, 'a');
    ck_assert(jid_is_hosted_local("a") && jid_is_hosted_local("0.a_b-c"));
    ck_assert(jid_is_hosted_local(longest) && !jid_is_hosted_local(longer));
    ck_assert(!jid_is_hosted_local("") && !jid_is_hosted_local(".a"));
    ck_assert(!jid_is_hosted_local("A") && !jid_is_hosted_local("a@b"));
    ck_assert(!jid_is_hosted_local("\xc3\xa9"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xep_jid");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, addresses_split);
    tcase_add_test(tests, bad_addresses_are_refused);
    tcase_add_test(tests, parts_have_1023_bytes);
    tcase_add_test(tests, bare_addresses);
    tcase_add_test(tests, user_input_is_prepared);
    tcase_add_test(tests, pasted_addresses_are_taken_out_of_what_is_around_them);
    tcase_add_test(tests, input_that_is_no_address);
    tcase_add_test(tests, prepared_parts_have_1023_bytes);
    tcase_add_test(tests, delivered_domains_have_one_form);
    tcase_add_test(tests, hosted_local_parts);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
