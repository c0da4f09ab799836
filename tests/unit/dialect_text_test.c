/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each dialect makes of each event, and which frames of clients are understood. */
#include "config.h"

#include <string.h>

#include "bridge/dialect/dialect.h"
#include "bridge/dialect/spelling.h"
#include "bridge/ws/text_frame.h"
#include "tests/unit/unit.h"
#include "tests/unit/ws_world.h"

static struct event *make_event(enum event_type type, gint64 position, const char *payload)
{
    g_auto(buffer) text = BUFFER_INIT(1 << 20);
    buffer_append_string(&text, payload);
    struct event *event = event_new(type, position, 0, &text);
    event->parties.actor_number = 123;
    event->parties.peer_number = 456;
    return event;
}

/* NULL: not shown. */
static json_t *render(const char *dialect, struct event *event)
{
    size_t length;
    const char *text = dialect_event_text(dialect_find(dialect), event, "e", &length);
    if (!text)
        return NULL;
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    ck_assert_msg(json != NULL, "%s: not JSON: %.*s", dialect, (int)length, text);
    return json;
}

static void expect(const char *dialect, struct event *event, const char *wanted_text)
{
    json_t *got = render(dialect, event);
    json_t *wanted = wanted_text ? json_loads(wanted_text, 0, NULL) : NULL;
    g_autofree char *text = got ? json_dumps(got, 0) : g_strdup("(nothing)");
    ck_assert_msg((!got && !wanted) || json_equal(got, wanted), "%s shows %s", dialect, text);
    json_decref(got);
    json_decref(wanted);
    event_unref(event);
}

static const char message[] =
    "{\"id\":\"u-1\",\"client_id\":null,\"conversation_id\":\"c\",\"sender\":{\"id\":\"a\"},"
    "\"content\":\"Hello!\",\"message_type\":\"text\",\"read_at\":null,"
    "\"created_at\":\"2024-01-01T12:00:00.000Z\"}";

START_TEST(s1_shows_what_its_clients_read)
{
    expect(
        "s1", make_event(EVENT_MESSAGE_NEW, 789, message),
        "{\"type\":\"private_message\",\"cursor\":\"e-789\",\"sender_id\":123,\"recipient_id\":456,"
        "\"message\":{\"id\":789,\"content\":\"Hello!\",\"sender_id\":123,\"receiver_id\":456,"
        "\"created_at\":\"2024-01-01T12:00:00.000Z\",\"is_read\":false,\"uuid\":\"u-1\","
        "\"conversation_id\":\"c\"}}");
    expect(
        "s1", make_event(EVENT_TYPING, 0, "{\"conversation_id\":\"c\",\"active\":true}"),
        "{\"type\":\"typing_indicator\",\"user_id\":123,\"recipient_id\":456,\"is_typing\":true}");
    expect(
        "s1", make_event(EVENT_TYPING, 0, "{\"conversation_id\":\"c\",\"active\":false}"),
        "{\"type\":\"typing_indicator\",\"user_id\":123,\"recipient_id\":456,\"is_typing\":false}");
    expect("s1", make_event(EVENT_PRESENCE, 0, "{\"user_id\":\"a\",\"status\":\"in_call\"}"),
           "{\"type\":\"user_online_status\",\"user_id\":123,\"is_online\":true}");
    expect("s1", make_event(EVENT_PRESENCE, 0, "{\"user_id\":\"a\",\"status\":\"offline\"}"),
           "{\"type\":\"user_online_status\",\"user_id\":123,\"is_online\":false}");
    expect("s1",
           make_event(EVENT_MESSAGE_READ, 9, "{\"message_id\":\"u-1\",\"at\":\"t\",\"seq\":1}"),
           "{\"type\":\"message_read\",\"cursor\":\"e-9\",\"user_id\":123,\"recipient_id\":456,"
           "\"uuid\":\"u-1\",\"read_at\":\"t\"}");
    expect("s1", make_event(EVENT_MESSAGE_FAILED, 9, "{\"message_id\":\"u-1\",\"code\":\"x\"}"),
           "{\"type\":\"message_failed\",\"cursor\":\"e-9\",\"uuid\":\"u-1\","
           "\"error\":\"x\"}");
    expect("s1", make_event(EVENT_CONVERSATION_NEW, 9, "{\"id\":\"c\"}"), NULL);
}
END_TEST

