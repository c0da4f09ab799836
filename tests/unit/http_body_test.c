/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies, whole and in chunks, as clients of the HTTP server send them. */
#include "config.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/http_fake_core.h"
#include "tests/unit/http_world.h"
#include "tests/unit/unit.h"

CLIENT_TEST(raw_bodies_and_replies_pass_unchanged)
{
    int fd = dial();
    g_autofree char *most = g_strnfill(200000, '\x01');
    g_autofree char *head = g_strdup_printf("PUT /api/raw HTTP/1.1\r\n" HOST AUTH
                                            "Content-Type: image/png\r\nContent-Length: %u\r\n\r\n",
                                            200000u);
    say(fd, head);
    put(fd, most, 200000);
    struct reply *reply = hear(fd);
    ck_assert_uint_eq(reply->status, 200);
    ck_assert_ptr_nonnull(strstr(reply->head, "Content-Type: image/png\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "ETag: \"abc\"\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "X-Content-Type-Options: nosniff\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->head, "immutable"));
    ck_assert_str_eq(reply->body, most);
    close(fd);
    reply = ask("PUT /api/raw HTTP/1.1\r\n" HOST AUTH
                "If-None-Match: \"x\", \"abc\"\r\nContent-Length: 3\r\n\r\nabc");
    ck_assert_uint_eq(reply->status, 304);
    ck_assert_str_eq(reply->body, "");
    reply = ask("PUT /api/raw HTTP/1.1\r\n" HOST AUTH
                "Expect: 100-continue\r\nContent-Length: 400001\r\n\r\n");
    ck_assert_uint_eq(reply->status, 413);
    reply = ask("PUT /api/raw HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\na");
    ck_assert_uint_eq(reply->status, 401);
}

#define UPLOAD(path) "PUT " path " HTTP/1.1\r\n" HOST AUTH "Content-Type: image/png\r\n"

static struct reply *upload(const char *path, char fill, size_t length)
{
    int fd = dial();
    g_autofree char *bytes = g_strnfill(length, fill);
    g_autofree char *head = g_strdup_printf(
        "PUT %s HTTP/1.1\r\n" HOST AUTH "Content-Length: %zu\r\n\r\n", path, length);
    say(fd, head);
    put(fd, bytes, length);
    struct reply *reply = hear(fd);
    say(fd, GET_NOW); /* the next request begins where the body ends */
    static struct reply first;
    first = *reply;
    ck_assert_uint_eq(hear(fd)->status, 200);
    close(fd);
    return &first;
}

static void await_uploads(unsigned count)
{
    while (fake_core_uploads() != count)
        ck_assert_uint_eq(ask(GET_NOW)->status, 200);
}

CLIENT_TEST(bodies_are_read_as_fast_as_they_are_taken)
{
    g_autofree char *most = g_strnfill(200000, 'a');
    struct reply *reply = upload("/api/sip", 'a', 200000);
    ck_assert_uint_eq(reply->status, 200);
    ck_assert_str_eq(reply->body, most);
    reply = upload("/api/later", 'a', 200000);
    ck_assert_uint_eq(reply->status, 200);
    ck_assert_str_eq(reply->body, most);
    ck_assert_uint_eq(upload("/api/raw", 'a', 0)->status, 200);
    ck_assert_uint_eq(upload("/api/later", 'a', 0)->status, 200);
    /* Nothing is taken: the client waits, others do not. */
    int fd = dial();
    say(fd, UPLOAD("/api/stuck") "Content-Length: 400000\r\n\r\naaaa");
    await_uploads(1);
    ck_assert_int_eq(fake_core_upload_end(), -1);
    ck_assert_uint_eq(ask(GET_NOW)->status, 200);
    close(fd);
}

