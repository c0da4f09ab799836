/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Resuming: every event once, in order, whatever happens meanwhile. */
#include "config.h"

#include "bridge/base/metrics.h"
#include "tests/unit/unit.h"
#include "tests/unit/ws_world.h"

static void resume(struct client *client, const char *cursor)
{
    g_autofree char *text = g_strdup_printf(
        "{\"type\":\"resume\",\"id\":\"r\",\"payload\":{\"cursor\":\"%s\"}}", cursor);
    client_text(client, text);
}

static void expect_cursor(struct client *client, const char *type, const char *cursor, int count)
{
    json_t *json = client_json(client, type);
    json_t *payload = json_object_get(json, "payload");
    ck_assert_str_eq(json_string_value(json_object_get(json, "id")), "r");
    ck_assert_str_eq(json_string_value(json_object_get(json, "cursor")), cursor);
    ck_assert_str_eq(json_string_value(json_object_get(payload, "cursor")), cursor);
    if (count >= 0)
        ck_assert_int_eq(json_integer_value(json_object_get(payload, "count")), count);
    json_decref(json);
}

static void expect_events(struct client *client, gint64 first, gint64 last)
{
    for (gint64 position = first; position <= last; position++)
        client_expect_event(client, position);
}

START_TEST(live_events_wait_for_the_replay)
{
    world_begin();
    struct client *client = client_greeted();
    resume(client, "e-90");
    ck_assert_int_eq(world.resume_from, 90);
    world_publish(101);
    world_publish(0); /* not in the log: no reason to wait */
    world_publish(102);
    world_publish(103);
    client_expect(client, "message.new");
    ck_assert(!client_has_frame(client));
    world_resume(91, 102, 102);
    expect_events(client, 91, 103);
    expect_cursor(client, "resumed", "e-103", 13);
    world_publish(104);
    client_expect_event(client, 104);
    client_free(client);
    world_end();
}
END_TEST

START_TEST(much_is_replayed_in_parts)
{
    world_begin();
    struct client *client = client_greeted();
    resume(client, "e-90");
    world_publish(101);
    world_resume_part(91, 93);
    expect_events(client, 91, 93);
    ck_assert(!client_has_frame(client));
    ck_assert_int_eq(world.resume_from, 93);
    world_publish(102); /* waits, too */
    world_resume_part(94, 95);
    ck_assert_int_eq(world.resume_from, 95);
    world_resume(96, 101, 101);
    expect_events(client, 94, 102);
    expect_cursor(client, "resumed", "e-102", 12);
    client_free(client);
    world_end();
}
END_TEST

START_TEST(events_read_before_they_were_fanned_out_come_once)
{
    world_begin();
    struct client *client = client_greeted();
    resume(client, "e-99");
    world_resume(100, 105, 105); /* the log is ahead of the fan-out */
    expect_events(client, 100, 105);
    expect_cursor(client, "resumed", "e-105", 6);
    for (gint64 position = 101; position <= 106; position++)
        world_publish(position);
    client_expect_event(client, 106);
    client_free(client);
    world_end();
}
END_TEST

START_TEST(events_between_greeting_and_resume_come_once)
{
    world_begin();
    struct client *client = client_greeted();
    world_publish(101);
    client_expect_event(client, 101);
    resume(client, "e-98");
    world_publish(102);
    world_resume(99, 102, 102);
    expect_events(client, 99, 100);
    client_expect_event(client, 102);
    expect_cursor(client, "resumed", "e-102", 3);
    client_free(client);
    world_end();
}
END_TEST

/* As after a restart of the program: the log's head is where the client left it. */
START_TEST(events_after_the_greeting_come_once_to_a_client_that_missed_nothing)
{
    world_begin();
    struct client *client = client_greeted();
    world_publish(101);
    client_expect_event(client, 101);
    resume(client, "e-100");
    world_publish(102);
    world_resume(101, 102, 102);
    client_expect_event(client, 102);
    expect_cursor(client, "resumed", "e-102", 1);
    client_free(client);
    world_end();
}
END_TEST

