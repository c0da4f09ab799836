/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing near us is fetched, however its address is wrapped; what configuration allows is, and no
 * more. */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <glib.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/fetch.h"

static struct sockaddr_storage address_of(const char *text, guint16 port)
{
    struct sockaddr_storage storage = {0};
    if (strchr(text, ':')) {
        struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        ck_assert_int_eq(inet_pton(AF_INET6, text, &in.sin6_addr), 1);
        memcpy(&storage, &in, sizeof in);
    } else {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
        ck_assert_int_eq(inet_pton(AF_INET, text, &in.sin_addr), 1);
        memcpy(&storage, &in, sizeof in);
    }
    return storage;
}

static const struct {
    const char *address;
    bool public;
} addresses[] = {
    {"93.184.216.34", true},
    {"1.1.1.1", true},
    {"9.255.255.255", true},
    {"11.0.0.0", true},
    {"100.63.255.255", true},
    {"100.128.0.0", true},
    {"172.15.255.255", true},
    {"172.32.0.0", true},
    {"198.20.0.0", true},
    {"223.255.255.255", true},
    {"0.0.0.0", false},
    {"0.1.2.3", false},
    {"10.0.0.1", false},
    {"100.64.0.0", false},
    {"100.127.255.255", false},
    {"127.0.0.1", false},
    {"127.255.255.254", false},
    {"169.254.169.254", false},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"192.0.0.1", false},
    {"192.0.2.1", false},
    {"192.88.99.1", false},
    {"192.168.255.255", false},
    {"198.18.0.1", false},
    {"198.19.255.255", false},
    {"198.51.100.1", false},
    {"203.0.113.1", false},
    {"224.0.0.1", false},
    {"239.255.255.255", false},
    {"240.0.0.1", false},
    {"255.255.255.255", false},
    {"2606:2800:220:1:248:1893:25c8:1946", true},
    {"2a00:1450:4001:80b::200e", true},
    {"2001:4860:4860::8888", true},
    {"::", false},
    {"::1", false},
    {"::ffff:127.0.0.1", false},
    {"::ffff:93.184.216.34", false}, /* a number of IPv4 goes by IPv4 */
    {"::127.0.0.1", false},
    {"64:ff9b::7f00:1", false},
    {"64:ff9b:1::1", false},
    {"100::1", false},
    {"2001::1", false}, /* Teredo */
    {"2001:1ff:ffff::1", false},
    {"2001:db8::1", false},
    {"2002:7f00:1::", false},
    {"3fff::1", false},
    {"4000::1", false},
    {"5f00::1", false},
    {"fc00::1", false},
    {"fd12:3456::1", false},
    {"fe80::1", false},
    {"fec0::1", false},
    {"ff02::1", false},
};

START_TEST(only_the_public_internet_is_public)
{
    struct sockaddr_storage address = address_of(addresses[_i].address, 80);
    ck_assert_msg(fetch_is_public((const struct sockaddr *)&address) == addresses[_i].public, "%s",
                  addresses[_i].address);
}
END_TEST

START_TEST(a_socket_of_the_machine_is_not_public)
{
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    ck_assert(!fetch_is_public((const struct sockaddr *)&address));
    ck_assert(!fetch_allowed("127.0.0.1", (const struct sockaddr *)&address));
}
END_TEST

static const struct {
    const char *list, *address;
    guint16 port;
    bool allowed;
} rules[] = {
    {"", "127.0.0.1", 80, false},
    {"127.0.0.1", "127.0.0.1", 80, true},
    {"127.0.0.1", "127.0.0.2", 80, false},
    {"127.0.0.1:8000", "127.0.0.1", 8000, true},
    {"127.0.0.1:8000", "127.0.0.1", 8001, false},
    {"10.0.0.5 [fd00::5]:81", "fd00::5", 81, true},
    {"10.0.0.5 [fd00::5]:81", "fd00::5", 82, false},
    {"fd00::5", "fd00::5", 82, true},
    {"127.0.0.1", "::ffff:127.0.0.1", 80, false},
    {"[::1]", "::1", 80, true},
};

START_TEST(what_is_allowed_is_named)
{
    struct sockaddr_storage address = address_of(rules[_i].address, rules[_i].port);
    ck_assert(fetch_list_is_good(rules[_i].list));
    ck_assert_int_eq(fetch_port((const struct sockaddr *)&address), rules[_i].port);
    ck_assert(fetch_allowed(rules[_i].list, (const struct sockaddr *)&address) ==
              rules[_i].allowed);
}
END_TEST

static const char *const bad_lists[] = {"localhost",       "127.0.0.1:",    "127.0.0.1:0",
                                        "127.0.0.1:65536", "10.0.0/8",      "[::1",
                                        "[::1]x",          "127.0.0.1:80x", "[1.2.3.4.5]"};

START_TEST(a_list_that_is_none)
{
    ck_assert_msg(!fetch_list_is_good(bad_lists[_i]), "%s", bad_lists[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fetch");
    TCase *tcase = tcase_create("addresses");
    tcase_add_loop_test(tcase, only_the_public_internet_is_public, 0, (int)G_N_ELEMENTS(addresses));
    tcase_add_test(tcase, a_socket_of_the_machine_is_not_public);
    tcase_add_loop_test(tcase, what_is_allowed_is_named, 0, (int)G_N_ELEMENTS(rules));
    tcase_add_loop_test(tcase, a_list_that_is_none, 0, (int)G_N_ELEMENTS(bad_lists));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
