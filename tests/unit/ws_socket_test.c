/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client sees: signing in, commands, limits, closing, slow readers, heartbeat. */
#include "config.h"

#include <string.h>
#include <sys/socket.h>

#include "bridge/base/clock.h"
#include "bridge/base/metrics.h"
#include "tests/unit/unit.h"
#include "tests/unit/ws_world.h"

START_TEST(auth_frame_is_greeted)
{
    world_begin();
    struct client *client = client_new(NULL, NULL, 0);
    client_text(client, "{\"type\":\"auth\",\"id\":7,\"payload\":{\"token\":\"good\"}}");
    json_t *hello = client_json(client, "hello");
    json_t *payload = json_object_get(hello, "payload");
    ck_assert_str_eq(json_string_value(json_object_get(hello, "cursor")), "e-100");
    ck_assert_int_eq(json_integer_value(json_object_get(hello, "id")), 7);
    ck_assert_str_eq(json_string_value(json_object_get(payload, "cursor")), "e-100");
    ck_assert_int_eq(json_integer_value(json_object_get(payload, "heartbeat")), 30);
    ck_assert_uint_eq(json_string_length(json_object_get(payload, "session")), 36);
    ck_assert(json_is_object(json_object_get(payload, "user")));
    json_decref(hello);
    client_text(client, "{\"type\":\"auth\",\"payload\":{\"token\":\"good\",\"cursor\":\"e-1\"}}");
    client_expect_error(client, "conflict");
    client_free(client);
    world_end();
}
END_TEST

static void renew(struct client *client, const char *token)
{
    g_autofree char *frame =
        g_strdup_printf("{\"type\":\"auth\",\"id\":1,\"payload\":{\"token\":\"%s\"}}", token);
    client_text(client, frame);
}

START_TEST(a_newer_token_extends_the_session)
{
    world_begin();
    struct client *client = client_new("brief", NULL, 0);
    client_expect(client, "hello");
    world_advance(40);
    renew(client, "brief"); /* good for 60 s from now */
    json_t *ack = client_json(client, "ack");
    ck_assert_uint_eq(
        json_string_length(json_object_get(json_object_get(ack, "payload"), "expires_at")), 24);
    json_decref(ack);
    world_advance(40);
    renew(client, "bad"); /* changes nothing */
    client_expect_error(client, "unauthenticated");
    renew(client, "other");
    client_expect_error(client, "forbidden");
    renew(client, "down");
    client_expect_error(client, "unavailable");
    ck_assert(!client_has_frame(client));
    world_advance(19);
    ck_assert(!client_has_frame(client));
    world_advance(2);
    client_expect_close(client, 4401, "token expired");
    client_free(client);
    world_end();
}
END_TEST

START_TEST(a_renewal_may_outlive_its_socket)
{
    world_begin();
    struct client *client = client_greeted();
    renew(client, "slow");
    client_free(client);
    world_sign_in(true);
    world_end();
}
END_TEST

START_TEST(a_revoked_socket_is_told_why)
{
    world_begin();
    struct client *client = client_greeted();
    struct subscriber *subscriber = g_ptr_array_index(world.account->subscribers, 0);
    subscriber->why = "suspended";
    subscriber->revoked(subscriber);
    client_expect_close(client, 4401, "suspended");
    client_free(client);
    world_end();
}
END_TEST

START_TEST(handshake_token_and_early_bytes)
{
    world_begin();
    static const char early[] = "\x81\x8f\0\0\0\0{\"type\":\"ping\"}";
    struct client *client = client_new("new", early, sizeof early - 1);
    client_expect(client, "hello");
    client_expect(client, "pong");
    client_free(client);
    world_end();
}
END_TEST

START_TEST(frames_behind_auth_wait_for_the_sign_in)
{
    world_begin();
    struct client *client = client_new(NULL, NULL, 0);
    client_text(client, "{\"type\":\"auth\",\"payload\":{\"token\":\"slow\"}}");
    client_text(client, "{\"type\":\"echo\",\"id\":\"1\",\"payload\":{\"text\":\"x\"}}");
    client_text(client, "{\"type\":\"ping\"}");
    ck_assert(!client_has_frame(client));
    world_sign_in(true);
    client_expect(client, "hello");
    client_expect(client, "ack");
    client_expect(client, "pong");
    client_free(client);
    client = client_new("slow", NULL, 0);
    client_free(client); /* it left before the answer: nothing to do, nothing lost */
    world_sign_in(true);
    world_end();
}
END_TEST