static void expect_words(const char *dialect, const char *payload, const char *words)
{
    struct event *event = make_event(EVENT_MESSAGE_NEW, 5, payload);
    json_t *got = render(dialect, event);
    const json_t *inner = json_object_get(got, "payload");
    const json_t *shown = inner ? inner : json_object_get(got, "message");
    const json_t *content = json_object_get(shown, "content");
    ck_assert(words ? json_is_string(content) : json_is_null(content));
    if (words)
        ck_assert_str_eq(json_string_value(content), words);
    json_decref(got);
    event_unref(event);
}

START_TEST(places_and_polls_are_words_to_who_knows_texts_alone)
{
    for (int i = 0; i < 2; i++) {
        const char *dialect = i == 0 ? "s0" : "s1";
        expect_words(
            dialect,
            "{\"content\":null,\"metadata\":{\"location\":{\"lat\":52.520008,\"lon\":-13}}}",
            "geo:52.520008,-13");
        expect_words(
            dialect,
            "{\"content\":null,\"metadata\":{\"poll\":{\"question\":\"Lunch?\",\"options\":"
            "[{\"text\":\"Noon\"},{\"text\":\"One\"}]}}}",
            "Lunch?\n1. Noon\n2. One");
        expect_words(dialect, "{\"content\":\"Here\",\"metadata\":{\"location\":{\"lat\":1}}}",
                     "Here");
        expect_words(dialect, "{\"content\":null,\"metadata\":null}", NULL);
    }
}
END_TEST

START_TEST(s1_hides_what_has_no_numbers)
{
    static const enum event_type types[] = {EVENT_MESSAGE_NEW, EVENT_TYPING, EVENT_PRESENCE,
                                            EVENT_MESSAGE_READ};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        struct event *event = make_event(types[i], 0, "{}");
        event->parties.actor_number = 0;
        expect("s1", event, NULL);
    }
    struct event *room = make_event(EVENT_MESSAGE_NEW, 9, message);
    room->parties.peer_number = 0;
    expect("s1", room, NULL);
}
END_TEST

START_TEST(s0_shows_what_its_clients_read)
{
    expect("s0", make_event(EVENT_MESSAGE_NEW, 5, "{\"content\":\"x\"}"),
           "{\"type\":\"message\",\"cursor\":\"e-5\",\"ts\":\"1970-01-01T00:00:00.000Z\","
           "\"payload\":{\"content\":\"x\"}}");
    expect("s0", make_event(EVENT_TYPING, 0, "{\"user_id\":\"u\",\"active\":true}"),
           "{\"type\":\"typing\",\"ts\":\"1970-01-01T00:00:00.000Z\","
           "\"payload\":{\"user_id\":\"u\",\"active\":true,\"is_typing\":true}}");
    expect(
        "s0", make_event(EVENT_PRESENCE, 0, "{\"user_id\":\"u\",\"status\":\"online\"}"),
        "{\"type\":\"presence\",\"ts\":\"1970-01-01T00:00:00.000Z\",\"payload\":{\"user_id\":\"u\","
        "\"status\":\"online\",\"last_seen_at\":\"1970-01-01T00:00:00.000Z\","
        "\"updated_at\":\"1970-01-01T00:00:00.000Z\"}}");
    expect("s0", make_event(EVENT_PRESENCE, 0, "{\"status\":\"offline\",\"last_seen_at\":null}"),
           "{\"type\":\"presence\",\"ts\":\"1970-01-01T00:00:00.000Z\",\"payload\":{"
           "\"status\":\"offline\",\"last_seen_at\":null,"
           "\"updated_at\":\"1970-01-01T00:00:00.000Z\"}}");
    expect("s0", make_event(EVENT_MESSAGE_READ, 7, "{\"seq\":1}"),
           "{\"type\":\"message.read\",\"cursor\":\"e-7\",\"ts\":\"1970-01-01T00:00:00.000Z\","
           "\"payload\":{\"seq\":1}}");
}
END_TEST

