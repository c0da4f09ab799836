/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The component link against a scripted server in the same process. Time is moved, never waited
 * for: clock_advance and link_tick take the place of the timer. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/loop/loop.h"
#include "bridge/xmpp/link.h"
#include "tests/unit/fake_xmpp_server.h"

#define US "app.example.org"
#define ALICE "alice@app.example.org/rest"
#define BOB "bob@example.org/phone"
#define PATIENCE (60 * G_TIME_SPAN_SECOND) /* real time after which a test has failed */

static struct fake_server server;
static struct options *config;
static struct link *component;
static guint ups, downs, stanzas;
static GPtrArray *stanza_ids;
static bool free_in_callback;

static void free_component(void)
{
    link_free(component);
    component = NULL;
}

static void on_up(void *data)
{
    (void)data;
    ups++;
    if (free_in_callback)
        free_component();
}

static void on_down(void *data)
{
    (void)data;
    downs++;
    if (free_in_callback)
        free_component();
}

static void on_stanza(xmpp_stanza_t *stanza, void *data)
{
    (void)data;
    stanzas++;
    g_ptr_array_add(stanza_ids, g_strdup(stanza_attr(stanza, "id")));
    if (free_in_callback)
        free_component();
}

static void make_link(void)
{
    const struct link_callbacks callbacks = {.up = on_up, .down = on_down, .stanza = on_stanza};
    component = link_new(config, &callbacks, NULL);
}

static void turn(void)
{
    g_main_context_iteration(NULL, FALSE);
    server_poll(&server);
}