START_TEST(nothing_missed)
{
    world_begin();
    struct client *client = client_greeted();
    resume(client, "e-100");
    resume(client, "e-100");
    client_expect_error(client, "conflict");
    world_resume(1, 0, 100);
    expect_cursor(client, "resumed", "e-100", 0);
    client_free(client);
    world_end();
}
END_TEST

START_TEST(what_cannot_be_replayed_ends_in_resync)
{
    world_begin();
    struct client *client = client_greeted();
    resume(client, "other-5");
    expect_cursor(client, "resync", "e-100", -1);
    resume(client, "e-1");
    world_publish(101);
    world_publish(102);
    world_resume_fails(ERROR_NONE, true, 101);
    expect_cursor(client, "resync", "e-101", -1);
    client_expect_event(client, 102);
    resume(client, "e-102");
    world_publish(103);
    world_resume_fails(ERROR_UNAVAILABLE, false, 0);
    client_expect_error(client, "unavailable");
    client_expect_event(client, 103);
    client_free(client);
    world_end();
}
END_TEST

START_TEST(too_many_held_back_end_in_resync)
{
    world_begin();
    struct client *client = client_greeted();
    resume(client, "e-90");
    gint64 position = 100;
    while (!client_has_frame(client) && position < 5000)
        world_publish(++position);
    ck_assert_int_gt(position, 200);
    world_publish(++position);
    client_expect_event(client, position);
    world_resume(91, 95, 95); /* too late: forgotten */
    ck_assert(!client_has_frame(client));
    resume(client, "e-90");
    world_resume(91, 92, position);
    expect_events(client, 91, 92);
    g_autofree char *cursor = g_strdup_printf("e-%d", (int)position);
    expect_cursor(client, "resumed", cursor, 2);
    client_free(client);
    world_end();
}
END_TEST

START_TEST(a_long_replay_is_fed_as_it_is_read)
{
    world_begin();
    struct client *client = client_greeted();
    g_autofree char *text = g_strnfill(20000, 'x');
    g_autofree char *payload = g_strdup_printf("{\"x\":\"%s\"}", text);
    g_autoptr(GPtrArray) events = g_ptr_array_new();
    gint64 closed = metric_get(METRIC_WS_SLOW_CLOSED);
    resume(client, "e-100");
    for (gint64 position = 101; position <= 300; position++) /* 4 MB, far above the ceiling */
        g_ptr_array_add(events, world_event(position, payload));
    world.resume_done(&(struct resume_result){.position = 300, .events = events},
                      world.resume_data);
    for (guint i = 0; i < events->len; i++)
        event_unref(events->pdata[i]);
    world_turn();
    world_publish(301);
    expect_events(client, 101, 301);
    expect_cursor(client, "resumed", "e-301", 201);
    ck_assert_int_eq(metric_get(METRIC_WS_SLOW_CLOSED), closed);
    client_free(client);
    world_end();
}
END_TEST

START_TEST(leaving_during_a_replay_is_harmless)
{
    world_begin();
    struct client *client = client_greeted();
    resume(client, "e-90");
    world_publish(101);
    client_free(client);
    world_resume(91, 101, 101);
    client = client_greeted();
    resume(client, "e-90");
    ws_server_stop(world.server, 1000, NULL, NULL);
    client_expect_close(client, 1001, "e-90");
    world_resume(91, 101, 101);
    client_free(client);
    world_end();
}
END_TEST

UNIT_MAIN("ws_resume", live_events_wait_for_the_replay, much_is_replayed_in_parts,
          events_read_before_they_were_fanned_out_come_once,
          events_between_greeting_and_resume_come_once,
          events_after_the_greeting_come_once_to_a_client_that_missed_nothing, nothing_missed,
          what_cannot_be_replayed_ends_in_resync, too_many_held_back_end_in_resync,
          a_long_replay_is_fed_as_it_is_read, leaving_during_a_replay_is_harmless)