START_TEST(s2_shows_what_its_clients_read)
{
    expect("s2",
           make_event(EVENT_MESSAGE_NEW, 7,
                      "{\"conversation_id\":\"c\",\"sender\":{\"id\":\"a\",\"avatar_url\":null},"
                      "\"message_type\":\"call\",\"created_at\":\"t\"}"),
           "{\"type\":\"message:new\",\"cursor\":\"e-7\",\"ts\":\"1970-01-01T00:00:00.000Z\","
           "\"payload\":{\"conversationId\":\"c\",\"sender\":{\"id\":\"a\",\"avatarUrl\":null},"
           "\"type\":\"system\",\"createdAt\":\"t\",\"updatedAt\":\"t\"}}");
    expect("s2", make_event(EVENT_TYPING, 0, "{\"conversation_id\":\"c\",\"active\":true}"),
           "{\"type\":\"typing:start\",\"ts\":\"1970-01-01T00:00:00.000Z\","
           "\"payload\":{\"conversationId\":\"c\",\"active\":true}}");
    expect("s2", make_event(EVENT_TYPING, 0, "{\"conversation_id\":\"c\",\"active\":false}"),
           "{\"type\":\"typing:stop\",\"ts\":\"1970-01-01T00:00:00.000Z\","
           "\"payload\":{\"conversationId\":\"c\",\"active\":false}}");
    expect(
        "s2",
        make_event(
            EVENT_CONVERSATION_UPDATED, 8,
            "{\"pinned\":true,\"archived\":false,\"unread_count\":2,"
            "\"participants\":[{\"role\":\"owner\",\"joined_at\":\"t\"},{\"role\":\"member\"}]}"),
        "{\"type\":\"conversation:updated\",\"cursor\":\"e-8\",\"ts\":\"1970-01-01T00:00:00.000Z\","
        "\"payload\":{\"isPinned\":true,\"isArchived\":false,\"unreadCount\":2,"
        "\"participants\":[{\"role\":\"admin\",\"joinedAt\":\"t\"},{\"role\":\"member\"}]}}");
}
END_TEST

