/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking up, answering and serialising stanzas, and what the builders write to the link. */
#include "config.h"

#include <stdlib.h>

#include "tests/unit/unit.h"
#include "tests/unit/xep_read.h"
#include "xep/0012_last.h"
#include "xep/0054_vcard.h"
#include "xep/0092_version.h"
#include "xep/0199_ping.h"
#include "xep/0202_time.h"
#include "xep/0297_forward.h"
#include "xep/0359_ids.h"
#include "xep/message.h"
#include "xep/presence.h"
#include "xep/registry.h"
#include "xep/stanza_text.h"

START_TEST(children_are_found_by_name_and_namespace)
{
    g_autoptr(xmpp_stanza_t) stanza =
        stanza_from("<m>text<a xmlns='u'>1</a><a>2</a><b xmlns='u'/></m>");
    ck_assert_str_eq(stanza_child_text(stanza, "a", NS_CLIENT), "2");
    ck_assert_str_eq(stanza_child_text(stanza, "a", "u"), "1");
    ck_assert_ptr_null(stanza_child(stanza, "b", NS_CLIENT));
    ck_assert_str_eq(stanza_name(stanza_first(stanza)), "a");
}
END_TEST

START_TEST(answers_swap_addresses)
{
    g_autoptr(xmpp_stanza_t) iq =
        stanza_from("<iq type='get' id='7' from='a@b/c' to='d'><x/></iq>");
    expect_link_text(stanza_reply_result(iq), "<iq from='d' id='7' to='a@b/c' type='result'/>");
    expect_link_text(stanza_reply_error(iq, "wait", "conflict", "<&>"),
                     "<iq from='d' id='7' to='a@b/c' type='error'><error type='wait'>"
                     "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
                     "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>&lt;&amp;&gt;</text>"
                     "</error></iq>");
}
END_TEST

START_TEST(errors_and_results_are_never_answered)
{
    g_autoptr(xmpp_stanza_t) error = stanza_from("<message type='error' from='a'/>");
    g_autoptr(xmpp_stanza_t) result = stanza_from("<iq type='result' from='a'/>");
    ck_assert_ptr_null(stanza_reply_error(error, "cancel", "conflict", NULL));
    ck_assert_ptr_null(stanza_reply_error(result, "cancel", "conflict", NULL));
    ck_assert_ptr_null(stanza_reply_result(error));
}
END_TEST