START_TEST(bad_tokens_and_strangers_are_closed)
{
    static const struct {
        const char *text, *error;
        unsigned close;
    } rows[] = {
        {"{\"type\":\"auth\",\"payload\":{\"token\":\"bad\"}}", "unauthenticated", 4401},
        {"{\"type\":\"auth\",\"payload\":{\"token\":\"down\"}}", "unavailable", 1013},
        {"{\"type\":\"auth\",\"payload\":{\"token\":1}}", "unprocessable", 4401},
        {"{\"type\":\"auth\"}", "unprocessable", 4401},
        {"{\"type\":\"ping\"}", "unauthenticated", 4401},
        {"{\"type\":\"echo\",\"payload\":{\"text\":\"x\"}}", "unauthenticated", 4401},
        {"nonsense", "bad_request", 4401},
    };
    world_begin();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct client *client = client_new(NULL, NULL, 0);
        client_text(client, rows[i].text);
        client_expect_error(client, rows[i].error);
        client_expect_close(client, rows[i].close, NULL);
        client_free(client);
    }
    g_autofree char *token = g_strnfill(9000, 'x');
    g_autofree char *text =
        g_strdup_printf("{\"type\":\"auth\",\"payload\":{\"token\":\"%s\"}}", token);
    struct client *client = client_new(NULL, NULL, 0);
    client_text(client, text);
    client_expect_error(client, "unauthenticated");
    client_expect_close(client, 4401, NULL);
    client_free(client);
    g_autofree char *huge = g_strnfill(20000, ' ');
    client = client_new(NULL, NULL, 0);
    client_text(client, huge); /* before the greeting, messages are small */
    client_expect_close(client, 1009, NULL);
    client_free(client);
    world_end();
}
END_TEST

START_TEST(silence_is_closed_in_time)
{
    world_begin();
    struct client *client = client_new(NULL, NULL, 0);
    struct client *drip = client_new(NULL, NULL, 0);
    client_write(drip, "\x81", 1);
    world_advance(9);
    ck_assert(!client_has_frame(client));
    world_advance(2);
    client_expect_close(client, 4401, "not authenticated in time");
    client_expect_close(drip, 4401, NULL);
    client_free(client);
    client_free(drip);
    world_end();
}
END_TEST

START_TEST(commands_are_acked_with_their_id)
{
    world_begin();
    struct client *client = client_greeted();
    client_text(client, "{\"type\":\"echo\",\"id\":\"a\\u0000b\",\"payload\":{\"text\":\"x\"}}");
    client_expect_error(client, "unprocessable"); /* NUL in the id */
    client_text(client, "{\"type\":\"echo\",\"id\":\"q\\\"1\",\"payload\":{\"text\":\"x\"}}");
    json_t *ack = client_json(client, "ack");
    ck_assert_str_eq(json_string_value(json_object_get(ack, "id")), "q\"1");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(ack, "payload"), "text")),
                     "x");
    json_decref(ack);
    client_text(client, "{\"type\":\"echo\",\"payload\":{\"text\":\"no id, no ack\"}}");
    client_text(client, "{\"type\":\"later\",\"id\":2}");
    ck_assert(!client_has_frame(client));
    g_auto(buffer) json = BUFFER_INIT(100);
    buffer_append_string(&json, "{\"id\":\"m\"}");
    request_reply(world.waiting[0], 201, &json);
    ack = client_json(client, "ack");
    ck_assert(json_is_object(json_object_get(json_object_get(ack, "payload"), "message")));
    json_decref(ack);
    client_free(client);
    world_end();
}
END_TEST