START_TEST(s0_is_told_that_a_call_began_and_that_it_is_over)
{
    static const struct {
        enum event_type type;
        const char *status, *shown;
    } cases[] = {{EVENT_MESSAGE_NEW, "ringing", "call_start"},
                 {EVENT_MESSAGE_NEW, "declined", "call_end"},
                 {EVENT_MESSAGE_UPDATED, "active", NULL},
                 {EVENT_MESSAGE_UPDATED, "missed", "call_end"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *payload = g_strdup_printf(
            "{\"message_type\":\"call\",\"metadata\":{\"status\":\"%s\"}}", cases[i].status);
        g_autofree char *wanted =
            g_strdup_printf("{\"type\":\"message\",\"cursor\":\"e-5\","
                            "\"ts\":\"1970-01-01T00:00:00.000Z\",\"payload\":{"
                            "\"message_type\":\"%s\",\"metadata\":{\"status\":\"%s\"}}}",
                            cases[i].shown, cases[i].status);
        expect("s0", make_event(cases[i].type, 5, payload), cases[i].shown ? wanted : NULL);
    }
}
END_TEST

START_TEST(s3_shows_what_its_clients_read)
{
    expect(
        "s3",
        make_event(EVENT_CALL_RINGING, 5,
                   "{\"call_id\":\"k\",\"status\":\"ringing\",\"call\":{\"id\":\"k\","
                   "\"conversation_id\":\"c\",\"caller\":{\"id\":\"a\",\"name\":\"A\","
                   "\"avatar_url\":null},\"started_at\":null,\"created_at\":\"t\","
                   "\"participants\":[{\"user_id\":\"a\"}]}}"),
        "{\"type\":\"call_ringing\",\"cursor\":\"e-5\",\"ts\":\"1970-01-01T00:00:00.000Z\","
        "\"callId\":\"k\",\"status\":\"ringing\",\"call\":{\"id\":\"k\",\"conversationId\":\"c\","
        "\"caller\":{\"id\":\"a\",\"displayName\":\"A\",\"displayPictureUrl\":null},"
        "\"startedAt\":null,\"createdAt\":\"t\",\"updatedAt\":\"t\","
        "\"participants\":[{\"userId\":\"a\"}]}}");
    expect("s3",
           make_event(EVENT_MESSAGE_UPDATED, 6,
                      "{\"id\":\"m\",\"sender_id\":\"a\",\"sender\":{\"id\":\"a\"},"
                      "\"message_type\":\"call\",\"metadata\":{\"status\":\"ended\"}}"),
           "{\"type\":\"message.updated\",\"cursor\":\"e-6\",\"ts\":\"1970-01-01T00:00:00.000Z\","
           "\"payload\":{\"id\":\"m\",\"sender_id\":null,\"sender\":null,"
           "\"message_type\":\"system\",\"metadata\":{\"status\":\"completed\"}}}");
    expect("s3",
           make_event(EVENT_MESSAGE_NEW, 7, "{\"sender_id\":\"a\",\"message_type\":\"text\"}"),
           "{\"type\":\"message.new\",\"cursor\":\"e-7\",\"ts\":\"1970-01-01T00:00:00.000Z\","
           "\"payload\":{\"sender_id\":\"a\",\"message_type\":\"text\"}}");
}
END_TEST

START_TEST(s3_is_told_signals_by_two_names)
{
    static const struct {
        const char *ours, *theirs, *event;
    } cases[] = {{"offer", "offer", "sdp_offer"},
                 {"ice_restart", "offer", "sdp_offer"},
                 {"answer", "answer", "sdp_answer"},
                 {"ice_candidate", "ice_candidate", "ice_candidate"}};
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(cases); i++) {
        bool split = i % 2;
        g_autofree char *payload = g_strdup_printf(
            "{\"call_id\":\"k\",\"conversation_id\":\"c\",\"user_id\":\"a\",\"to_user_id\":\"b\","
            "\"type\":\"%s\",\"data\":{\"sdp_mid\":\"0\"}}",
            cases[i / 2].ours);
        g_autofree char *wanted = g_strdup_printf(
            "{\"type\":\"%s\",\"ts\":\"1970-01-01T00:00:00.000Z\","
            "\"call\":{\"id\":\"k\",\"conversationId\":\"c\"},\"signalData\":{\"callId\":\"k\","
            "\"senderId\":\"a\",\"recipientId\":\"b\",\"type\":\"%s\",\"data\":{\"sdp_mid\":\"0\"},"
            "\"timestamp\":\"1970-01-01T00:00:00.000Z\"}}",
            split ? cases[i / 2].event : "signal", cases[i / 2].theirs);
        struct event *event = make_event(EVENT_CALL_SIGNAL, 0, payload);
        event->split = split;
        for (size_t d = 0; split && d < DIALECT_S3; d++)
            ck_assert_ptr_null(render(dialect_names[d], event));
        expect("s3", event, wanted);
    }
}
END_TEST

