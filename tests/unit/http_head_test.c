/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Request lines and headers, honest and hostile, as the HTTP server reads them. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "tests/unit/http_world.h"
#include "tests/unit/unit.h"

CLIENT_TEST(an_idempotency_key_has_two_spellings)
{
    static const struct {
        const char *key, *body;
        unsigned status;
    } cases[] = {
        {"abc", "\"abc\"", 201},
        {"\"abc\"", "\"abc\"", 201},
        {" \"abc\" ", "\"abc\"", 201},
        {"\"abc\";v=1", "\"abc\"", 201},
        {"\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\"", 201},
        {"\"a b;c\"", "\"a b;c\"", 201},
        {"\"abc", NULL, 400},
        {"\"abc\"d", NULL, 400},
        {"\"a\\bc\"", NULL, 400},
        {"\"", NULL, 400},
        {"\"\"", NULL, 422},
        {"", NULL, 422},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdup_printf(
            "POST /api/once HTTP/1.1\r\n" HOST AUTH "Idempotency-Key: %s\r\n\r\n", cases[i].key);
        struct reply *reply = ask(text);
        ck_assert_msg(reply->status == cases[i].status, "%s: %u", cases[i].key, reply->status);
        if (cases[i].body)
            ck_assert_str_eq(reply->body, cases[i].body);
    }
    g_autofree char *filler = g_strnfill(129, 'x');
    g_autofree char *text = g_strdup_printf(
        "POST /api/once HTTP/1.1\r\n" HOST AUTH "Idempotency-Key: %s\r\n\r\n", filler);
    ck_assert_uint_eq(ask(text)->status, 422);
    ck_assert_str_eq(ask("POST /api/once HTTP/1.1\r\n" HOST AUTH "\r\n")->body, "null");
    /* Where it stands in for a member, both must agree. */
    ck_assert_str_eq(
        post("{\"content\":\"hi\",\"client_id\":\"k1\"}", JSON "Idempotency-Key: \"k1\"\r\n")->body,
        "{\"values\":[\"hi\",\"k1\"]}");
    struct reply *reply =
        post("{\"content\":\"hi\",\"client_id\":\"k1\"}", JSON "Idempotency-Key: k2\r\n");
    ck_assert_uint_eq(reply->status, 422);
    ck_assert_ptr_nonnull(strstr(reply->body, "\"pointer\":\"/client_id\""));
    ck_assert_uint_eq(
        post("{\"content\":\"hi\",\"client_id\":null}", JSON "Idempotency-Key: k2\r\n")->status,
        201);
    ck_assert_uint_eq(
        ask("GET /api/now HTTP/1.1\r\n" HOST AUTH "Idempotency-Key: \"\r\n\r\n")->status, 200);
}

CLIENT_TEST(one_path_has_many_spellings)
{
    static const struct {
        const char *head;
        unsigned status;
    } cases[] = {
        {"GET /%61pi/%6eo%77 HTTP/1.1\r\n" HOST AUTH, 200},
        {"GET /api/items/%6De HTTP/1.1\r\n" HOST AUTH, 201},
        {"GET /api/items/%6D%65?%6Cimit=1 HTTP/1.1\r\n" HOST AUTH, 422}, /* known, and not here */
        {"GET /api/items/x?%6Cimit=1 HTTP/1.1\r\n" HOST AUTH, 200},
        {"GET /api/%2e%2e/api/now HTTP/1.1\r\n" HOST AUTH, 404},
        {"GET /api%2Fnow HTTP/1.1\r\n" HOST AUTH, 404},
        {"GET http://localhost/api/now HTTP/1.1\r\n" HOST AUTH, 200},
        {"GET HTTP://LOCALHOST:80/api/now HTTP/1.1\r\n" HOST AUTH, 200},
        {"GET http://localhost./api/items/x?limit=1 HTTP/1.1\r\nHost: localhost:80\r\n" AUTH, 200},
        {"GET https://localhost/api/now HTTP/1.1\r\nHost: localhost:443\r\n" AUTH, 200},
        {"GET http://[::1]:8080/api/now HTTP/1.1\r\nHost: [0:0:0::1]:8080\r\n" AUTH, 200},
        {"GET http://localhost HTTP/1.1\r\n" HOST AUTH, 404},
        {"OPTIONS * HTTP/1.1\r\n" HOST, 204},
        {"GET /%77s HTTP/1.1\r\n" HOST, 400},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strconcat(cases[i].head, "\r\n", NULL);
        unsigned status = ask(text)->status;
        ck_assert_msg(status == cases[i].status, "%s: %u", cases[i].head, status);
    }
}