CLIENT_TEST(nobody_reads_the_body_of_a_stranger)
{
    static const char *const heads[] = {"Authorization: Bearer bad\r\n", "",
                                        "Authorization: Bearer key\r\n"};
    static const unsigned statuses[] = {401, 401, 403};
    for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
        g_autofree char *waits =
            g_strdup_printf("PUT /api/raw HTTP/1.1\r\n" HOST "%sExpect: 100-continue\r\n"
                            "Content-Length: 3000\r\n\r\n",
                            heads[i]);
        ck_assert_uint_eq(ask(waits)->status, statuses[i]);
        g_autofree char *rest = g_strnfill(3000, 'a');
        g_autofree char *whole = g_strdup_printf(
            "PUT /api/raw HTTP/1.1\r\n" HOST "%sContent-Length: 3000\r\n\r\n%s", heads[i], rest);
        ck_assert_uint_eq(ask(whole)->status, statuses[i]);
    }
    ck_assert_int_eq(fake_core_upload_end(), 0); /* none has begun */
    int fd = dial();
    say(fd, "PUT /api/raw HTTP/1.1\r\n" HOST "Authorization: Bearer later\r\n"
            "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    ck_assert_uint_eq(hear(fd)->status, 100); /* who may send it is asked to */
    say(fd, "abc");
    ck_assert_str_eq(hear(fd)->body, "abc");
    close(fd);
}

CLIENT_TEST(a_body_may_be_refused_in_the_middle)
{
    ck_assert_uint_eq(upload("/api/disliked", 'a', 200000)->status, 409);
    g_autofree char *large = g_strnfill(300000, 'x');
    g_autofree char *text = g_strdup_printf(UPLOAD("/api/raw") "Transfer-Encoding: chunked\r\n\r\n"
                                                               "%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n",
                                            300000u, large, 300000u, large);
    struct reply *reply = ask(text);
    ck_assert_uint_eq(reply->status, 413);
    ck_assert_ptr_nonnull(strstr(reply->body, "\"limit\":400000"));
    ck_assert_int_eq(fake_core_upload_end(), ERROR_TOO_LARGE);
    reply = ask(UPLOAD("/api/raw") "Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
                                   "3\r\nabc\r\n0\r\n\r\n");
    ck_assert_uint_eq(reply->status, 415);
}

CLIENT_TEST(a_body_that_breaks_off_is_told)
{
    static const char *const bodies[] = {
        "Content-Length: 1000\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3e8\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0",
    };
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(bodies); i++) {
        int fd = dial();
        say(fd, UPLOAD("/api/raw"));
        say(fd, bodies[i / 2]);
        await_uploads(1);
        if (i % 2)
            shutdown(fd, SHUT_WR); /* and still listens */
        else
            close(fd);
        await_uploads(0);
        ck_assert_msg(fake_core_upload_end() != ERROR_NONE, "body %zu was taken for whole", i);
        if (i % 2)
            close(fd);
    }
}

CLIENT_TEST(a_slow_body_is_cut_by_its_rate)
{
    int fd = dial(), slow = dial();
    g_autofree char *much = g_strnfill(300000, 'a');
    say(fd, UPLOAD("/api/raw") "Content-Length: 300001\r\n\r\n");
    await_uploads(1);
    put(fd, much, 300000);
    wait_for(14);
    say(fd, "b");
    ck_assert_uint_eq(hear(fd)->status, 200);
    say(slow, UPLOAD("/api/raw") "Content-Length: 300000\r\n\r\n");
    await_uploads(1);
    wait_for(10);
    put(slow, much, 200000); /* too little: the time goes on */
    wait_for(7);
    ck_assert_uint_eq(hear(slow)->status, 408);
    await_uploads(0);
    ck_assert_int_eq(fake_core_upload_end(), ERROR_UPLOAD_TIMEOUT);
    close(fd);
    close(slow);
}