START_TEST(faulty_commands_get_errors_and_the_socket_stays)
{
    static const struct {
        const char *text, *code;
    } rows[] = {
        {"{", "bad_request"},
        {"[]", "unprocessable"},
        {"", "bad_request"},
        {"{\"type\":\"ping\",\"type\":\"ping\"}", "bad_request"},
        {"{\"id\":\"1\"}", "unprocessable"},
        {"{\"type\":5}", "unprocessable"},
        {"{\"type\":\"ping\",\"id\":{}}", "unprocessable"},
        {"{\"type\":\"ping\",\"payload\":[]}", "unprocessable"},
        {"{\"type\":\"ping\",\"extra\":1}", "unprocessable"},
        {"{\"type\":\"ping\",\"payload\":{\"extra\":1}}", "unprocessable"},
        {"{\"type\":\"no.such\"}", "unprocessable"},
        {"{\"type\":\"echo\"}", "unprocessable"},
        {"{\"type\":\"echo\",\"payload\":{\"text\":\"\\u0000\"}}", "unprocessable"},
        {"{\"type\":\"echo\",\"payload\":{\"text\":\"\\ud800\"}}", "unprocessable"},
        {"{\"type\":\"echo\",\"payload\":{\"text\":\"\\uffff\"}}", "unprocessable"},
    };
    world_begin();
    struct client *client = client_greeted();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        client_text(client, rows[i].text);
        client_expect_error(client, rows[i].code);
    }
    client_frame(client, 0x81, "{\"type\":\"ping\"\0}", 16);
    client_expect_error(client, "bad_request");
    client_text(client, "{\"type\":\"ping\",\"id\":\"1\"}");
    client_expect(client, "pong");
    client_free(client);
    world_end();
}
END_TEST

START_TEST(pending_commands_are_limited_and_outlive_the_socket)
{
    world_begin();
    struct client *client = client_greeted();
    for (unsigned i = 0; i < 65; i++)
        client_text(client, "{\"type\":\"later\",\"id\":1}");
    ck_assert_uint_eq(world.waiting_count, 64);
    request_fail(world.waiting[0], ERROR_UNAVAILABLE, NULL);
    client_expect_error(client, "unavailable");
    for (int turns = 0; turns < 10 && world.waiting_count < 65; turns++)
        world_turn();
    ck_assert_uint_eq(world.waiting_count, 65);
    client_free(client);
    for (unsigned i = 1; i < 65; i++) {
        g_auto(buffer) json = BUFFER_INIT(10);
        request_reply(world.waiting[i], 200, &json);
    }
    world_end();
}
END_TEST

START_TEST(hostile_framing_is_closed)
{
    world_begin();
    struct client *client = client_greeted();
    for (unsigned i = 0; i < 10000; i++)
        client_frame(client, i == 0 ? 0x01 : 0x00, " ", 1);
    client_expect_close(client, 1009, NULL);
    client_free(client);
    client = client_greeted();
    client_frame(client, 0x82, "x", 1);
    client_expect_close(client, 1003, NULL);
    client_free(client);
    client = client_greeted();
    client_frame(client, 0x81, "\xc3\x28", 2);
    client_expect_close(client, 1007, NULL);
    client_free(client);
    client = client_greeted();
    for (unsigned i = 0; i < 200; i++)
        client_frame(client, 0x89, "flood", 5);
    struct heard heard = client_read(client);
    for (; heard.opcode == FRAME_PONG; heard = client_read(client))
        g_free(heard.payload);
    ck_assert_uint_eq(heard.opcode, FRAME_CLOSE);
    g_free(heard.payload);
    client_free(client);
    world_end();
}
END_TEST

START_TEST(pings_are_answered_within_a_message)
{
    world_begin();
    struct client *client = client_greeted();
    client_frame(client, 0x01, "{\"type\":", 8);
    client_frame(client, 0x89, "abc", 3);
    struct heard pong = client_read(client);
    ck_assert_uint_eq(pong.opcode, FRAME_PONG);
    ck_assert_str_eq(pong.payload, "abc");
    g_free(pong.payload);
    client_frame(client, 0x80, "\"ping\"}", 7);
    client_expect(client, "pong");
    client_free(client);
    world_end();
}
END_TEST

START_TEST(either_side_may_close)
{
    world_begin();
    struct client *client = client_greeted();
    client_frame(client, 0x88,
                 "\x03\xe8"
                 "bye",
                 5);
    client_expect_close(client, 1000, "");
    client_free(client);
    client = client_greeted();
    client_frame(client, 0x88, "", 0);
    struct heard heard = client_read(client);
    ck_assert_uint_eq(heard.opcode, FRAME_CLOSE);
    ck_assert_uint_eq(heard.length, 0);
    g_free(heard.payload);
    client_expect_end(client);
    client_free(client);
    ck_assert_int_eq(metric_get(METRIC_WS_SOCKETS), 0);
    client = client_greeted();
    struct subscriber *subscriber = g_ptr_array_index(world.account->subscribers, 0);
    subscriber->revoked(subscriber);
    client_expect_close(client, 4401, "signed out");
    ck_assert_ptr_null(world.account->subscribers);
    ck_assert_int_eq(metric_get(METRIC_WS_SOCKETS), 1); /* waits for the client's part */
    world_advance(3);
    ck_assert_int_eq(metric_get(METRIC_WS_SOCKETS), 0);
    client_free(client);
    world_end();
}
END_TEST