static const struct {
    const char *text;
    size_t length;
} hostile[] = {
#define HOSTILE(text)                                                                              \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }
    HOSTILE("GET /api/now HTTP/1.1\r\n" AUTH "\r\n"), /* no Host */
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST HOST AUTH "\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.0\r\n" HOST AUTH JSON
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: chunked\nContent-Length: 2\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}"),
    HOSTILE("GET /api/now HTTP/1.1\r\nHost: local host\r\n" AUTH "\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\nHost: localhost/x\r\n" AUTH "\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\nHost: a, b\r\n" AUTH "\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\nHost: localhost:x\r\n" AUTH "\r\n"),
    HOSTILE("GET http://user@localhost/api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET http:///api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET http://localhost:81/api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET ftp://localhost/api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET * HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("CONNECT localhost:80 HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Transfer-Encoding: xchunked\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: +2\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: -1\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: 0x2\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: 2, 2\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length:\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length : 2\r\n\r\n{}"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON
            "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "X: a\r\n Content-Length: 2\r\n\r\n{}"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "X: a\r\n\tb\r\n\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n X: a\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\n" HOST AUTH "\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\nHost: localhost\n" AUTH "\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST "Authorization: Bearer known\n\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "X: a\0b\r\n\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "X\0Y: a\r\n\r\n"),
    HOSTILE("POST /api/now HTTP/1.1\r\n" HOST AUTH "X: a\0\r\nContent-Length: 2\r\n\r\n{}"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "X: a\rb\r\n\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "X Y: a\r\n\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH ": a\r\n\r\n"),
    HOSTILE("GET /api/now HTTP/1.1\r\n" HOST AUTH "no colon\r\n\r\n"),
    HOSTILE("GET /api/now\0x HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET /api/\x01now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("GET http://other/api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
    HOSTILE("G@T /api/now HTTP/1.1\r\n" HOST AUTH "\r\n"),
};

static int hostile_index;

static void hostile_client(void)
{
    int fd = dial();
    put(fd, hostile[hostile_index].text, hostile[hostile_index].length);
    say(fd, GET_NOW); /* what was smuggled must not be answered */
    struct reply *reply = hear(fd);
    ck_assert_msg(reply->status == 400, "case %d: %u %s", hostile_index, reply->status,
                  reply->head);
    /* libmicrohttpd 0.9.75 repeats the head of its own answer to a bad Content-Length. */
    char rest[4096] = "";
    size_t length = 0;
    while (length < sizeof rest - 1 && get_byte(fd, &rest[length]))
        length++;
    ck_assert_ptr_null(strstr(rest, "HTTP/1.1 2"));
    close(fd);
}

START_TEST(hostile_heads_are_answered_with_400_and_the_end)
{
    hostile_index = _i;
    run_client(hostile_client);
}
END_TEST

CLIENT_TEST(ancient_and_broken_request_lines_end_the_connection)
{
    static const char *const lines[] = {
        "GET\r\n\r\n", "GET /api/now\r\n\r\n", "\x16\x03\x01 x y\r\n\r\n",
        "GET /api/now HTTP/2.0\r\n" HOST "\r\n", "GET /a b HTTP/1.1\r\n" HOST "\r\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        int fd = dial();
        say(fd, lines[i]);
        unsigned status = hear(fd)->status;
        ck_assert_msg(status == 0 || status >= 400, "line %zu: %u", i, status);
        if (status > 0)
            ck_assert(has_ended(fd));
        close(fd);
    }
}