/* Whatever is in it: nothing, or JSON with a type. */
START_TEST(every_event_in_every_dialect_is_json)
{
    static const char *const payloads[] = {
        "{}",
        "{\"message\":\"\\u0000\\\"\",\"content\":\"\\u0000<>&\\\"\\\\/\\u2028\\ud83d\\ude00\"}",
        "{\"content\":\"\xf0\x9f\x98\x80\",\"type\":\"hello\",\"cursor\":\"forged\",\"id\":1}",
        "{\"content\":{\"a\":[1,null]},\"active\":\"yes\",\"status\":7,\"message\":{},\"at\":[]}",
        "{\"content\":12345678901234567,\"created_at\":false,\"read_at\":{},\"user_id\":null}",
        "[]",
        "null",
        "7",
        "\"text\"",
    };
    for (enum event_type type = 0; type < EVENT_TYPE_MAX; type++) {
        for (size_t i = 0; i < G_N_ELEMENTS(payloads); i++) {
            for (size_t d = 0; d < DIALECT_MAX; d++) {
                struct event *event = make_event(type, 3, payloads[i]);
                json_t *json = render(dialect_names[d], event);
                ck_assert(!json || json_is_string(json_object_get(json, "type")));
                if (json)
                    ck_assert_str_eq(json_string_value(json_object_get(json, "cursor")), "e-3");
                json_decref(json);
                event_unref(event);
            }
        }
    }
}
END_TEST

START_TEST(long_content_fits)
{
    g_autofree char *tabs = g_strnfill(120000, 'x');
    for (size_t i = 0; i < 120000; i += 2)
        memcpy(tabs + i, "\\t", 2);
    g_autofree char *payload = g_strdup_printf("{\"content\":\"%s\"}", tabs);
    for (size_t d = 0; d < DIALECT_MAX; d++) {
        struct event *event = make_event(EVENT_MESSAGE_NEW, 3, payload);
        json_t *json = render(dialect_names[d], event);
        ck_assert_ptr_nonnull(json);
        json_decref(json);
        event_unref(event);
    }
}
END_TEST

START_TEST(rendered_once_for_all_sockets)
{
    struct event *event = make_event(EVENT_MESSAGE_NEW, 3, message);
    GBytes *first = text_frame_of_event(dialect_find("trestle.s1"), event, "e");
    ck_assert_ptr_eq(text_frame_of_event(dialect_find("s1"), event, "e"), first);
    ck_assert_ptr_ne(text_frame_of_event(dialect_find("s0"), event, "e"), first);
    ck_assert_ptr_null(dialect_find("s9"));
    ck_assert_ptr_null(dialect_find(NULL));
    event_unref(event);
}
END_TEST

/* Incoming ----------------------------------------------------------------------------------- */

static struct account caller = {.number = 123, .id_text = "0190b5a0-0000-7000-8000-00000000abcd"};

/* WANTED NULL: refused, at POINTER. */
static void translate(const char *type, const char *payload_text, const char *wanted_text,
                      const char *pointer)
{
    const struct spelling *spelling = spelling_find(type);
    ck_assert_msg(spelling != NULL, "%s is not known", type);
    json_t *payload = payload_text ? json_loads(payload_text, 0, NULL) : NULL;
    json_t *before = json_deep_copy(payload);
    json_t *wanted = wanted_text ? json_loads(wanted_text, 0, NULL) : NULL;
    struct field_problem problem = {0};
    json_t *native = spelling_translate(spelling, &caller, payload, &problem);
    g_autofree char *text = native ? json_dumps(native, 0) : g_strdup(problem.detail);
    ck_assert_msg((!native && !wanted) || json_equal(native, wanted), "%s %s: %s", type,
                  payload_text, text);
    if (!native)
        ck_assert_str_eq(problem.pointer, pointer);
    ck_assert(json_equal(before, payload) || (!before && !payload));
    json_decref(native);
    json_decref(wanted);
    json_decref(before);
    json_decref(payload);
}

