/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From where a request comes, as proxies write it. What cannot be read is never "from nowhere". */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/http/caller.h"
#include "tests/unit/unit.h"

static guint64 plain(const char *text)
{
    return limit_address_text(text, strlen(text));
}

START_TEST(what_stands_around_an_address_is_taken_off)
{
    static const char *const v4[] = {
        "203.0.113.7",           "203.0.113.7:49152",         "203.0.113.7:_hidden",
        " 203.0.113.7\t",        "10.0.0.1, 203.0.113.7",     "x,203.0.113.7:1",
        "\"203.0.113.7:47011\"", "\"203.0.113.7\"",           "[203.0.113.7]:80",
        "::ffff:203.0.113.7",    "[::ffff:203.0.113.7]:8080", "[::FFFF:CB00:7107]",
        "unknown, 203.0.113.7",  "\"[::ffff:203.0.113.7]\"",
    };
    static const char *const v6[] = {
        "2001:db8:0:1::7",
        "[2001:db8:0:1::7]",
        "[2001:db8:0:1::7]:443",
        "\"[2001:db8:0:1::9]:443\"",
        "2001:DB8:0:1::7",
        "2001:db8:0:1::7%eth0",
        "[2001:db8:0:1::7%25eth0]:443",
        "[2001:db8:0:1::7]:_x",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(v4); i++)
        ck_assert_msg(caller_of_forwarded(v4[i]) == plain("203.0.113.7"), "%s", v4[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(v6); i++)
        ck_assert_msg(caller_of_forwarded(v6[i]) == plain("2001:db8:0:1::1"), "%s", v6[i]);
}
END_TEST

static const char *const unreadable[] = {
    "",
    " ",
    ",",
    "203.0.113.7,",
    "203.0.113.7, ",
    "unknown",
    "_obfuscated",
    "203.0.113.7, _SEVKISEK",
    "203.0.113.7:",
    "203.0.113.7:http",
    "203.0.113.7:80:90",
    "203.0.113",
    "203.0.113.7 8",
    "[2001:db8::7",
    "[2001:db8::7]x",
    "[2001:db8::7]:",
    "2001:db8::7]",
    "\"203.0.113.7",
    "[]",
    "[]:80",
    ":80",
    "\"",
    "\"\"",
    "203.0.113.7%eth0",
    "%eth0",
    "for=203.0.113.7",
    "app.example.org",
    "203.0.113.7;proto=https",
};

START_TEST(what_is_no_address_is_none)
{
    g_autofree char *endless = g_strnfill(3000, 'x');
    ck_assert(caller_of_forwarded(endless) == 0);
    for (size_t i = 0; i < G_N_ELEMENTS(unreadable); i++)
        ck_assert_msg(caller_of_forwarded(unreadable[i]) == 0, "%s", unreadable[i]);
}
END_TEST

static guint64 count_for(const char *peer, const char *forwarded, bool *ret_silent)
{
    static const char *const words[] = {"127.0.0.1", "192.0.2.80", "2001:db8::80", NULL};
    g_autoptr(GArray) proxies = proxies_new(words);
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, peer, &v4.sin_addr) == 1)
        return caller_address(proxies, (struct sockaddr *)&v4, forwarded, ret_silent);
    ck_assert_int_eq(inet_pton(AF_INET6, peer, &v6.sin6_addr), 1);
    return caller_address(proxies, (struct sockaddr *)&v6, forwarded, ret_silent);
}

START_TEST(a_proxy_that_hides_the_client_counts_itself)
{
    static const char *const peers[] = {"127.0.0.1", "192.0.2.80", "::ffff:192.0.2.80",
                                        "2001:db8::80"};
    bool silent;
    for (size_t i = 0; i < G_N_ELEMENTS(peers); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(unreadable); j++) {
            ck_assert(count_for(peers[i], unreadable[j], &silent) == plain(peers[i]) && silent);
            ck_assert(plain(peers[i]) != 0);
        }
        ck_assert(count_for(peers[i], NULL, &silent) == plain(peers[i]) && silent);
        ck_assert(count_for(peers[i], "203.0.113.7:1", &silent) == plain("203.0.113.7") && !silent);
    }
}
END_TEST

START_TEST(only_a_proxy_is_believed)
{
    static const char *const others[] = {"192.0.2.81", "2001:db8::81", "2001:db8::8"};
    bool silent;
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        ck_assert_msg(count_for(others[i], "203.0.113.7", &silent) == plain(others[i]) && !silent,
                      "%s", others[i]);
    ck_assert(count_for("::1", "203.0.113.7", &silent) == 0 && !silent); /* loopback, not named */
    ck_assert(count_for("127.0.0.2", NULL, &silent) == 0 && !silent);
}
END_TEST

UNIT_MAIN("http_caller", what_stands_around_an_address_is_taken_off, what_is_no_address_is_none,
          a_proxy_that_hides_the_client_counts_itself, only_a_proxy_is_believed)
