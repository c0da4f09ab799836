/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses: what is accepted, how it splits, and what is refused. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

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

START_TEST(user_input_folds)
{
    g_autofree char *folded = jid_fold("Alice@Example.ORG./Phone");
    ck_assert_str_eq(folded, "alice@example.org/Phone");
    g_autofree char *domain = jid_fold("Example.org.");
    ck_assert_str_eq(domain, "example.org");
    ck_assert_ptr_null(jid_fold("a b@c"));
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
    tcase_add_test(tests, user_input_folds);
    tcase_add_test(tests, hosted_local_parts);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
