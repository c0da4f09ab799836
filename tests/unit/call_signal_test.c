/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals of apps: spellings, what is refused, what is not told under relay_only. */
#include "config.h"

#include <string.h>

#include "bridge/call/binding.h"
#include "bridge/call/signal.h"
#include "tests/unit/unit.h"

#define HEAD                                                                                       \
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"       \
    "c=IN IP4 0.0.0.0\r\na=ice-ufrag:q1Wz\r\na=ice-pwd:UWn0pZ1gJb3k9yFv2cXtLq0E\r\na=mid:0\r\n"    \
    "a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=setup:actpass\r\n"
#define PRINT                                                                                      \
    "a=fingerprint:sha-256 "                                                                       \
    "AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:"   \
    "AB:AB\r\n"
#define HOST "candidate:1 1 udp 2122260223 192.0.2.1 4000 typ host generation 0"
#define RELAY "candidate:2 1 udp 41885439 203.0.113.9 5000 typ relay raddr 192.0.2.1 rport 4000"

static struct signal got;
static const char *pointer;

static const char *read_as(const char *type, json_t *data, bool relay_only)
{
    struct signal_given given = {.type = type, .data = data};
    json_decref(got.bound);
    got = (struct signal){0};
    const char *wrong = signal_read(&given, relay_only, &got, &pointer);
    json_decref(data);
    return wrong;
}

static const char *told(const char *member)
{
    return json_string_value(json_object_get(json_object_get(got.json, "data"), member));
}

START_TEST(a_key_stays_with_its_fragment)
{
    static const char text[] = HEAD PRINT, old[] = "AB:AB\r\n", other[] = "AB:AC\r\n";
    g_autoptr(GString) changed = g_string_new(text), renewed = NULL;
    g_string_replace(changed, old, other, 0);
    renewed = g_string_new(changed->str);
    g_string_replace(renewed, "ufrag:q1Wz", "ufrag:neww", 0);
    ck_assert_ptr_null(read_as("offer", json_string(text), false));
    json_t *bound = json_incref(got.bound);
    ck_assert_uint_eq(json_object_size(bound), 1);
    json_decref(got.json);
    static const bool allowed[] = {true, false, true};
    const char *const next[] = {text, changed->str, renewed->str};
    for (size_t i = 0; i < G_N_ELEMENTS(next); i++) {
        ck_assert_ptr_null(read_as("offer", json_string(next[i]), false));
        ck_assert_msg(binding_allows(bound, got.bound) == allowed[i], "description %zu", i);
        ck_assert(binding_allows(NULL, got.bound));
        json_decref(got.json);
    }
    json_decref(bound);
}
END_TEST

START_TEST(a_candidate_is_of_a_known_fragment)
{
    static const struct {
        const char *fragment, *line;
        bool known;
    } rows[] = {{"q1Wz", HOST, true},
                {NULL, HOST, true},
                {"neww", HOST, false},
                {NULL, HOST " ufrag q1Wz network-id 1", true},
                {NULL, HOST " ufrag neww network-id 1", false},
                {"q1Wz", HOST " ufrag neww", false}};
    json_t *bound = json_pack("{s:s}", "q1Wz", "AB");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        json_t *data = json_pack("{s:s, s:s?}", "candidate", rows[i].line, "usernameFragment",
                                 rows[i].fragment);
        ck_assert_msg(binding_has(bound, data) == rows[i].known, "candidate %zu", i);
        ck_assert(binding_has(NULL, data));
        json_decref(data);
    }
    json_decref(bound);
}
END_TEST

START_TEST(reads_every_spelling)
{
    static const char text[] = HEAD PRINT;
    ck_assert_ptr_null(read_as("offer", json_string(text), false));
    ck_assert_int_eq(got.event, CALL_OFFER);
    ck_assert_str_eq(told("sdp"), text);
    json_decref(got.json);
    ck_assert_ptr_null(
        read_as("answer", json_pack("{s:s,s:s}", "type", "answer", "sdp", text), false));
    ck_assert_str_eq(told("type"), "answer");
    json_decref(got.json);
    ck_assert_ptr_null(
        read_as("ice-candidate", json_string("{\"candidate\":\"" HOST "\"}"), false));
    ck_assert_int_eq(got.event, CALL_CANDIDATE);
    ck_assert_str_eq(told("candidate"), HOST);
    ck_assert(got.passes);
    json_decref(got.json);
    ck_assert_ptr_null(read_as("ice_candidate", json_string(""), false));
    json_decref(got.json);
    ck_assert_ptr_null(read_as("ice_restart", NULL, false));
    ck_assert_int_eq(got.event, CALL_INFO);
    json_decref(got.json);
    ck_assert_ptr_null(read_as("ice_restart", json_string(text), false));
    ck_assert_int_eq(got.event, CALL_RESTART);
    json_decref(got.json);
}
END_TEST

START_TEST(refuses_what_is_none)
{
    static const char *const candidates[] = {HOST "\r\na=evil", "candidate:x",
                                             "candidate:1 1 udp 1 a b"};
    ck_assert_ptr_nonnull(read_as("offer", json_string(HEAD), false)); /* no fingerprint */
    ck_assert_ptr_nonnull(read_as("offer", json_string("x"), false));
    ck_assert_ptr_nonnull(read_as("offer", NULL, false));
    ck_assert_ptr_nonnull(read_as("offer", json_stringn("v=0\0x", 5), false));
    ck_assert_str_eq(pointer, "/data");
    ck_assert_ptr_nonnull(read_as("bye", NULL, false));
    ck_assert_str_eq(pointer, "/type");
    for (size_t i = 0; i < G_N_ELEMENTS(candidates); i++)
        ck_assert_ptr_nonnull(read_as("ice_candidate", json_string(candidates[i]), false));
    ck_assert_ptr_nonnull(read_as(
        "ice_candidate", json_pack("{s:s,s:s}", "candidate", HOST, "sdpMid", "0\r\n"), false));
    ck_assert_ptr_nonnull(read_as(
        "ice_candidate", json_pack("{s:s,s:i}", "candidate", HOST, "sdpMLineIndex", 64), false));
}
END_TEST

START_TEST(tells_no_address_under_relay_only)
{
    ck_assert_ptr_null(read_as("ice_candidate", json_string(HOST), true));
    ck_assert(!got.passes);
    json_decref(got.json);
    ck_assert_ptr_null(read_as("ice_candidate", json_string(RELAY), true));
    ck_assert(got.passes);
    ck_assert_ptr_null(strstr(told("candidate"), "192.0.2.1"));
    json_decref(got.json);
    ck_assert_ptr_null(
        read_as("offer", json_string(HEAD PRINT "a=" HOST "\r\na=" RELAY "\r\n"), true));
    ck_assert_ptr_null(strstr(told("sdp"), "192.0.2.1"));
    ck_assert_ptr_nonnull(strstr(told("sdp"), "203.0.113.9"));
    json_decref(got.json);
}
END_TEST

UNIT_MAIN("call_signal", a_key_stays_with_its_fragment, a_candidate_is_of_a_known_fragment,
          reads_every_spelling, refuses_what_is_none, tells_no_address_under_relay_only)