/* Runs both ends until CONDITION holds. */
#define run_until(condition)                                                                       \
    do {                                                                                           \
        gint64 give_up = g_get_monotonic_time() + PATIENCE;                                        \
        while (!(condition) && g_get_monotonic_time() < give_up)                                   \
            turn();                                                                                \
        ck_assert_msg((condition), "never came: %s", #condition);                                  \
    } while (0)

/* Enough turns for everything that is under way on loopback to arrive. */
static void settle(void)
{
    for (int i = 0; i < 200; i++)
        turn();
}

static void advance(gint64 microseconds)
{
    clock_advance(microseconds);
    if (component)
        link_tick(component);
}

static void setup(void)
{
    log_configure("error", "all", NULL);
    loop_start();
    server_start(&server);
    config = options_new();
    config->xmpp_domain = g_strdup(US);
    config->xmpp_server_domain = g_strdup("example.org");
    config->xmpp_secret = g_strdup("s3cret");
    config->xmpp_port = server.port;
    stanza_ids = g_ptr_array_new_with_free_func(g_free);
}

static void teardown(void)
{
    free_component();
    server_stop(&server);
    loop_stop();
    options_free(config);
    g_ptr_array_unref(stanza_ids);
}

static void bring_up(void)
{
    guint before = ups;
    make_link();
    run_until(ups == before + 1);
}

static xmpp_stanza_t *message(const char *from, const char *to, const char *id, const char *body)
{
    xmpp_stanza_t *stanza = stanza_new("message", NULL);
    stanza_set(stanza, "from", from);
    stanza_set(stanza, "to", to);
    stanza_set(stanza, "id", id);
    if (body)
        stanza_add_text(stanza, "body", NULL, body);
    return stanza;
}

static bool send_message(const char *from, const char *to, const char *id, const char *body)
{
    g_autoptr(xmpp_stanza_t) stanza = message(from, to, id, body);
    return link_send(component, stanza);
}

static guint64 number(const char *id)
{
    guint64 value = G_MAXUINT64;
    g_ascii_string_to_unsigned(id, 10, 0, G_MAXUINT, &value, NULL);
    return value;
}

static const char *received_id(guint i)
{
    return stanza_attr(g_ptr_array_index(server.stanzas, i), "id");
}

/* ---- one of several ---- */

START_TEST(forbidden_link_waits_until_it_may)
{
    const struct link_callbacks callbacks = {
        .up = on_up, .down = on_down, .stanza = on_stanza, .forbidden = true};
    component = link_new(config, &callbacks, NULL);
    advance(100 * G_TIME_SPAN_SECOND);
    settle();
    ck_assert_uint_eq(server.accepted, 0);
    link_allow(component, true);
    run_until(link_is_up(component));
    /* What is there stays, but is not made again. */
    link_allow(component, false);
    settle();
    ck_assert(link_is_up(component));
    server_hang_up(&server);
    run_until(link_state(component) == LINK_WAITING);
    advance(100 * G_TIME_SPAN_SECOND);
    settle();
    ck_assert_uint_eq(server.accepted, 1);
    link_allow(component, true);
    run_until(link_is_up(component));
    link_allow(component, false);
    link_drop(component);
    run_until(link_state(component) == LINK_WAITING); /* the server has ended it, too */
    ck_assert_uint_eq(downs, 2);
}
END_TEST

START_TEST(what_was_sent_before_the_end_is_read)
{
    bring_up();
    link_drop(component);
    ck_assert(!link_is_up(component));
    ck_assert(!send_message(ALICE, BOB, "late", "x"));
    ck_assert(!link_barrier(component, NULL, NULL));
    for (int i = 0; i < 100; i++)
        server_say(&server, "<message from='" BOB "' to='" ALICE "' id='m'><body>x</body></message>");
    run_until(stanzas == 100);
    ck_assert_uint_eq(downs, 0);
    server_say(&server, "</stream:stream>");
    run_until(downs == 1);
    link_drop(component); /* nothing more to end */
    ck_assert_int_eq(link_state(component), LINK_WAITING);
}
END_TEST

START_TEST(a_server_that_does_not_end_the_stream_is_left)
{
    bring_up();
    link_drop(component);
    settle();
    ck_assert_uint_eq(downs, 0);
    advance(4 * G_TIME_SPAN_SECOND);
    ck_assert_uint_eq(downs, 1);
}
END_TEST

START_TEST(attempt_that_may_no_longer_be_is_given_up)
{
    server.no_auth = true;
    make_link();
    run_until(server.handshake);
    link_allow(component, false);
    ck_assert_int_eq(link_state(component), LINK_WAITING);
    ck_assert_uint_eq(downs, 0);
}
END_TEST

static guint unclaimed_answers;

static void on_unclaimed(xmpp_stanza_t *result, void *data)
{
    (void)data;
    ck_assert_str_eq(stanza_name(result), "iq");
    unclaimed_answers++;
}

static void make_shared_link(void)
{
    const struct link_callbacks callbacks = {.up = on_up, .down = on_down, .stanza = on_stanza,
                                             .unclaimed = on_unclaimed, .shared = true};
    component = link_new(config, &callbacks, NULL);
    run_until(link_is_up(component));
}

START_TEST(shared_link_without_a_place_is_made_again)
{
    server.no_pong = true; /* its answers go to the other links */
    make_shared_link();
    run_until(server.pings->len >= 32);
    advance(5 * G_TIME_SPAN_SECOND);
    ck_assert_int_eq(link_state(component), LINK_WAITING);
    ck_assert_ptr_nonnull(strstr(link_problem(component), "share"));
}
END_TEST

START_TEST(shared_link_with_a_place_stays)
{
    server.no_pong = true;
    make_shared_link();
    run_until(server.pings->len >= 32);
    server_pong(&server, g_ptr_array_index(server.pings, 17));
    settle();
    advance(5 * G_TIME_SPAN_SECOND);
    settle();
    ck_assert(link_is_up(component));
}
END_TEST

static void note_delivered(bool delivered, void *data)
{
    *(bool *)data = delivered;
}

static xmpp_stanza_t *result_of(const char *id)
{
    return stanza_new_iq("result", id, "example.org", US);
}

START_TEST(answers_come_by_another_link_too)
{
    server.no_pong = true;
    unclaimed_answers = 0;
    make_shared_link();
    run_until(server.pings->len >= 32);
    guint before = server.pings->len;
    bool delivered = false;
    ck_assert(link_barrier(component, note_delivered, &delivered));
    run_until(server.pings->len > before);
    g_autoptr(xmpp_stanza_t) answer = result_of(g_ptr_array_index(server.pings, before));
    ck_assert(link_offer(component, answer));
    ck_assert(delivered);
    ck_assert(!link_offer(component, answer)); /* nobody waits any more */
    server_say(&server, "<iq type='result' id='whose' from='example.org' to='" US "'/>");
    run_until(unclaimed_answers == 1);
}
END_TEST

/* ---- handshake ---- */

START_TEST(handshake_is_the_hash_of_id_and_secret)
{
    bring_up();
    g_autofree char *expected =
        g_compute_checksum_for_string(G_CHECKSUM_SHA1, FAKE_STREAM_ID "s3cret", -1);
    ck_assert_str_eq(server.handshake, expected);
    ck_assert(link_is_up(component));
    ck_assert_ptr_null(link_problem(component));
    ck_assert_int_eq(metric_get(METRIC_LINK_UP), 1);
}
END_TEST

static void stream_error(const char *condition)
{
    g_autofree char *text =
        g_strdup_printf("<stream:error><%s xmlns='" NS_STREAM_ERRORS "'/></stream:error>"
                        "</stream:stream>",
                        condition);
    server_say(&server, text);
}

START_TEST(wrong_secret_is_retried_slowly)
{
    server.no_auth = true;
    make_link();
    run_until(server.handshake);
    stream_error("not-authorized");
    run_until(link_state(component) == LINK_WAITING);
    ck_assert_ptr_nonnull(strstr(link_problem(component), "secret"));
    advance(20 * G_TIME_SPAN_SECOND);
    ck_assert_int_eq(link_state(component), LINK_WAITING);
    server.no_auth = false;
    advance(11 * G_TIME_SPAN_SECOND);
    run_until(link_is_up(component));
    ck_assert_ptr_null(link_problem(component));
    ck_assert_uint_eq(downs, 0);
}
END_TEST

START_TEST(conflict_at_the_handshake_is_retried_soon)
{
    server.no_auth = true;
    make_link();
    run_until(server.handshake);
    stream_error("conflict");
    run_until(link_state(component) == LINK_WAITING);
    ck_assert_ptr_nonnull(strstr(link_problem(component), "kick_old"));
    server.no_auth = false;
    advance(G_TIME_SPAN_SECOND);
    run_until(link_is_up(component));
}
END_TEST

START_TEST(replaced_link_does_not_fight)
{
    bring_up();
    stream_error("conflict");
    run_until(downs == 1);
    advance(20 * G_TIME_SPAN_SECOND);
    ck_assert_int_eq(link_state(component), LINK_WAITING);
}
END_TEST

START_TEST(silent_server_is_given_up)
{
    server.no_hello = _i == 0;
    server.no_auth = _i == 1;
    make_link();
    run_until(link_state(component) == (_i == 0 ? LINK_OPENING : LINK_AUTHENTICATING));
    advance(11 * G_TIME_SPAN_SECOND);
    ck_assert_int_eq(link_state(component), LINK_WAITING);
    ck_assert_uint_eq(downs, 0);
}
END_TEST

START_TEST(names_are_never_resolved)
{
    g_free(config->xmpp_host);
    config->xmpp_host = g_strdup("xmpp.example.org");
    make_link();
    ck_assert_int_eq(link_state(component), LINK_WAITING);
    ck_assert_ptr_nonnull(strstr(link_problem(component), "numeric"));
}
END_TEST

START_TEST(localhost_is_understood)
{
    g_free(config->xmpp_host);
    config->xmpp_host = g_strdup("localhost");
    bring_up();
}
END_TEST

/* ---- reconnecting ---- */

START_TEST(reconnects_after_the_server_closed)
{
    bring_up();
    if (_i == 0)
        server_hang_up(&server);
    else
        server_say(&server, "</stream:stream>");
    run_until(downs == 1);
    ck_assert(!link_is_up(component));
    ck_assert(!send_message(ALICE, BOB, "m1", "lost?"));
    advance(G_TIME_SPAN_SECOND);
    run_until(ups == 2);
    ck_assert_uint_eq(server.accepted, 2);
}
END_TEST

/* Milliseconds until the next attempt, found by moving the clock in steps. */
static gint64 wait_for_attempt(void)
{
    gint64 waited = 0;
    while (link_state(component) == LINK_WAITING) {
        advance(10 * G_TIME_SPAN_MILLISECOND);
        waited += 10;
    }
    run_until(link_state(component) == LINK_WAITING);
    return waited;
}

START_TEST(waits_grow_to_half_a_minute)
{
    server_stop(&server);
    make_link();
    run_until(link_state(component) == LINK_WAITING);
    gint64 base = 200;
    for (int i = 0; i < 10; i++) {
        gint64 waited = wait_for_attempt();
        ck_assert_int_ge(waited, base * 8 / 10 - 10);
        ck_assert_int_le(waited, MIN(base * 12 / 10, 30000) + 10);
        base = MIN(base * 2, 30000);
    }
    server_start(&server); /* for teardown */
}
END_TEST

START_TEST(waits_start_again_after_a_stable_link)
{
    server.no_auth = true;
    make_link();
    for (guint i = 1; i <= 8; i++) { /* let the waits grow */
        run_until(server.accepted == i && link_state(component) == LINK_AUTHENTICATING);
        server_hang_up(&server);
        run_until(link_state(component) == LINK_WAITING);
        server.no_auth = i < 8;
        advance(31 * G_TIME_SPAN_SECOND);
    }
    run_until(ups == 1);
    advance(6 * G_TIME_SPAN_SECOND);
    server_hang_up(&server);
    run_until(downs == 1);
    advance(250 * G_TIME_SPAN_MILLISECOND);
    run_until(ups == 2);
}
END_TEST

START_TEST(half_open_link_is_noticed_within_15_seconds)
{
    bring_up();
    server.mute = true;
    gint64 silent = 0;
    while (link_is_up(component) && silent < 60) {
        advance(G_TIME_SPAN_SECOND);
        settle();
        silent++;
    }
    ck_assert_int_le(silent, 15);
    ck_assert_uint_eq(downs, 1);
    ck_assert_ptr_nonnull(strstr(link_problem(component), "ping"));
    server.mute = false;
    advance(G_TIME_SPAN_SECOND);
    run_until(ups == 2);
}
END_TEST

START_TEST(answered_pings_keep_the_link)
{
    bring_up();
    for (int i = 0; i < 100; i++) {
        advance(5 * G_TIME_SPAN_SECOND);
        settle();
    }
    ck_assert(link_is_up(component));
    ck_assert_uint_eq(downs, 0);
}
END_TEST

START_TEST(server_that_talks_but_does_not_read_is_left)
{
    server.no_pong = true;
    bring_up();
    int seconds = 0;
    for (; link_is_up(component) && seconds < 200; seconds++) {
        server_say(&server, " ");
        settle();
        advance(G_TIME_SPAN_SECOND);
    }
    ck_assert_int_gt(seconds, 20); /* it is alive, so it got more time */
    ck_assert_int_lt(seconds, 80);
}
END_TEST

/* ---- receiving ---- */

START_TEST(stanza_over_a_limit_is_answered_and_skipped)
{
    bring_up();
    g_autoptr(GString) wide = g_string_new(NULL);
    for (int i = 0; i < 50000; i++)
        g_string_append(wide, "<a/>");
    g_autoptr(GString) deep = g_string_new(NULL);
    for (int i = 0; i < 6000; i++)
        g_string_append(deep, "<a>");
    for (int i = 0; i < 6000; i++)
        g_string_append(deep, "</a>");
    const char *const payloads[] = {wide->str, deep->str};
    for (int i = 0; i < 2; i++) {
        g_autofree char *stanza = g_strdup_printf(
            "<message from='" BOB "' to='" ALICE "' id='big%d'>%s</message>"
            "<message type='error' from='" BOB "' to='" ALICE "' id='bounce%d'>%s</message>"
            "<iq type='result' from='" BOB "' to='" ALICE "' id='result%d'>%s</iq>",
            i, payloads[i], i, payloads[i], i, payloads[i]);
        server_say(&server, stanza);
    }
    server_say(&server, "<message from='" BOB "' to='" ALICE "' id='good'/>");
    run_until(stanzas == 1);
    ck_assert_str_eq(g_ptr_array_index(stanza_ids, 0), "good");
    run_until(server.stanzas->len == 2);
    settle();
    ck_assert_uint_eq(server.stanzas->len, 2); /* errors and results are not answered */
    for (guint i = 0; i < 2; i++) {
        xmpp_stanza_t *answer = g_ptr_array_index(server.stanzas, i);
        ck_assert_str_eq(stanza_attr(answer, "type"), "error");
        ck_assert_str_eq(stanza_attr(answer, "to"), BOB);
        ck_assert_str_eq(stanza_attr(answer, "from"), ALICE);
        xmpp_stanza_t *error = stanza_child(answer, "error", NS_CLIENT);
        ck_assert_str_eq(stanza_attr(error, "type"), "modify");
        ck_assert_ptr_nonnull(stanza_child(error, "policy-violation", NS_STANZA_ERRORS));
    }
    ck_assert_str_eq(received_id(0), "big0");
    ck_assert_int_eq(metric_get(METRIC_STANZAS_OVER_LIMIT), 6);
    ck_assert_uint_eq(downs, 0);
}
END_TEST

START_TEST(text_between_stanzas_is_ignored)
{
    bring_up();
    server_say(&server, "300 <message from='" BOB "' to='" ALICE "' id='a'/>\n300\n"
                        "<message from='" BOB "' to='" ALICE "' id='b'/>");
    run_until(stanzas == 2);
    ck_assert_uint_eq(downs, 0);
}
END_TEST

START_TEST(forbidden_xml_costs_the_link_only_once)
{
    static const char *const broken[] = {
        "<!DOCTYPE x [<!ENTITY a 'aaaaaaaa'>]>",
        "<!-- comment -->",
        "<?php ?>",
        "<message></presence>",
        "<message from='\xff'/>",
    };
    bring_up();
    server_say(&server, broken[_i]);
    run_until(downs == 1);
    advance(G_TIME_SPAN_SECOND);
    run_until(ups == 2);
}
END_TEST

START_TEST(burst_of_100000_stanzas_arrives_in_order)
{
    bring_up();
    for (int i = 0; i < 100000; i++) {
        char stanza[128];
        g_snprintf(stanza, sizeof stanza,
                   "<message from='" BOB "' to='" ALICE "' id='%d'><body>%d</body></message>", i,
                   i);
        server_say(&server, stanza);
    }
    run_until(stanzas == 100000);
    for (guint i = 0; i < stanza_ids->len; i++)
        ck_assert_uint_eq(number(g_ptr_array_index(stanza_ids, i)), i);
    ck_assert_uint_eq(downs, 0);
}
END_TEST

/* ---- sending ---- */

START_TEST(illegal_stanzas_are_refused)
{
    bring_up();
    ck_assert(!send_message(NULL, BOB, "1", "x"));
    ck_assert(!send_message(ALICE, NULL, "2", "x"));
    ck_assert(!send_message("bob@example.org", BOB, "3", "x"));
    ck_assert(!send_message("alice@app.example.org.evil.example", BOB, "4", "x"));
    ck_assert(!send_message("x@example.org/app.example.org", BOB, "5", "x"));
    ck_assert(!send_message("@app.example.org", BOB, "6", "x"));
    ck_assert(!send_message("alice@app.example.org/", BOB, "7", "x"));
    g_autofree char *huge = g_strnfill(600 * 1024, 'x');
    ck_assert(!send_message(ALICE, BOB, "8", huge));
    ck_assert(send_message(ALICE, BOB, "good", "x"));
    ck_assert(send_message(US, BOB, "domain", "x"));
    ck_assert(send_message("alice@app.example.org", BOB, "bare", "x"));
    run_until(server.stanzas->len == 3);
    ck_assert_str_eq(received_id(0), "good");
}
END_TEST

START_TEST(illegal_text_is_refused)
{
    static const char *const illegal[] = {
        "",
        " ",
        "text",
        "<message to='" BOB "'/>",
        "<message from='" ALICE "'/>",
        "<message from='eve@example.org' to='" BOB "'/>",
        "<message from='" ALICE "' to='" BOB "'>",
        "<message from='" ALICE "' to='" BOB "'/></stream:stream>",
        "<message from='" ALICE "' to='" BOB "'/><message from='" ALICE "' to='" BOB "'/>",
        "<message from='" ALICE "' to='" BOB "'><body>\x01</body></message>",
        "<message from='" ALICE "' to='" BOB "'><body>&#1;</body></message>",
        "<message from='" ALICE "' to='" BOB "'><body>\xed\xa0\x80</body></message>",
        "<message from='" ALICE "' to='" BOB "'><body>&nbsp;</body></message>",
        "<message from='" ALICE "' to='" BOB "'><x:body/></message>",
        "<message from='" ALICE "' to='" BOB "'><!-- c --></message>",
        "<message from='" ALICE "' to='" BOB "'><?pi?></message>",
        "<?xml version='1.0'?><message from='" ALICE "' to='" BOB "'/>",
        "<!DOCTYPE a><message from='" ALICE "' to='" BOB "'/>",
        "<message xmlns='urn:other' from='" ALICE "' to='" BOB "'/>",
        "<r xmlns='urn:xmpp:sm:3' from='" ALICE "' to='" BOB "'/>",
        "<handshake from='" ALICE "' to='" BOB "'/>",
    };
    bring_up();
    for (gsize i = 0; i < G_N_ELEMENTS(illegal); i++)
        ck_assert_msg(!link_send_text(component, illegal[i], strlen(illegal[i])), "%s", illegal[i]);
    const char *good =
        "<message from='" ALICE "' to='" BOB "' id='good'><body>\xf0\x9f\x98\x80 &amp;"
        "</body></message>";
    ck_assert(link_send_text(component, good, strlen(good)));
    run_until(server.stanzas->len == 1);
    ck_assert_str_eq(received_id(0), "good");
    ck_assert_uint_eq(downs, 0);
}
END_TEST

START_TEST(full_queue_refuses_then_drains_in_order)
{
    config->xmpp_send_queue_max = 256 * 1024;
    bring_up();
    server.mute = true;
    g_autofree char *body = g_strnfill(10000, 'x');
    int sent = 0;
    char id[16];
    for (;; sent++) {
        g_snprintf(id, sizeof id, "%d", sent);
        if (!send_message(ALICE, BOB, id, body))
            break;
        turn();
        ck_assert_int_lt(sent, 5000); /* kernel buffers included */
    }
    ck_assert_int_ge(sent, 20);
    ck_assert(link_is_up(component));
    server.mute = false;
    run_until(server.stanzas->len == (guint)sent);
    for (guint i = 0; i < (guint)sent; i++)
        ck_assert_uint_eq(number(received_id(i)), i);
    ck_assert(send_message(ALICE, BOB, "later", NULL));
    run_until(server.stanzas->len == (guint)sent + 1);
}
END_TEST

/* ---- barriers ---- */

static guint barriers_true, barriers_false;

static void on_barrier(bool delivered, void *data)
{
    (void)data;
    if (delivered)
        barriers_true++;
    else
        barriers_false++;
}

START_TEST(barrier_returns_after_what_was_sent_before)
{
    bring_up();
    ck_assert(send_message(ALICE, BOB, "m1", "x"));
    ck_assert(link_barrier(component, on_barrier, NULL));
    ck_assert_uint_eq(barriers_true, 0);
    run_until(barriers_true == 1);
    ck_assert_uint_eq(server.stanzas->len, 1);
    ck_assert_uint_eq(barriers_false, 0);
}
END_TEST

START_TEST(barriers_with_nothing_between_share_a_ping)
{
    server.no_pong = true;
    bring_up();
    ck_assert(link_barrier(component, on_barrier, NULL));
    ck_assert(link_barrier(component, on_barrier, NULL));
    ck_assert(send_message(ALICE, BOB, "m1", "x"));
    ck_assert(link_barrier(component, on_barrier, NULL));
    run_until(server.pings->len == 2);
    server_pong(&server, g_ptr_array_index(server.pings, 0));
    run_until(barriers_true == 2);
    settle();
    ck_assert_uint_eq(barriers_true, 2);
    server_pong(&server, g_ptr_array_index(server.pings, 1));
    run_until(barriers_true == 3);
}
END_TEST

START_TEST(barrier_fails_with_the_link)
{
    server.no_pong = true;
    bring_up();
    ck_assert(link_barrier(component, on_barrier, NULL));
    run_until(server.pings->len == 1);
    server_hang_up(&server);
    run_until(downs == 1);
    ck_assert_uint_eq(barriers_false, 1);
    ck_assert(!link_barrier(component, on_barrier, NULL));
    settle();
    ck_assert_uint_eq(barriers_true + barriers_false, 1);
}
END_TEST

START_TEST(barrier_is_possible_while_the_queue_is_full)
{
    config->xmpp_send_queue_max = 65536;
    bring_up();
    g_autofree char *body = g_strnfill(30000, 'x');
    while (send_message(ALICE, BOB, "m", body))
        continue;
    ck_assert(link_barrier(component, on_barrier, NULL));
    run_until(barriers_true == 1);
}
END_TEST

/* ---- requests ---- */

static guint answers, failures;
static char *answer_type;

static void on_answer(xmpp_stanza_t *result, void *data)
{
    (void)data;
    if (!result) {
        failures++;
        return;
    }
    answers++;
    g_free(answer_type);
    answer_type = g_strdup(stanza_attr(result, "type"));
}

static bool ask(const char *to, guint timeout)
{
    g_autoptr(xmpp_stanza_t) iq = stanza_new_iq("get", NULL, ALICE, to);
    stanza_add(iq, "query", NS_DISCO_INFO);
    return link_request(component, iq, timeout, on_answer, NULL);
}

static void answer(const char *type, const char *from, const char *id)
{
    g_autofree char *text =
        g_strdup_printf("<iq type='%s' from='%s' to='" ALICE "' id='%s'/>", type, from, id);
    server_say(&server, text);
}

START_TEST(answer_counts_only_from_the_address_asked)
{
    bring_up();
    ck_assert(ask(BOB, 30));
    run_until(server.stanzas->len == 1);
    const char *id = received_id(0);
    ck_assert_uint_eq(strlen(id), 32);
    answer("result", "eve@example.org/x", id);
    answer("result", "bob@example.org", id);
    answer("result", "bob@example.org/Phone", id);
    answer("result", "example.org", id);
    answer("result", BOB, "guess");
    server_say(&server, "<message from='" BOB "' to='" ALICE "' id='after'/>");
    run_until(stanzas == 1);
    ck_assert_uint_eq(answers, 0);
    answer("error", "Bob@Example.org/phone", id);
    run_until(answers == 1);
    ck_assert_str_eq(answer_type, "error");
    answer("result", BOB, id);
    settle();
    ck_assert_uint_eq(answers, 1);
    ck_assert_uint_eq(stanzas, 1); /* answers never reach the dispatcher */
    g_clear_pointer(&answer_type, g_free);
}
END_TEST

START_TEST(answer_after_the_timeout_is_ignored)
{
    bring_up();
    ck_assert(ask(BOB, 30));
    run_until(server.stanzas->len == 1);
    advance(29 * G_TIME_SPAN_SECOND);
    settle();
    ck_assert_uint_eq(failures, 0);
    advance(2 * G_TIME_SPAN_SECOND);
    ck_assert_uint_eq(failures, 1);
    answer("result", BOB, received_id(0));
    settle();
    ck_assert_uint_eq(answers, 0);
    ck_assert_uint_eq(failures, 1);
}
END_TEST

START_TEST(ten_thousand_requests_wait_and_no_more)
{
    bring_up();
    for (guint i = 0; i < 10000; i++)
        ck_assert(ask(BOB, 30 + i % 10));
    ck_assert(!ask(BOB, 30));
    ck_assert(link_barrier(component, on_barrier, NULL)); /* the link still looks after itself */
    run_until(server.stanzas->len == 10000);
    for (guint i = 0; i < 10000; i += 2)
        answer("result", BOB, received_id(i));
    run_until(answers == 5000);
    ck_assert(ask(BOB, 30));
    server_hang_up(&server);
    run_until(downs == 1);
    ck_assert_uint_eq(failures, 5001);
    ck_assert_uint_eq(answers, 5000);
    g_clear_pointer(&answer_type, g_free);
}
END_TEST

static void ask_again(xmpp_stanza_t *result, void *data)
{
    (void)result;
    (void)data;
    failures++;
    ask(BOB, 0);
}

START_TEST(request_may_be_repeated_from_its_own_failure)
{
    bring_up();
    g_autoptr(xmpp_stanza_t) iq = stanza_new_iq("get", NULL, ALICE, BOB);
    stanza_add(iq, "query", NS_DISCO_INFO);
    ck_assert(link_request(component, iq, 0, ask_again, NULL));
    link_tick(component);
    ck_assert_uint_eq(failures, 1);
    link_tick(component);
    ck_assert_uint_eq(failures, 2);
}
END_TEST

/* ---- the end ---- */

static void free_on_answer(xmpp_stanza_t *result, void *data)
{
    (void)result;
    (void)data;
    failures++;
    free_component();
}

START_TEST(link_can_be_freed_in_every_state)
{
    server.no_hello = _i == LINK_OPENING;
    server.no_auth = _i == LINK_AUTHENTICATING;
    if (_i == LINK_WAITING)
        server_hang_up(&server);
    make_link();
    switch (_i) {
    case LINK_WAITING:
        run_until(ups == 1);
        server_hang_up(&server);
        break;
    case LINK_CONNECTING:
        break;
    default:
        break;
    }
    run_until(link_state(component) == (enum link_state)_i);
    free_component();
    settle();
}
END_TEST

START_TEST(link_can_be_freed_inside_its_callbacks)
{
    free_in_callback = _i == 0;
    make_link();
    if (_i > 0) {
        run_until(ups == 1);
        g_autoptr(xmpp_stanza_t) iq = stanza_new_iq("get", NULL, ALICE, BOB);
        stanza_add(iq, "query", NS_DISCO_INFO);
        if (_i == 3 || _i == 4)
            ck_assert(link_request(component, iq, 30, free_on_answer, NULL));
        run_until(_i < 3 || server.stanzas->len == 1);
        free_in_callback = true;
        if (_i == 1)
            server_hang_up(&server);
        else if (_i == 2)
            server_say(&server, "<message from='" BOB "' to='" ALICE "'/><message from='" BOB
                                "' to='" ALICE "'/>");
        else if (_i == 3)
            answer("result", BOB, received_id(0));
        else
            server_hang_up(&server);
    }
    run_until(!component);
    settle();
    ck_assert_uint_le(stanzas, 1);
    ck_assert_uint_eq(downs, _i == 1 ? 1 : 0);
}
END_TEST

START_TEST(freeing_says_goodbye_after_what_was_queued)
{
    bring_up();
    ck_assert(send_message(ALICE, BOB, "last", "x"));
    ck_assert(ask(BOB, 30));
    ck_assert(link_barrier(component, on_barrier, NULL));
    free_component();
    ck_assert_uint_eq(failures, 1);
    ck_assert_uint_eq(barriers_false, 1);
    ck_assert_uint_eq(downs, 0);
    run_until(server.peer_gone);
    ck_assert(server.peer_closed);
    ck_assert_uint_eq(server.stanzas->len, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xmpp_link");
    TCase *tests = tcase_create("link");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, forbidden_link_waits_until_it_may);
    tcase_add_test(tests, what_was_sent_before_the_end_is_read);
    tcase_add_test(tests, a_server_that_does_not_end_the_stream_is_left);
    tcase_add_test(tests, attempt_that_may_no_longer_be_is_given_up);
    tcase_add_test(tests, shared_link_without_a_place_is_made_again);
    tcase_add_test(tests, shared_link_with_a_place_stays);
    tcase_add_test(tests, answers_come_by_another_link_too);
    tcase_add_test(tests, handshake_is_the_hash_of_id_and_secret);
    tcase_add_test(tests, wrong_secret_is_retried_slowly);
    tcase_add_test(tests, conflict_at_the_handshake_is_retried_soon);
    tcase_add_test(tests, replaced_link_does_not_fight);
    tcase_add_loop_test(tests, silent_server_is_given_up, 0, 2);
    tcase_add_test(tests, names_are_never_resolved);
    tcase_add_test(tests, localhost_is_understood);
    tcase_add_loop_test(tests, reconnects_after_the_server_closed, 0, 2);
    tcase_add_test(tests, waits_grow_to_half_a_minute);
    tcase_add_test(tests, waits_start_again_after_a_stable_link);
    tcase_add_test(tests, half_open_link_is_noticed_within_15_seconds);
    tcase_add_test(tests, answered_pings_keep_the_link);
    tcase_add_test(tests, server_that_talks_but_does_not_read_is_left);
    tcase_add_test(tests, stanza_over_a_limit_is_answered_and_skipped);
    tcase_add_test(tests, text_between_stanzas_is_ignored);
    tcase_add_loop_test(tests, forbidden_xml_costs_the_link_only_once, 0, 5);
    tcase_add_test(tests, burst_of_100000_stanzas_arrives_in_order);
    tcase_add_test(tests, illegal_stanzas_are_refused);
    tcase_add_test(tests, illegal_text_is_refused);
    tcase_add_test(tests, full_queue_refuses_then_drains_in_order);
    tcase_add_test(tests, barrier_returns_after_what_was_sent_before);
    tcase_add_test(tests, barriers_with_nothing_between_share_a_ping);
    tcase_add_test(tests, barrier_fails_with_the_link);
    tcase_add_test(tests, barrier_is_possible_while_the_queue_is_full);
    tcase_add_test(tests, answer_counts_only_from_the_address_asked);
    tcase_add_test(tests, answer_after_the_timeout_is_ignored);
    tcase_add_test(tests, ten_thousand_requests_wait_and_no_more);
    tcase_add_test(tests, request_may_be_repeated_from_its_own_failure);
    tcase_add_loop_test(tests, link_can_be_freed_in_every_state, LINK_WAITING, LINK_CLOSED);
    tcase_add_loop_test(tests, link_can_be_freed_inside_its_callbacks, 0, 5);
    tcase_add_test(tests, freeing_says_goodbye_after_what_was_queued);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