START_TEST(expired_token_closes_within_a_second)
{
    world_begin();
    struct client *client = client_new("brief", NULL, 0);
    client_expect(client, "hello");
    for (unsigned i = 0; i < 59; i++) {
        world_advance(1);
        client_frame(client, 0x8a, "", 0);
    }
    ck_assert(!client_has_frame(client));
    world_advance(2);
    client_expect_close(client, 4401, "token expired");
    client_free(client);
    world_end();
}
END_TEST

/* Lets SECONDS pass for a client that answers pings. */
static void advance_with_pongs(struct client *client, unsigned seconds)
{
    while (seconds-- > 0) {
        world_advance(1);
        client_frame(client, 0x8a, "", 0);
    }
}

START_TEST(a_socket_that_is_used_puts_the_end_of_its_session_off)
{
    world_begin();
    struct client *client = client_new("kept", NULL, 0);
    client_expect(client, "hello");
    advance_with_pongs(client, 59);
    ck_assert(world.kept);
    world_keeps(clock_wall() + 60 * G_USEC_PER_SEC);
    advance_with_pongs(client, 59);
    ck_assert(!client_has_frame(client));
    ck_assert(world.kept);
    world_keeps(0);
    advance_with_pongs(client, 2);
    client_expect_close(client, 4401, "token expired");
    ck_assert(!world.kept);
    client_free(client);
    world_end();
}
END_TEST

START_TEST(a_session_may_be_kept_when_its_socket_has_gone)
{
    world_begin();
    struct client *client = client_new("kept", NULL, 0);
    client_expect(client, "hello");
    advance_with_pongs(client, 59);
    client_free(client);
    world_turn();
    world_keeps(clock_wall() + 60 * G_USEC_PER_SEC);
    world_end();
}
END_TEST

START_TEST(idle_sockets_are_pinged_and_dead_ones_closed)
{
    world_begin();
    struct client *dead = client_greeted();
    struct client *alive = client_greeted();
    alive->keep_pings = true;
    unsigned pings = 0;
    for (unsigned second = 0; second < 95; second++) {
        world_advance(1);
        if (client_has_frame(alive)) {
            client_frame(alive, 0x8a, "", 0);
            pings++;
        }
    }
    ck_assert_uint_ge(pings, 3);
    client_expect_close(dead, 4408, "heartbeat missed");
    ck_assert_uint_eq(dead->pings, 2);
    client_text(alive, "{\"type\":\"ping\"}");
    client_expect(alive, "pong");
    client_free(dead);
    client_free(alive);
    world_end();
}
END_TEST

START_TEST(a_user_has_so_many_sockets)
{
    world_begin();
    world.options->limits_sockets = 3;
    struct client *clients[3];
    for (size_t i = 0; i < G_N_ELEMENTS(clients); i++)
        clients[i] = client_greeted();
    for (size_t i = 0; i < 2; i++) {
        struct client *more = client_new(i ? "new" : "good", NULL, 0); /* remembered, and not */
        client_expect_error(more, "rate_limited");
        client_expect_close(more, 1013, "rate_limited");
        client_free(more);
    }
    client_text(clients[0], "{\"type\":\"ping\"}");
    client_expect(clients[0], "pong");
    client_free(clients[0]);
    world_turn();
    clients[0] = client_greeted();
    for (size_t i = 0; i < G_N_ELEMENTS(clients); i++)
        client_free(clients[i]);
    world_end();
}
END_TEST

