/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our cookie among others', and secrets. */
#include "config.h"

#include <string.h>

#include "bridge/account/secret.h"
#include "bridge/http/cookie.h"
#include "tests/unit/unit.h"

#define SECRET "0123456789012345678901234567890123456789-_Z"

static enum cookie_result find(const char *header)
{
    char value[SECRET_LENGTH + 1] = "";
    enum cookie_result result = cookie_find(header, value);
    if (result == COOKIE_FOUND)
        ck_assert_str_eq(value, SECRET);
    return result;
}

START_TEST(found_among_others)
{
    static const char *const headers[] = {
        COOKIE_NAME "=" SECRET,
        "a=b; " COOKIE_NAME "=" SECRET,
        "a=b;" COOKIE_NAME "=" SECRET ";c=d",
        "  ;; ; " COOKIE_NAME "=" SECRET " \t; c",
        "=; x; y=\"quoted; " COOKIE_NAME "=" SECRET,
        "x" COOKIE_NAME "=bad; " COOKIE_NAME "=" SECRET "; " COOKIE_NAME "2=bad",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++)
        ck_assert_msg(find(headers[i]) == COOKIE_FOUND, "%s", headers[i]);
}
END_TEST

START_TEST(not_there)
{
    static const char *const headers[] = {
        "",
        ";",
        "a=b",
        COOKIE_NAME,
        COOKIE_NAME ";",
        "a=" COOKIE_NAME "=" SECRET,
        "Trestle_Session=" SECRET,
        COOKIE_NAME " =" SECRET,
        "\"" COOKIE_NAME "\"=" SECRET,
    };
    ck_assert_int_eq(find(NULL), COOKIE_NONE);
    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++)
        ck_assert_msg(find(headers[i]) == COOKIE_NONE, "%s", headers[i]);
}
END_TEST

START_TEST(bad_ones)
{
    static const char *const headers[] = {
        COOKIE_NAME "=",
        COOKIE_NAME "= " SECRET,
        COOKIE_NAME "=" SECRET "x",
        COOKIE_NAME "=\"" SECRET "\"",
        COOKIE_NAME "=012345678901234567890123456789012345678\xc3\xa9zz",
        COOKIE_NAME "=0123456789012345678901234567890123456789'--",
        COOKIE_NAME "=" SECRET "; " COOKIE_NAME "=" SECRET,
        COOKIE_NAME "=" SECRET ";" COOKIE_NAME "=",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++)
        ck_assert_msg(find(headers[i]) == COOKIE_BAD, "%s", headers[i]);
    g_autofree char *long_value = g_strnfill(8192, 'a');
    g_autofree char *long_header = g_strconcat(COOKIE_NAME "=", long_value, NULL);
    ck_assert_int_eq(find(long_header), COOKIE_BAD);
}
END_TEST

START_TEST(many_cookies)
{
    g_autoptr(GString) header = g_string_new(NULL);
    for (int i = 0; i < 1000; i++)
        g_string_append_printf(header, "c%d=%d; ", i, i);
    ck_assert_int_eq(find(header->str), COOKIE_NONE);
    g_string_append(header, COOKIE_NAME "=" SECRET);
    ck_assert_int_eq(find(header->str), COOKIE_FOUND);
}
END_TEST

START_TEST(secrets)
{
    g_autofree char *one = secret_new(), *two = secret_new();
    ck_assert(secret_is_possible(one, strlen(one)));
    ck_assert_str_ne(one, two);
    struct uuid a = secret_digest(one), b = secret_digest(two);
    ck_assert(!uuid_equal(&a, &b));
    g_autofree char *csrf = secret_csrf(one), *again = secret_csrf(one), *other = secret_csrf(two);
    ck_assert(secret_equal(csrf, again));
    ck_assert(!secret_equal(csrf, other));
    ck_assert(!secret_equal(csrf, one));
    ck_assert(!secret_equal(csrf, NULL));
    ck_assert(!secret_equal(NULL, NULL));
    ck_assert(!secret_equal(csrf, ""));
    csrf[SECRET_LENGTH - 1] = '\0';
    ck_assert(!secret_equal(csrf, again));
}
END_TEST

UNIT_MAIN("http_cookie", found_among_others, not_there, bad_ones, many_cookies, secrets)
