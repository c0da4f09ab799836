/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes over the component link: stanzas both ways, barriers, requests and their answers. */
#include "config.h"

#include "bridge/xmpp/link_ping.h"
#include "tests/unit/xmpp_link_world.h"

/* ---- receiving ------------------------------------------------------------------------------- */

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

/* ---- sending --------------------------------------------------------------------------------- */

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
    static const char *const others[][2] = {{"r", NS_CLIENT}, {"message", "urn:other"}};
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autoptr(xmpp_stanza_t) none = stanza_new(others[i][0], others[i][1]);
        stanza_set(none, "from", ALICE);
        stanza_set(none, "to", BOB);
        ck_assert(!link_send(component, none));
        ck_assert(!link_may_send(component, none));
    }
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

/* ---- barriers -------------------------------------------------------------------------------- */

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

/* ---- requests -------------------------------------------------------------------------------- */

START_TEST(answer_counts_only_from_the_address_asked)
{
    bring_up();
    ck_assert(ask(BOB, 30));
    run_until(server.stanzas->len == 1);
    const char *id = received_id(0);
    ck_assert_uint_eq(strlen(id), 32);
    say_answer("result", "eve@example.org/x", id);
    say_answer("result", "bob@example.org", id);
    say_answer("result", "bob@example.org/Phone", id);
    say_answer("result", "example.org", id);
    say_answer("result", BOB, "guess");
    server_say(&server, "<message from='" BOB "' to='" ALICE "' id='after'/>");
    run_until(stanzas == 1);
    ck_assert_uint_eq(answers, 0);
    say_answer("error", "Bob@Example.org/phone", id);
    run_until(answers == 1);
    ck_assert_str_eq(answer_type, "error");
    say_answer("result", BOB, id);
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
    say_answer("result", BOB, received_id(0));
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
        say_answer("result", BOB, received_id(i));
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

int main(void)
{
    Suite *suite = suite_create("xmpp_link_traffic");
    TCase *tests = tcase_create("traffic");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
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
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