START_TEST(frames_that_nothing_else_counts_are_counted)
{
    static const char *const frames[] = {
        "{\"type\":\"ping\"}",
        "{\"type\":\"nonsense\",\"id\":1}",
        "{\"type\":\"echo\"}",
        "{\"type\":\"resume\"}",
        "[]",
        "no JSON",
        "{\"type\":\"auth\",\"payload\":{\"token\":\"good\",\"cursor\":\"x\"}}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(frames); i++) {
        world_begin();
        g_free(world.options->limits_frames);
        world.options->limits_frames = g_strdup("10/3600");
        world_limit();
        struct client *client = client_greeted(); /* the first of them */
        for (unsigned n = 0; n < 10; n++) {
            client_text(client, frames[i]);
            client_expect(client, i == 0 ? "pong" : "error");
        }
        client_expect_close(client, 1008, "too many frames that are refused or mean nothing");
        client_free(client);
        client = client_new("good", NULL, 0);
        client_expect_error(client, "rate_limited");
        client_expect_close(client, 1013, "rate_limited");
        client_free(client);
        world_end();
    }
}
END_TEST

START_TEST(a_resume_counts_as_a_request)
{
    world_begin();
    g_free(world.options->limits_requests);
    g_free(world.options->limits_frames);
    world.options->limits_requests = g_strdup("2/3600");
    world.options->limits_frames = g_strdup("4/3600");
    world_limit();
    struct client *client = client_greeted();
    for (unsigned n = 0; n < 2; n++) {
        client_text(client, "{\"type\":\"resume\",\"payload\":{\"cursor\":\"e-100\"}}");
        world_turn();
        world_resume(1, 0, 100);
        client_expect(client, "resumed");
    }
    for (unsigned n = 0; n < 3; n++) {
        client_text(client, "{\"type\":\"resume\",\"payload\":{\"cursor\":\"e-100\"}}");
        client_expect_error(client, "rate_limited");
    }
    client_text(client, "{\"type\":\"resume\",\"payload\":{\"cursor\":\"e-100\"}}");
    client_expect_error(client, "rate_limited");
    client_expect_close(client, 1008, "too many frames that are refused or mean nothing");
    client_free(client);
    client = client_new(NULL, NULL, 0);
    client_text(client,
                "{\"type\":\"auth\",\"payload\":{\"token\":\"good\",\"cursor\":\"e-100\"}}");
    client_expect_error(client, "rate_limited");
    client_expect_close(client, 1013, "rate_limited");
    client_free(client);
    world_end();
}
END_TEST

START_TEST(sockets_that_have_not_signed_in_are_counted)
{
    world_begin();
    world.options->limits_address_sockets = 3;
    world.options->http_connections_max = 10;
    struct client *clients[5];
    for (size_t i = 0; i < G_N_ELEMENTS(clients); i++) {
        world.address = i < 3 ? 7 : 0;
        clients[i] = client_new(NULL, NULL, 0);
    }
    ck_assert_int_eq(ws_server_admit(world.server, 7), ERROR_RATE_LIMITED);
    ck_assert_int_eq(ws_server_admit(world.server, 8),
                     ERROR_UNAVAILABLE); /* all together: half of 10 */
    client_text(clients[0], "{\"type\":\"auth\",\"payload\":{\"token\":\"good\"}}");
    client_expect(clients[0], "hello");
    ck_assert_int_eq(ws_server_admit(world.server, 7), ERROR_NONE);
    ck_assert_int_eq(ws_server_admit(world.server, 8), ERROR_NONE);
    ck_assert_int_eq(metric_get(METRIC_WS_UNSIGNED), 4);
    for (size_t i = 0; i < G_N_ELEMENTS(clients); i++)
        client_free(clients[i]);
    world_turn();
    ck_assert_int_eq(metric_get(METRIC_WS_UNSIGNED), 0);
    world_end();
}
END_TEST

START_TEST(pings_of_many_sockets_are_spread)
{
    world_begin();
    struct client *clients[400];
    for (size_t i = 0; i < G_N_ELEMENTS(clients); i++)
        clients[i] = client_greeted();
    gint64 worst = 0, total = 0;
    for (unsigned second = 0; second < 31; second++) {
        gint64 before = metric_get(METRIC_WS_FRAMES_OUT);
        world_advance(1);
        gint64 sent = metric_get(METRIC_WS_FRAMES_OUT) - before;
        worst = MAX(worst, sent);
        total += sent;
    }
    ck_assert_int_ge(total, 400);
    ck_assert_int_lt(worst, 80);
    for (size_t i = 0; i < G_N_ELEMENTS(clients); i++)
        client_free(clients[i]);
    world_end();
}
END_TEST