START_TEST(output_is_always_well_formed)
{
    g_autoptr(xmpp_stanza_t) stanza = stanza_new("m", NULL);
    stanza_set(stanza, "a", "'\"<>&\t\n\r\x01");
    stanza_put_text(stanza, "]]>\r\x02\xff\xef\xbf\xbf\xed\xa0\x80z", 14);
    g_autofree char *text = stanza_to_text(stanza, NULL);
    ck_assert_str_eq(text, "<m xmlns='jabber:client' "
                           "a='&apos;&quot;&lt;&gt;&amp;&#9;&#10;&#13;\xef\xbf\xbd'>]]&gt;&#13;"
                           "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                           "\xef\xbf\xbdz</m>");
}
END_TEST

START_TEST(forwarded_stanzas_keep_their_namespace_on_the_link)
{
    g_autoptr(xmpp_stanza_t) inner = stanza_from("<message><body>x</body></message>");
    xmpp_stanza_t *outer = message_new(NULL, NULL, NULL, "a@b");
    struct delay delay = {.stamp_us = 0, .from = "d"};
    forward_add(outer, inner, &delay);
    expect_link_text(outer,
                     "<message to='a@b'><forwarded xmlns='urn:xmpp:forward:0'>"
                     "<delay xmlns='urn:xmpp:delay' from='d' stamp='1970-01-01T00:00:00.000Z'/>"
                     "<message xmlns='jabber:client'><body>x</body></message></forwarded>"
                     "</message>");
}
END_TEST

START_TEST(chat_messages_are_built)
{
    struct message_out out = {.from = "a@b/rest", .to = "c@d", .id = "i", .body = "Hello"};
    expect_link_text(message_build_chat(&out),
                     "<message from='a@b/rest' id='i' to='c@d' type='chat'><body>Hello</body>"
                     "<active xmlns='http://jabber.org/protocol/chatstates'/>"
                     "<origin-id xmlns='urn:xmpp:sid:0' id='i'/>"
                     "<request xmlns='urn:xmpp:receipts'/>"
                     "<markable xmlns='urn:xmpp:chat-markers:0'/></message>");
    expect_link_text(message_build_received(&out, "p"),
                     "<message from='a@b/rest' id='i' to='c@d' type='chat'>"
                     "<received xmlns='urn:xmpp:receipts' id='p'/>"
                     "<store xmlns='urn:xmpp:hints'/></message>");
    expect_link_text(message_build_displayed(&out, "p"),
                     "<message from='a@b/rest' id='i' to='c@d' type='chat'>"
                     "<displayed xmlns='urn:xmpp:chat-markers:0' id='p'/>"
                     "<store xmlns='urn:xmpp:hints'/></message>");
}
END_TEST

START_TEST(presence_is_built)
{
    struct presence_stanza presence = {.from = "a@b/rest",
                                       .to = "c@d",
                                       .show = PRESENCE_SHOW_DND,
                                       .status = "busy",
                                       .priority = -1,
                                       .caps = {.hash = "sha-1", .node = "n", .ver = "v"}};
    expect_link_text(presence_build(&presence),
                     "<presence from='a@b/rest' to='c@d'><show>dnd</show><status>busy</status>"
                     "<priority>-1</priority><c xmlns='http://jabber.org/protocol/caps' "
                     "hash='sha-1' node='n' ver='v'/></presence>");
}
END_TEST

START_TEST(small_services_answer)
{
    g_autoptr(xmpp_stanza_t) iq = stanza_from("<iq type='get' id='1' from='a' to='b'/>");
    struct software_version version = {.name = "Trestle", .version = "1"};
    struct vcard card = {.full_name = "A", .nickname = "B", .photo_type = "t", .photo = "eA=="};
    expect_link_text(ping_build("1", "a", "b"), "<iq from='a' id='1' to='b' type='get'>"
                                                "<ping xmlns='urn:xmpp:ping'/></iq>");
    expect_link_text(last_build_result(iq, 5, NULL),
                     "<iq from='b' id='1' to='a' type='result'>"
                     "<query xmlns='jabber:iq:last' seconds='5'/></iq>");
    expect_link_text(version_build_result(iq, &version),
                     "<iq from='b' id='1' to='a' type='result'><query xmlns='jabber:iq:version'>"
                     "<name>Trestle</name><version>1</version></query></iq>");
    expect_link_text(entity_time_build_result(iq, 0),
                     "<iq from='b' id='1' to='a' type='result'><time xmlns='urn:xmpp:time'>"
                     "<tzo>+00:00</tzo><utc>1970-01-01T00:00:00.000Z</utc></time></iq>");
    expect_link_text(vcard_build_result(iq, &card),
                     "<iq from='b' id='1' to='a' type='result'><vCard xmlns='vcard-temp'>"
                     "<FN>A</FN><NICKNAME>B</NICKNAME><PHOTO><TYPE>t</TYPE><BINVAL>eA==</BINVAL>"
                     "</PHOTO></vCard></iq>");
}
END_TEST

START_TEST(foreign_stanza_ids_are_stripped)
{
    static const char *const domains[] = {"app.example.org", NULL};
    g_autoptr(xmpp_stanza_t) stanza = stanza_from(
        "<message id='1'><stanza-id xmlns='urn:xmpp:sid:0' by='a@APP.example.org/x' id='1'/>"
        "<stanza-id xmlns='urn:xmpp:sid:0' by='room@muc' id='2'/>"
        "<stanza-id xmlns='urn:xmpp:sid:0' id='3'/><body>x</body></message>");
    ck_assert_str_eq(stanza_id_parse(stanza, "room@muc"), "2");
    expect_link_text(stanza_id_strip(stanza, domains),
                     "<message id='1'><stanza-id xmlns='urn:xmpp:sid:0' by='room@muc' id='2'/>"
                     "<body>x</body></message>");
}
END_TEST

START_TEST(discovery_is_made_from_the_registry)
{
    g_autoptr(xmpp_stanza_t) iq = stanza_from("<iq type='get' id='1' from='a' to='b'/>");
    g_autoptr(disco_info) info = disco_info_new("n");
    struct disco_identity identity = {.category = "client", .type = "web", .name = "Trestle"};
    disco_info_put_identity(info, &identity);
    xep_registry_put_features(info, XEP_ENTITY_CLIENT);
    g_autoptr(xmpp_stanza_t) result = disco_info_build_result(iq, info);
    g_autofree char *text = stanza_to_link_text(result, NULL);
    ck_assert_ptr_nonnull(strstr(text, "<identity category='client' name='Trestle' type='web'/>"));
    ck_assert_ptr_nonnull(strstr(text, "<feature var='urn:xmpp:receipts'/>"));
    ck_assert_ptr_nonnull(strstr(text, "<feature var='http://jabber.org/protocol/chatstates'/>"));
    ck_assert_ptr_null(strstr(text, "urn:xmpp:time"));

    g_autoptr(disco_info) again = disco_info_parse(result);
    g_autofree char *sent = caps_ver(info);
    struct caps caps = {.hash = "sha-1", .node = "n", .ver = sent};
    ck_assert(caps_verify(&caps, again));
    disco_info_put_feature(again, "extra");
    ck_assert(!caps_verify(&caps, again));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xep_stanza");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, children_are_found_by_name_and_namespace);
    tcase_add_test(tests, answers_swap_addresses);
    tcase_add_test(tests, errors_and_results_are_never_answered);
    tcase_add_test(tests, output_is_always_well_formed);
    tcase_add_test(tests, forwarded_stanzas_keep_their_namespace_on_the_link);
    tcase_add_test(tests, chat_messages_are_built);
    tcase_add_test(tests, presence_is_built);
    tcase_add_test(tests, small_services_answer);
    tcase_add_test(tests, foreign_stanza_ids_are_stripped);
    tcase_add_test(tests, discovery_is_made_from_the_registry);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