CLIENT_TEST(bodies_are_checked)
{
    ck_assert_str_eq(post("{\"content\":\"hi\"}", JSON)->body, "{\"values\":[\"hi\",null]}");
    ck_assert_str_eq(post("{\"content\":\"hi\"}", JSON "Idempotency-Key: k1\r\n")->body,
                     "{\"values\":[\"hi\",\"k1\"]}");
    ck_assert_uint_eq(
        post("{\"content\":\"hi\"}", "Content-Type: application/json; charset=utf-8\r\n")->status,
        201);
    ck_assert_uint_eq(post("{\"content\":\"hi\"}", "Content-Type: text/plain\r\n")->status, 415);
    ck_assert_uint_eq(post("{\"content\":\"hi\"", JSON)->status, 400);
    ck_assert_uint_eq(post("{\"content\":\"\xff\"}", JSON)->status, 400);
    ck_assert_uint_eq(post("{\"content\":\"a\\u0000b\"}", JSON)->status, 422);
    ck_assert_uint_eq(post("{\"content\":\"\\ud800\"}", JSON)->status, 422);
    ck_assert_uint_eq(post("{\"content\":\"a\",\"content\":\"b\"}", JSON)->status, 400);
    ck_assert_uint_eq(post("{\"content\":\"a\",\"more\":1}", JSON)->status, 422);
    ck_assert_uint_eq(post("[]", JSON)->status, 422);
    ck_assert_uint_eq(post("{}", JSON)->status, 422);
    ck_assert_uint_eq(ask("POST /api/now HTTP/1.1\r\n" HOST AUTH "\r\n")->status, 422);
    g_autofree char *deep = g_strnfill(100000, '[');
    ck_assert_uint_eq(post(deep, JSON)->status, 400);
    g_autofree char *large = g_strnfill(150000, 'x');
    g_autofree char *body = g_strdup_printf("{\"content\":\"%s\"}", large);
    ck_assert_uint_eq(post(body, JSON)->status, 201);
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

#define CHUNKED "POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Transfer-Encoding: chunked\r\n\r\n"

CLIENT_TEST(chunked_bodies_are_read_and_end_the_connection)
{
    static const char *const bodies[] = {
        "10\r\n{\"content\":\"hi\"\r\n1\r\n}\r\n0\r\n\r\n",
        "1\r\n{\r\n00010\r\n\"content\":\"hi\"}\r\n0\r\n\r\n",
        "11;name=\"value\"\r\n{\"content\":\"hi\"}\r\n0\r\nTrailer: x\r\n\r\n",
        "e\r\n{\"content\":\"hi\r\n2\r\n\"}\r\n000\r\n\r\n",
    };
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(bodies); i++) {
        int fd = dial();
        const char *body = bodies[i / 2];
        say(fd, CHUNKED);
        for (const char *p = body; i % 2 && *p; p++)
            put(fd, p, 1);
        if (i % 2 == 0)
            say(fd, body);
        say(fd, GET_NOW);
        struct reply *reply = hear(fd);
        ck_assert_msg(reply->status == 201, "body %zu: %u %s", i, reply->status, reply->body);
        ck_assert_str_eq(reply->body, "{\"values\":[\"hi\",null]}");
        ck_assert_ptr_nonnull(strstr(reply->head, "Connection: close\r\n"));
        ck_assert(has_ended(fd));
        close(fd);
    }
    struct reply *reply =
        ask("GET /api/now HTTP/1.1\r\n" HOST AUTH "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n");
    ck_assert_uint_eq(reply->status, 200);
    reply =
        ask("PUT /api/raw HTTP/1.1\r\n" HOST AUTH
            "Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    ck_assert_uint_eq(reply->status, 200);
    ck_assert_str_eq(reply->body, "abc");
}

CLIENT_TEST(chunked_bodies_are_held_to_the_same_ceilings)
{
    g_autofree char *large = g_strnfill(300000, 'x');
    g_autofree char *text = g_strdup_printf(CHUNKED "%x\r\n%s\r\n0\r\n\r\n", 300000u, large);
    struct reply *reply = ask(text);
    ck_assert_uint_eq(reply->status, 413);
    ck_assert_ptr_nonnull(strstr(reply->body, "\"limit\":262144"));
    reply = ask("POST /api/now HTTP/1.1\r\n" HOST AUTH "Content-Type: text/plain\r\n"
                "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
    ck_assert_uint_eq(reply->status, 415);
    reply = ask("POST /api/now HTTP/1.1\r\n" HOST JSON
                "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
    ck_assert_uint_eq(reply->status, 401);
    /* Without an end: read to be ignored for a while, then told in the middle. */
    int fd = dial();
    say(fd, CHUNKED);
    for (int i = 0; i < 40; i++) {
        say(fd, "493e0\r\n");
        put(fd, large, 300000);
        say(fd, "\r\n");
    }
    ck_assert(hear(fd)->status != 201);
    ck_assert(has_ended(fd));
    close(fd);
}

CLIENT_TEST(malformed_chunks_smuggle_nothing)
{
    static const char *const bodies[] = {
        "5\n{\"con\ntent\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "2;\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        " 2\r\n{}\r\n0\r\n\r\n",
        "2 \r\n{}\r\n0\r\n\r\n",
        "\r\n2\r\n{}\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\n\n",
        "2\r\n{}\r\n0\r\nX\r\n\r\n",
        "2\r\n{}\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n",
        ";\r\n\r\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        int fd = dial();
        say(fd, CHUNKED);
        say(fd, bodies[i]);
        say(fd, GET_NOW);
        shutdown(fd, SHUT_WR);
        g_autoptr(GString) heard = g_string_new(NULL);
        char byte;
        while (get_byte(fd, &byte))
            g_string_append_c(heard, byte);
        ck_assert_msg(!strstr(heard->str, "HTTP/1.1 2"), "body %zu: %s", i, heard->str);
        close(fd);
    }
}

CLIENT_TEST(promised_bodies_are_counted)
{
    int fds[4];
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = dial();
        say(fds[i], "POST /api/now HTTP/1.1\r\n" HOST AUTH JSON "Content-Length: 262144\r\n\r\n{");
    }
    while (metric_get(METRIC_HTTP_BODIES) < 1048576)
        ck_assert_uint_eq(ask(GET_NOW)->status, 200);
    ck_assert_uint_eq(post("{\"content\":\"hi\"}", JSON)->status, 503);
    ck_assert_uint_eq(ask(CHUNKED "2\r\n{}\r\n0\r\n\r\n")->status, 503);
    close(fds[0]);
    while (metric_get(METRIC_HTTP_BODIES) == 1048576)
        ck_assert_uint_eq(ask(GET_NOW)->status, 200);
    ck_assert_uint_eq(post("{\"content\":\"hi\"}", JSON)->status, 201);
    for (size_t i = 1; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
    while (metric_get(METRIC_HTTP_BODIES) > 0)
        ck_assert_uint_eq(ask(GET_NOW)->status, 200);
}

CLIENT_TEST(encoded_bodies_are_not_guessed_at)
{
    struct reply *reply = post("{\"content\":\"hi\"}", JSON "Content-Encoding: gzip\r\n");
    ck_assert_uint_eq(reply->status, 415);
    ck_assert_ptr_nonnull(strstr(reply->head, "Accept-Encoding: identity\r\n"));
    ck_assert_ptr_nonnull(strstr(reply->body, "\"supported\":[\"identity\"]"));
    ck_assert_uint_eq(
        post("{}", JSON "Content-Encoding: identity\r\nContent-Encoding: br\r\n")->status, 415);
    ck_assert_uint_eq(post("{\"content\":\"hi\"}", JSON "Content-Encoding: Identity\r\n")->status,
                      201);
    reply = post("content=hi", "Content-Type: application/x-www-form-urlencoded\r\n");
    ck_assert_uint_eq(reply->status, 415);
    ck_assert_ptr_nonnull(strstr(reply->body, "\"supported\":[\"application/json\"]"));
    ck_assert_uint_eq(ask("PUT /api/raw HTTP/1.1\r\n" HOST AUTH
                          "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")
                          ->status,
                      415);
}

int main(void)
{
    const TTest *const tests[] = {
        raw_bodies_and_replies_pass_unchanged,
        bodies_are_read_as_fast_as_they_are_taken,
        nobody_reads_the_body_of_a_stranger,
        a_body_may_be_refused_in_the_middle,
        a_body_that_breaks_off_is_told,
        a_slow_body_is_cut_by_its_rate,
        bodies_are_checked,
        chunked_bodies_are_read_and_end_the_connection,
        chunked_bodies_are_held_to_the_same_ceilings,
        malformed_chunks_smuggle_nothing,
        promised_bodies_are_counted,
        encoded_bodies_are_not_guessed_at,
    };
    TCase *tcase = world_case("http_body", tests, G_N_ELEMENTS(tests));
    Suite *result = suite_create("http_body");
    suite_add_tcase(result, tcase);
    return unit_run(result);
}