START_TEST(fan_out_serialises_once_and_writes_once_per_socket)
{
    enum { SOCKETS = 1000 };
    static struct client *clients[SOCKETS];
    world_begin();
    for (size_t i = 0; i < SOCKETS; i++)
        clients[i] = client_greeted();
    gint64 serialisations = metric_get(METRIC_EVENT_SERIALISATIONS);
    gint64 writes = metric_get(METRIC_WS_WRITES);
    world_publish(101);
    world_turn();
    ck_assert_int_eq(metric_get(METRIC_EVENT_SERIALISATIONS) - serialisations, 1);
    ck_assert_int_eq(metric_get(METRIC_WS_WRITES) - writes, SOCKETS);
    writes = metric_get(METRIC_WS_WRITES);
    for (gint64 position = 102; position < 112; position++) /* ten in one turn: still one write */
        world_publish(position);
    world_turn();
    ck_assert_int_eq(metric_get(METRIC_WS_WRITES) - writes, SOCKETS);
    for (size_t i = 0; i < SOCKETS; i++) {
        for (gint64 position = 101; position < 112; position++)
            client_expect_event(clients[i], position);
        client_free(clients[i]);
    }
    world_end();
}
END_TEST

static void publish_large(gint64 position)
{
    g_autofree char *text = g_strnfill(20000, 'x');
    g_autofree char *payload = g_strdup_printf("{\"x\":\"%s\"}", text);
    g_autoptr(trestle_event) event = world_event(position, payload);
    event_deliver(world.account, event);
    world_turn();
}

START_TEST(slow_reader_is_closed_with_its_cursor_and_others_are_not)
{
    world_begin();
    struct client *slow = client_greeted();
    struct client *fast = client_greeted();
    gint64 position = 100;
    gint64 closed = metric_get(METRIC_WS_SLOW_CLOSED);
    while (metric_get(METRIC_WS_SLOW_CLOSED) == closed && position < 1000) {
        publish_large(++position);
        client_expect_event(fast, position);
    }
    ck_assert_int_eq(metric_get(METRIC_WS_SLOW_CLOSED), closed + 1);
    gint64 last = 100;
    struct heard heard = client_read(slow);
    for (; heard.opcode == FRAME_TEXT; heard = client_read(slow)) {
        last++;
        g_free(heard.payload);
    }
    ck_assert_int_gt(last, 100);
    ck_assert_uint_eq(heard.opcode, FRAME_CLOSE);
    g_autofree char *cursor = g_strdup_printf("e-%d", (int)last);
    ck_assert_str_eq(heard.payload + 2, cursor); /* exactly what arrived */
    ck_assert_uint_eq((unsigned)((guint8)heard.payload[0] << 8 | (guint8)heard.payload[1]), 1013);
    g_free(heard.payload);
    client_text(fast, "{\"type\":\"ping\"}");
    client_expect(fast, "pong");
    client_free(slow);
    client_free(fast);
    world_end();
}
END_TEST

START_TEST(slow_reader_loses_ephemeral_events_first)
{
    world_begin();
    struct client *slow = client_greeted();
    gint64 closed = metric_get(METRIC_WS_SLOW_CLOSED);
    for (unsigned i = 0; i < 200; i++)
        publish_large(0);
    ck_assert_int_eq(metric_get(METRIC_WS_SLOW_CLOSED), closed);
    publish_large(101); /* pushes waiting ephemeral ones out */
    unsigned lasting = 0, ephemeral = 0;
    while (lasting == 0) {
        json_t *json = client_json(slow, "message.new");
        if (json_object_get(json, "cursor"))
            lasting++;
        else
            ephemeral++;
        json_decref(json);
    }
    ck_assert_uint_lt(ephemeral, 200);
    client_free(slow);
    world_end();
}
END_TEST

