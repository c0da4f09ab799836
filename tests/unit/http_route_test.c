/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which operation a method and a path find. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <string.h>

#include "bridge/core/request.h"
#include "bridge/http/route.h"
#include "tests/unit/unit.h"

static void handle(struct request *request)
{
    (void)request;
}

static const struct operation first[] = {
    {.method = "GET", .path = "/api/items", .handle = handle},
    {.method = "GET", .path = "/api/items/:item", .handle = handle},
    {.method = "DELETE", .path = "/api/items/:item", .handle = handle},
    {.method = "GET", .path = "/api/items/:id/parts/:part", .handle = handle},
    {.command = "only.websocket", .handle = handle},
    {.handle = NULL}};
static const struct operation second[] = {
    {.method = "GET", .path = "/api/items/me", .handle = handle},
    {.method = "POST", .path = "/api/items/me/parts", .handle = handle},
    {.handle = NULL}};
static const struct operation *const tables[] = {first, second, NULL};

static const struct {
    const char *method, *path;
    const struct operation *operation;
    const char *allow; /* NULL: no such path */
} cases[] = {
    {"GET", "/api/items", &first[0], "GET, HEAD"},
    {"HEAD", "/api/items", &first[0], "GET, HEAD"},
    {"GET", "/api/items/7", &first[1], "GET, HEAD, DELETE"},
    {"DELETE", "/api/items/7", &first[2], "GET, HEAD, DELETE"},
    {"PUT", "/api/items/7", NULL, "GET, HEAD, DELETE"},
    {"get", "/api/items/7", NULL, "GET, HEAD, DELETE"},
    {"GET", "/api/items/me", &second[0], "GET, HEAD"},
    {"DELETE", "/api/items/me", NULL, "GET, HEAD"},
    {"POST", "/api/items/me/parts", &second[1], "POST"},
    {"GET", "/api/items/me/parts/3", &first[3], "GET, HEAD"},
    {"GET", "/api/items/mee", &first[1], "GET, HEAD, DELETE"},
    {"GET", "/api/items/m", &first[1], "GET, HEAD, DELETE"},
    {"GET", "/api/items/", NULL, NULL},
    {"GET", "/api/items//parts/3", NULL, NULL},
    {"GET", "/api/items/7/parts", NULL, NULL},
    {"GET", "/api", NULL, NULL},
    {"GET", "/", NULL, NULL},
    {"GET", "", NULL, NULL},
    {"GET", "api/items", NULL, NULL},
    {"GET", "*", NULL, NULL},
    {"GET", "//api/items", NULL, NULL},
    {"GET", "/api/../api/items", NULL, NULL},
    {"GET", "/a/b/c/d/e/f/g/h/i/j/k", NULL, NULL},
};

START_TEST(paths_find_operations)
{
    struct routes *routes = routes_new(tables);
    struct route_match match;
    bool found = routes_find(routes, cases[_i].method, cases[_i].path, &match);
    ck_assert_int_eq(found, cases[_i].allow != NULL);
    if (found) {
        ck_assert_ptr_eq(match.operation, cases[_i].operation);
        ck_assert_str_eq(match.allow, cases[_i].allow);
    }
    routes_free(routes);
}
END_TEST

START_TEST(parameters_have_names_and_texts)
{
    struct routes *routes = routes_new(tables);
    struct route_match match;
    ck_assert(routes_find(routes, "GET", "/api/items/me/parts/a%2Fb", &match));
    ck_assert_uint_eq(match.parameter_count, 2);
    ck_assert_str_eq(match.parameters[0].name, "id");
    ck_assert_uint_eq(match.parameters[0].length, 2);
    ck_assert_str_eq(match.parameters[1].name, "part");
    ck_assert_str_eq(match.parameters[1].text, "a%2Fb");
    routes_free(routes);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("route");
    tcase_add_loop_test(tests, paths_find_operations, 0, (int)G_N_ELEMENTS(cases));
    tcase_add_test(tests, parameters_have_names_and_texts);
    Suite *suite = suite_create("http_route");
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
