/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of the component link against a scripted server: the handshake, attempts, the end. What
 * goes over it is in xmpp_link_traffic_test.c. */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>

#include "bridge/xmpp/link_ping.h"
#include "tests/unit/xmpp_link_world.h"

/* ---- one of several -------------------------------------------------------------------------- */

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
        server_say(&server,
                   "<message from='" BOB "' to='" ALICE "' id='m'><body>x</body></message>");
    run_until(stanzas == 100);
    ck_assert_uint_eq(downs, 0);
    server_say(&server, "</stream:stream>");
    run_until(downs == 1);
    link_drop(component); /* nothing more to end */
    ck_assert_int_eq(link_state(component), LINK_WAITING);
}
END_TEST

START_TEST(a_stream_is_ended_once)
{
    bring_up();
    link_drop(component);
    settle();
    ck_assert(server.peer_closed);
    char more;
    ssize_t length;
    free_component();
    do
        length = recv(server.fd, &more, 1, 0);
    while (length < 0 && errno == EAGAIN);
    ck_assert_int_eq(length, 0);
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
    const struct link_callbacks callbacks = {.up = on_up,
                                             .down = on_down,
                                             .stanza = on_stanza,
                                             .unclaimed = on_unclaimed,
                                             .shared = true};
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

/* ---- handshake ------------------------------------------------------------------------------- */

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
    ck_assert_str_eq(failure.condition, "not-authorized");
    ck_assert_int_eq(failure.state, LINK_AUTHENTICATING);
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
    ck_assert_int_eq(failure.state, LINK_CONNECTING);
    ck_assert_int_eq(failure.error, EINVAL);
    ck_assert_ptr_null(failure.condition);
}
END_TEST

START_TEST(localhost_is_understood)
{
    g_free(config->xmpp_host);
    config->xmpp_host = g_strdup("localhost");
    bring_up();
}
END_TEST

/* ---- reconnecting ---------------------------------------------------------------------------- */

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

/* ---- the end --------------------------------------------------------------------------------- */

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
            say_answer("result", BOB, received_id(0));
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
    tcase_add_test(tests, a_stream_is_ended_once);
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
    tcase_add_loop_test(tests, link_can_be_freed_in_every_state, LINK_WAITING, LINK_CLOSED);
    tcase_add_loop_test(tests, link_can_be_freed_inside_its_callbacks, 0, 5);
    tcase_add_test(tests, freeing_says_goodbye_after_what_was_queued);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