START_TEST(spellings_become_native)
{
    translate("private_message", "{\"recipient_id\":456,\"content\":\"x\"}",
              "{\"receiver_id\":456,\"content\":\"x\"}", NULL);
    translate(
        "private_message",
        "{\"sender_id\":123,\"recipient_id\":456,\"message\":{\"id\":\"temp-1\",\"content\":\"x\","
        "\"is_read\":false}}",
        "{\"receiver_id\":456,\"content\":\"x\"}", NULL);
    translate("typing_indicator", "{\"user_id\":123,\"recipient_id\":456,\"is_typing\":true}",
              "{\"recipient_id\":456,\"active\":true}", NULL);
    translate("typing_indicator", "{\"user_id\":\"123\",\"recipient_id\":456,\"is_typing\":false}",
              "{\"recipient_id\":456,\"active\":false}", NULL);
    translate("typing", "{\"conversation_id\":\"c\",\"is_typing\":true}",
              "{\"conversation_id\":\"c\",\"active\":true}", NULL);
    translate("typing", "{\"conversation_id\":\"c\",\"active\":false}",
              "{\"conversation_id\":\"c\",\"active\":false}", NULL);
    translate("typing:start", "{\"conversationId\":\"c\"}",
              "{\"conversation_id\":\"c\",\"active\":true}", NULL);
    translate("typing:stop", "{\"conversationId\":\"c\"}",
              "{\"conversation_id\":\"c\",\"active\":false}", NULL);
    translate("message:read", "{\"messageId\":\"m\"}", "{\"message_id\":\"m\"}", NULL);
    translate("message", "{\"conversation_id\":\"c\",\"content\":\"x\"}",
              "{\"conversation_id\":\"c\",\"content\":\"x\"}", NULL);
    translate("presence",
              "{\"status\":\"online\",\"user_id\":\"0190B5A0-0000-7000-8000-00000000ABCD\"}",
              "{\"status\":\"online\"}", NULL);
    translate("presence", "{\"status\":\"in_call\",\"last_seen_at\":7,\"updated_at\":null}",
              "{\"status\":\"in_call\"}", NULL);
    translate("message",
              "{\"id\":\"t\",\"sender\":{\"id\":\"0190b5a0-0000-7000-8000-00000000abcd\"},"
              "\"content\":\"x\",\"read_at\":null,\"created_at\":\"now\",\"delivered_at\":1}",
              "{\"content\":\"x\"}", NULL);
    translate("message", "{\"sender\":{\"name\":\"me\"}}", NULL, "/sender");
    translate("message", "{\"sender\":{\"id\":{\"id\":1}}}", NULL, "/sender");
    translate("typing:start", NULL, "{\"active\":true}", NULL);
    ck_assert_ptr_null(spelling_find("auth"));
    ck_assert_ptr_null(spelling_find(""));
}
END_TEST

START_TEST(spellings_refuse_what_contradicts)
{
    translate("typing_indicator", "{\"user_id\":456,\"recipient_id\":1,\"is_typing\":true}", NULL,
              "/user_id");
    translate("typing_indicator", "{\"user_id\":true}", NULL, "/user_id");
    translate("private_message", "{\"sender_id\":1,\"recipient_id\":2,\"content\":\"x\"}", NULL,
              "/sender_id");
    translate("private_message", "{\"message\":{\"content\":\"a\"},\"content\":\"b\"}", NULL,
              "/message");
    translate("private_message", "{\"message\":\"text\"}", NULL, "/message");
    translate("private_message", "{\"message\":{\"text\":\"a\"}}", NULL, "/message");
    translate("private_message", "{\"recipient_id\":1,\"receiver_id\":2}", NULL, "/recipient_id");
    translate("typing", "{\"is_typing\":true,\"active\":false}", NULL, "/is_typing");
    translate("typing:start", "{\"active\":false}", NULL, "/active");
}
END_TEST