/* A problem of ours, with that code, and the end of the connection. */
static void assert_refused(const char *text, unsigned status, const char *code)
{
    int fd = dial();
    g_autofree char *member = g_strdup_printf("\"code\":\"%s\"", code);
    say(fd, text);
    struct reply *reply = hear(fd);
    ck_assert_msg(reply->status == status, "%.100s: %u", text, reply->status);
    ck_assert_ptr_nonnull(strstr(reply->head, "Content-Type: application/problem+json\r\n"));
    ck_assert_msg(strstr(reply->body, member) != NULL, "%s", reply->body);
    ck_assert(has_ended(fd));
    close(fd);
}

CLIENT_TEST(large_heads_are_refused)
{
    static const size_t sizes[] = {17000, 20000, 24000, 40000};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *filler = g_strnfill(sizes[i], 'x');
        g_autofree char *text =
            g_strdup_printf("GET /api/now HTTP/1.1\r\n" HOST AUTH "X: %s\r\n\r\n", filler);
        g_autofree char *target =
            g_strdup_printf("GET /api/items/%s HTTP/1.1\r\n" HOST AUTH "\r\n", filler);
        if (sizes[i] < 22528) {
            assert_refused(text, 431, "headers_too_large");
            assert_refused(target, 414, "target_too_long");
        } else { /* the library's own: it has no more memory, because it clears all it has */
            ck_assert_uint_eq(ask(text)->status, 431);
            ck_assert_uint_eq(ask(target)->status, 414);
        }
    }
    g_autoptr(GString) many = g_string_new("GET /api/now HTTP/1.1\r\n" HOST AUTH);
    for (int i = 0; i < 70; i++)
        g_string_append_printf(many, "X-%d: y\r\n", i);
    assert_refused(g_string_append(many, "\r\n")->str, 431, "headers_too_large");
    g_autofree char *token = g_strnfill(8192, 'x');
    g_autofree char *fits =
        g_strdup_printf("GET /api/now HTTP/1.1\r\n" HOST "Authorization: Bearer %s\r\n\r\n", token);
    ck_assert_uint_eq(ask(fits)->status, 401);
}

CLIENT_TEST(largest_heads_are_read)
{
    g_autoptr(GString) text = g_string_new("GET /api/now HTTP/1.1\r\n" HOST AUTH);
    for (int i = 0; i < 60; i++)
        g_string_append_printf(text, "X-%d: y\r\n", i);
    g_autofree char *filler = g_strnfill(16380 - text->len - strlen("X: \r\n\r\n"), 'x');
    g_string_append_printf(text, "X: %s\r\n\r\n", filler);
    ck_assert_uint_eq(ask(text->str)->status, 200);
}

/* A list may come in several lines, with others between. */
CLIENT_TEST(lists_are_read_to_their_last_line)
{
    struct reply *reply =
        ask("GET /ws HTTP/1.1\r\n" HOST "Connection: keep-alive\r\nUpgrade: h2c\r\nX: y\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: other\r\n"
            "Sec-WebSocket-Protocol: trestle.v1\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    ck_assert_uint_eq(reply->status, 101);
    ck_assert_ptr_nonnull(strstr(reply->head, "Sec-WebSocket-Protocol: trestle.v1\r\n"));
    reply = ask("PUT /api/raw HTTP/1.1\r\n" HOST AUTH "If-None-Match: \"x\"\r\n"
                "If-None-Match: \"abc\"\r\nContent-Length: 3\r\n\r\nabc");
    ck_assert_uint_eq(reply->status, 304);
    reply = ask("GET /api/now HTTP/1.1\r\n" HOST AUTH "Cookie: a=b\r\nCookie: c=d\r\n"
                "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n"
                "Accept: text/html\r\nAccept: application/json\r\n\r\n");
    ck_assert_uint_eq(reply->status, 200);
}

int main(void)
{
    const TTest *const tests[] = {
        an_idempotency_key_has_two_spellings,
        one_path_has_many_spellings,
        lists_are_read_to_their_last_line,
        ancient_and_broken_request_lines_end_the_connection,
        large_heads_are_refused,
        largest_heads_are_read,
    };
    TCase *tcase = world_case("http_head", tests, G_N_ELEMENTS(tests));
    tcase_add_loop_test(tcase, hostile_heads_are_answered_with_400_and_the_end, 0,
                        (int)G_N_ELEMENTS(hostile));
    Suite *result = suite_create("http_head");
    suite_add_tcase(result, tcase);
    return unit_run(result);
}