START_TEST(a_client_that_does_not_read_its_answers_is_not_read)
{
    world_begin();
    struct client *client = client_greeted();
    g_autofree char *text = g_strnfill(10000, 'x');
    g_autofree char *echo =
        g_strdup_printf("{\"type\":\"echo\",\"id\":1,\"payload\":{\"text\":\"%s\"}}", text);
    GByteArray *bytes = g_byte_array_new();
    enum { COMMANDS = 200 };
    /* Masked with zeroes. */
    for (unsigned i = 0; i < COMMANDS; i++) {
        guint8 header[8] = {0x81, 0xfe, (guint8)(strlen(echo) >> 8), (guint8)strlen(echo)};
        g_byte_array_append(bytes, header, 8);
        g_byte_array_append(bytes, (const guint8 *)echo, (guint)strlen(echo));
    }
    size_t sent = 0;
    unsigned answers = 0;
    for (unsigned quiet = 0; quiet < 5;) { /* until neither side gets any further */
        ssize_t written = send(client->fd, bytes->data + sent, bytes->len - sent, MSG_NOSIGNAL);
        sent += written > 0 ? (size_t)written : 0;
        quiet = written > 0 ? 0 : quiet + 1;
        world_turn();
    }
    ck_assert_uint_lt(sent, bytes->len);
    while (answers < COMMANDS) {
        client_expect(client, "ack");
        answers++;
        ssize_t written = send(client->fd, bytes->data + sent, bytes->len - sent, MSG_NOSIGNAL);
        sent += written > 0 ? (size_t)written : 0;
    }
    g_byte_array_unref(bytes);
    client_free(client);
    world_end();
}
END_TEST

static void count_stop(void *data)
{
    ++*(unsigned *)data;
}

START_TEST(stop_answers_what_is_pending_then_goes_away)
{
    unsigned stopped = 0;
    world_begin();
    struct client *idle = client_greeted();
    struct client *busy = client_greeted();
    struct client *silent = client_new(NULL, NULL, 0);
    world_publish(101);
    client_text(busy, "{\"type\":\"later\",\"id\":1}");
    client_expect_event(busy, 101);
    ws_server_stop(world.server, 5000, count_stop, &stopped);
    client_expect_event(idle, 101);
    client_expect_close(idle, 1001, "e-101");
    client_expect_close(silent, 1001, "");
    ck_assert(!client_has_frame(busy));
    g_auto(buffer) json = BUFFER_INIT(10);
    request_reply(world.waiting[0], 200, &json);
    client_expect(busy, "ack");
    client_expect_close(busy, 1001, "e-101");
    client_free(idle);
    client_free(silent);
    ck_assert_uint_eq(stopped, 0);
    client_free(busy);
    ck_assert_uint_eq(stopped, 1);
    world_end();
}
END_TEST

START_TEST(stop_has_a_deadline)
{
    unsigned stopped = 0;
    world_begin();
    struct client *busy = client_greeted();
    client_text(busy, "{\"type\":\"later\",\"id\":1}");
    ws_server_stop(world.server, 5000, count_stop, &stopped);
    world_advance(5);
    ck_assert_uint_eq(stopped, 1);
    request_fail(world.waiting[0], ERROR_INTERNAL, NULL);
    client_free(busy);
    world_end();
}
END_TEST

UNIT_MAIN("ws_socket", auth_frame_is_greeted, a_newer_token_extends_the_session,
          a_renewal_may_outlive_its_socket, a_revoked_socket_is_told_why,
          handshake_token_and_early_bytes, frames_behind_auth_wait_for_the_sign_in,
          bad_tokens_and_strangers_are_closed, silence_is_closed_in_time,
          commands_are_acked_with_their_id, faulty_commands_get_errors_and_the_socket_stays,
          pending_commands_are_limited_and_outlive_the_socket, hostile_framing_is_closed,
          pings_are_answered_within_a_message, either_side_may_close,
          expired_token_closes_within_a_second,
          a_socket_that_is_used_puts_the_end_of_its_session_off,
          a_session_may_be_kept_when_its_socket_has_gone,
          idle_sockets_are_pinged_and_dead_ones_closed, a_user_has_so_many_sockets,
          frames_that_nothing_else_counts_are_counted, a_resume_counts_as_a_request,
          sockets_that_have_not_signed_in_are_counted, pings_of_many_sockets_are_spread,
          fan_out_serialises_once_and_writes_once_per_socket,
          slow_reader_is_closed_with_its_cursor_and_others_are_not,
          slow_reader_loses_ephemeral_events_first,
          a_client_that_does_not_read_its_answers_is_not_read,
          stop_answers_what_is_pending_then_goes_away, stop_has_a_deadline)