START_TEST(problems_point_at_what_was_sent)
{
    json_t *payload = json_loads("{\"recipient_id\":[],\"message\":{\"content\":7}}", 0, NULL);
    struct field_problem problem = {.pointer = "/receiver_id"};
    spelling_point(spelling_find("private_message"), payload, &problem);
    ck_assert_str_eq(problem.pointer, "/recipient_id");
    g_strlcpy(problem.pointer, "/content", sizeof problem.pointer);
    spelling_point(spelling_find("private_message"), payload, &problem);
    ck_assert_str_eq(problem.pointer, "/message/content");
    g_strlcpy(problem.pointer, "/x", sizeof problem.pointer);
    spelling_point(spelling_find("private_message"), payload, &problem);
    ck_assert_str_eq(problem.pointer, "/x");
    json_decref(payload);
}
END_TEST

/* On a socket -------------------------------------------------------------------------------- */

START_TEST(flat_frames_are_their_own_payload)
{
    world_begin();
    struct client *client = client_new(NULL, NULL, 0);
    client_text(client, "{\"type\":\"auth\",\"token\":\"good\"}");
    client_expect(client, "hello");
    client_text(client, "{\"type\":\"echo\",\"id\":1,\"text\":\"x\"}");
    json_t *ack = client_json(client, "ack");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(ack, "payload"), "text")),
                     "x");
    json_decref(ack);
    client_text(client, "{\"type\":\"echo\",\"text\":\"x\",\"payload\":{\"text\":\"y\"}}");
    client_expect_error(client, "unprocessable");
    client_text(client, "{\"type\":\"echo\",\"id\":2,\"payload\":null}");
    client_expect_error(client, "unprocessable");
    client_text(client, "{\"type\":\"typing:start\",\"conversationId\":\"c\"}");
    client_expect_error(client, "unprocessable"); /* there is no such command here */
    client_free(client);
    world_end();
}
END_TEST

START_TEST(s1_is_welcomed_and_told_flat)
{
    world_begin();
    g_free(world.options->websocket_dialect);
    world.options->websocket_dialect = g_strdup("s1");
    ws_server_free(world.server);
    world.server = ws_server_new(&world.core);
    world.dialect = NULL; /* the client chooses none */
    struct client *client = client_new("good", NULL, 0);
    json_t *frame = client_json(client, "system");
    ck_assert_str_eq(json_string_value(json_object_get(frame, "message")), "Welcome to the chat!");
    ck_assert_str_eq(json_string_value(json_object_get(frame, "cursor")), "e-100");
    ck_assert_ptr_null(json_object_get(frame, "payload"));
    json_decref(frame);
    client_text(client, "{\"type\":\"nonsense\",\"id\":\"n\"}");
    frame = client_json(client, "error");
    ck_assert_str_eq(json_string_value(json_object_get(frame, "id")), "n");
    ck_assert_str_eq(json_string_value(json_object_get(frame, "code")), "unprocessable");
    ck_assert(json_is_string(json_object_get(frame, "message")));
    json_decref(frame);
    client_text(client, "{\"type\":\"echo\",\"id\":\"e\",\"text\":\"x\"}");
    frame = client_json(client, "ack");
    ck_assert_str_eq(json_string_value(json_object_get(frame, "text")), "x");
    json_decref(frame);
    client_free(client);
    world_end();
}
END_TEST

UNIT_MAIN("ws_dialect", s1_shows_what_its_clients_read,
          places_and_polls_are_words_to_who_knows_texts_alone, s1_hides_what_has_no_numbers,
          s0_shows_what_its_clients_read, s2_shows_what_its_clients_read,
          s0_is_told_that_a_call_began_and_that_it_is_over, s3_shows_what_its_clients_read,
          s3_is_told_signals_by_two_names, every_event_in_every_dialect_is_json, long_content_fits,
          rendered_once_for_all_sockets, spellings_become_native, spellings_refuse_what_contradicts,
          problems_point_at_what_was_sent, flat_frames_are_their_own_payload,
          s1_is_welcomed_and_told_flat)
