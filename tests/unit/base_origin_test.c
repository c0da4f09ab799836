/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Origins and hosts mean the same in many spellings, and nothing else means it. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/origin.h"

static const struct {
    const char *origin, *normal; /* NULL: none */
} origins[] = {
    {"https://app.example.org", "https://app.example.org"},
    {"HTTPS://App.Example.ORG:443", "https://app.example.org"},
    {"https://app.example.org.", "https://app.example.org"},
    {"https://app.example.org:", "https://app.example.org"},
    {"http://app.example.org:80", "http://app.example.org"},
    {"http://app.example.org:443", "http://app.example.org:443"},
    {"https://app.example.org:08443", "https://app.example.org:8443"},
    {"https://b\303\274cher.example", "https://xn--bcher-kva.example"},
    {"https://B\303\234CHER.example", "https://xn--bcher-kva.example"},
    {"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
    {"http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080"},
    {"http://[2001:DB8::1]:80", "http://[2001:db8::1]"},
    {"http://192.0.2.1:8080", "http://192.0.2.1:8080"},
    {"http://localhost", "http://localhost"},
    {"capacitor://localhost", "capacitor://localhost"},
    {"ionic://localhost", "ionic://localhost"},
    {"tauri://localhost", "tauri://localhost"},
    {"com.example.app://localhost", "com.example.app://localhost"},
    {"chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"},
    {"null", NULL},
    {"", NULL},
    {"*", NULL},
    {"app.example.org", NULL},
    {"https://*.example.org", NULL},
    {"https://app.example.org/", NULL},
    {"https://app.example.org/path", NULL},
    {"https://app.example.org?x", NULL},
    {"https://app.example.org#x", NULL},
    {"https://user@app.example.org", NULL},
    {"https://app.example.org:x", NULL},
    {"https://app.example.org:0", NULL},
    {"https://app.example.org:65536", NULL},
    {"https://app.example.org:99999999999999999999", NULL},
    {"https://", NULL},
    {"https://.", NULL},
    {"https://a..b", NULL},
    {"https://a..", NULL},
    {"https://[::1", NULL},
    {"https://[::1]x", NULL},
    {"https://[]", NULL},
    {"https://stra\303\237e.example", NULL}, /* two xn-- forms */
    {"https://\377.example", NULL},
    {"file://host", NULL},
    {"ftp://a.example", NULL},
    {"1http://a", NULL},
    {"://a", NULL},
};

START_TEST(an_origin_has_one_spelling)
{
    g_autofree char *normal = origin_normal(origins[_i].origin);
    ck_assert_msg(g_strcmp0(normal, origins[_i].normal) == 0, "%s: %s", origins[_i].origin,
                  normal ? normal : "none");
    if (!normal)
        return;
    g_autofree char *again = origin_normal(normal);
    ck_assert_str_eq(again, normal);
}
END_TEST

START_TEST(a_host_is_the_origins_own_in_any_spelling)
{
    static const struct {
        const char *origin, *host;
        bool same;
    } pairs[] = {
        {"https://app.example.org", "app.example.org", true},
        {"https://app.example.org", "app.example.org:443", true},
        {"https://app.example.org:443", "APP.example.org", true},
        {"https://app.example.org", "app.example.org.", true},
        {"http://[::1]:81", "[0::1]:81", true},
        {"https://app.example.org", "app.example.org:80", false},
        {"http://app.example.org", "app.example.org:443", false},
        {"https://app.example.org:8443", "app.example.org", false},
        {"https://app.example.org.evil", "app.example.org", false},
        {"capacitor://localhost", "localhost", false},
        {"null", "null", false},
        {"https://", "", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++)
        ck_assert_msg(origin_is_of_host(pairs[i].origin, pairs[i].host) == pairs[i].same, "%s %s",
                      pairs[i].origin, pairs[i].host);
    ck_assert(origin_host_is_good("localhost:8080") && origin_host_is_good("[::1]"));
    ck_assert(!origin_host_is_good("") && !origin_host_is_good("a b") &&
              !origin_host_is_good("a/b") && !origin_host_is_good("a:b") &&
              !origin_host_is_good("b\303\274cher"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("origin");
    tcase_add_loop_test(tests, an_origin_has_one_spelling, 0, (int)G_N_ELEMENTS(origins));
    tcase_add_test(tests, a_host_is_the_origins_own_in_any_spelling);
    Suite *suite = suite_create("base_origin");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
