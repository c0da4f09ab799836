/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said in rooms and of those in them, as stanzas; what of theirs is passed on. */
#include "config.h"

#include <string.h>

#include "bridge/base/options.h"
#include "bridge/room/groupchat.h"
#include "bridge/room/occupant.h"
#include "tests/unit/unit.h"
#include "xep/stanza_read.h"
#include "xep/stanza_text.h"

#define ROOM "team@rooms.app.example.org"

static xmpp_stanza_t *read_stanza(const char *text)
{
    xmpp_stanza_t *stanza = stanza_from_text(text, strlen(text));
    ck_assert_ptr_nonnull(stanza);
    return stanza;
}

static void expect_text(xmpp_stanza_t *stanza, const char *wanted)
{
    ck_assert_ptr_nonnull(stanza);
    g_autoptr(xmpp_stanza_t) owned = stanza;
    g_autofree char *text = stanza_to_text(owned, NULL);
    ck_assert_str_eq(text, wanted);
}

static struct options *rooms_options(void)
{
    struct options *options = options_new();
    options->xmpp_domain = g_strdup("app.example.org");
    options->xmpp_rooms_domain = g_strdup("rooms.app.example.org");
    return options;
}

START_TEST(what_was_written_is_read_again)
{
    static const char *const texts[] = {
        "<message xmlns='jabber:client' type='groupchat'><body>a &lt; b</body></message>",
        "<presence xmlns='jabber:client'><x xmlns='urn:x'><y/></x></presence>"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        expect_text(read_stanza(texts[i]), texts[i]);
}
END_TEST

START_TEST(what_is_no_stanza_is_not_read)
{
    static const char *const texts[] = {"",
                                        "text",
                                        "<message>",
                                        "<message/><message/>",
                                        "</stream:stream>",
                                        "<message><body></message>",
                                        "<!-- x --><message/>"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        ck_assert_ptr_null(stanza_from_text(texts[i], strlen(texts[i])));
}
END_TEST

static json_t *facts_of(const char *text)
{
    g_autofree char *json = g_strdup(text);
    g_strdelimit(json, "'", '"');
    json_t *facts = json_loads(json, 0, NULL);
    ck_assert_ptr_nonnull(facts);
    return facts;
}

#define FACTS "'room': '" ROOM "', 'nick': 'Ann', 'occupant': 'o=', 'id': 'uid-1', 'wire': 'w-1'"
static bool has(xmpp_stanza_t *stanza, const char *part)
{
    g_autofree char *text = stanza_to_text(stanza, NULL);
    return strstr(text, part) != NULL;
}

START_TEST(what_an_app_says_is_made_of_facts)
{
    json_t *facts = facts_of("{" FACTS ", 'body': 'Lunch?'}");
    g_autoptr(xmpp_stanza_t) message = groupchat_build(facts, "carol@remote.example/x");
    ck_assert_str_eq(stanza_attr(message, "from"), ROOM "/Ann");
    ck_assert_str_eq(stanza_attr(message, "to"), "carol@remote.example/x");
    ck_assert_str_eq(stanza_attr(message, "id"), "w-1");
    ck_assert_str_eq(stanza_attr(message, "type"), "groupchat");
    ck_assert(has(message, "<body>Lunch?</body>"));
    ck_assert(has(message, "id='uid-1'"));
    ck_assert(has(message, "by='" ROOM "'"));
    ck_assert(has(message, "id='o='"));
    ck_assert(has(message, "<origin-id"));
    ck_assert(!has(message, "<delay"));
    json_decref(facts);
}
END_TEST

START_TEST(what_came_is_passed_on_as_it_came)
{
    json_t *facts = facts_of("{" FACTS ", 'body': 'x', 'stanza': "
                             "'<message type=\\\"groupchat\\\" id=\\\"old\\\"><body>x</body><own "
                             "xmlns=\\\"urn:own\\\"/></message>'}");
    g_autoptr(xmpp_stanza_t) message = groupchat_build(facts, NULL);
    ck_assert_ptr_null(stanza_attr(message, "to"));
    ck_assert_str_eq(stanza_attr(message, "id"), "w-1");
    ck_assert_ptr_nonnull(stanza_child(message, "own", "urn:own"));
    ck_assert_ptr_null(stanza_child(message, "origin-id", NS_SID));
    ck_assert_ptr_nonnull(stanza_child(message, "stanza-id", NS_SID));
    json_decref(facts);
}
END_TEST

START_TEST(history_is_delayed)
{
    json_t *facts = facts_of("{" FACTS ", 'body': 'x', 'at': 1767225600000000}");
    g_autoptr(xmpp_stanza_t) message = groupchat_build_history(facts, "a@x/1");
    ck_assert(has(message, "stamp='2026-01-01T00:00:00"));
    ck_assert(has(message, "from='" ROOM "'"));
    json_decref(facts);
}
END_TEST

START_TEST(facts_of_nothing_are_no_message)
{
    json_t *facts = facts_of("{" FACTS "}");
    ck_assert_ptr_null(groupchat_build(facts, NULL));
    json_decref(facts);
    facts = facts_of("{'body': 'x'}");
    ck_assert_ptr_null(groupchat_build(facts, NULL));
    json_decref(facts);
}
END_TEST

START_TEST(what_only_a_room_says_is_taken_out)
{
    struct options *options = rooms_options();
    g_autoptr(xmpp_stanza_t) message = read_stanza(
        "<message from='a@x/1' to='" ROOM "' type='groupchat' id='i'><body>b</body>"
        "<x xmlns='http://jabber.org/protocol/muc#user'/><occupant-id "
        "xmlns='urn:xmpp:occupant-id:0' "
        "id='f'/><hats xmlns='urn:xmpp:hats:0'/><stanza-id xmlns='urn:xmpp:sid:0' by='" ROOM
        "' id='f'/><stanza-id xmlns='urn:xmpp:sid:0' by='alice@app.example.org' id='f'/>"
        "<delay xmlns='urn:xmpp:delay' from='" ROOM "' stamp='2020-01-01T00:00:00Z'/>"
        "<origin-id xmlns='urn:xmpp:sid:0' id='i'/></message>");
    g_autoptr(xmpp_stanza_t) stripped = groupchat_strip(options, message);
    ck_assert(has(stripped, "<body>b</body><origin-id "));
    ck_assert_ptr_null(stanza_next(stanza_next(stanza_first(stripped))));
    ck_assert_ptr_null(stanza_attr(stripped, "from"));
    ck_assert_ptr_null(stanza_attr(stripped, "to"));
    ck_assert_str_eq(stanza_attr(stripped, "id"), "i");
    options_free(options);
}
END_TEST

START_TEST(occupants_are_shown)
{
    json_t *facts =
        facts_of("{'affiliation': 'admin', 'role': 'none', 'jid': 'a@x/1', 'codes': [303, 110], "
                 "'nick': 'B', "
                 "'type': 'unavailable', 'occupant': 'o=', 'actor': 'C', 'reason': 'why', "
                 "'stanza': '<presence><show>dnd</show></presence>'}");
    g_autoptr(xmpp_stanza_t) presence = occupant_build(facts, ROOM "/A", "b@x/1");
    ck_assert_str_eq(stanza_attr(presence, "from"), ROOM "/A");
    ck_assert_str_eq(stanza_attr(presence, "type"), "unavailable");
    ck_assert(has(presence, "<show>dnd</show>"));
    ck_assert(has(presence, "affiliation='admin'") && has(presence, "role='none'") &&
              has(presence, "jid='a@x/1'") && has(presence, "nick='B'"));
    ck_assert(has(presence, "code='303'") && has(presence, "code='110'"));
    ck_assert(has(presence, "<reason>why</reason>") && has(presence, "nick='C'"));
    ck_assert(has(presence, "<occupant-id"));
    json_decref(facts);
}
END_TEST

START_TEST(of_who_shows_nothing_there_is_a_presence)
{
    json_t *facts = facts_of("{'affiliation': 'member', 'role': 'participant'}");
    g_autoptr(xmpp_stanza_t) presence = occupant_build(facts, ROOM "/A", "b@x/1");
    ck_assert_str_eq(stanza_attr(presence, "from"), ROOM "/A");
    ck_assert_ptr_null(stanza_attr(presence, "type"));
    ck_assert(has(presence, "affiliation='member'") && has(presence, "role='participant'"));
    ck_assert_ptr_null(stanza_next(stanza_first(presence)));
    json_decref(facts);
    facts = facts_of("{'affiliation': 'king', 'role': 'participant'}");
    ck_assert_ptr_null(occupant_build(facts, ROOM "/A", "b@x/1"));
    json_decref(facts);
}
END_TEST

START_TEST(of_a_presence_what_is_shown_is_passed_on)
{
    g_autoptr(xmpp_stanza_t) presence =
        read_stanza("<presence from='a@x/1' to='" ROOM "/A' id='p' xml:lang='de'><show>away</show>"
                    "<status>weg</status><x xmlns='http://jabber.org/protocol/muc'><password>secret"
                    "</password></x><x xmlns='http://jabber.org/protocol/muc#user'/>"
                    "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>"
                    "</presence>");
    g_autofree char *shown = occupant_shown(presence);
    ck_assert_ptr_nonnull(strstr(shown, "<show>away</show><status>weg</status>"));
    ck_assert_ptr_nonnull(strstr(shown, "caps"));
    ck_assert_ptr_null(strstr(shown, "secret"));
    ck_assert_ptr_null(strstr(shown, "muc"));
    ck_assert_ptr_null(strstr(shown, "a@x/1"));
}
END_TEST

START_TEST(a_large_presence_is_passed_on_in_short)
{
    g_autofree char *much = g_strnfill(OCCUPANT_SHOWN_MAX, 'x');
    g_autofree char *text = g_strdup_printf("<presence><show>away</show><status>weg</status><own "
                                            "xmlns='urn:own'>%s</own></presence>",
                                            much);
    g_autoptr(xmpp_stanza_t) presence = read_stanza(text);
    g_autofree char *shown = occupant_shown(presence);
    ck_assert_ptr_nonnull(strstr(shown, "<show>away</show>"));
    ck_assert_ptr_nonnull(strstr(shown, "<status>weg</status>"));
    ck_assert_ptr_null(strstr(shown, "urn:own"));
}
END_TEST

UNIT_MAIN("room_stanza", what_was_written_is_read_again, what_is_no_stanza_is_not_read,
          what_an_app_says_is_made_of_facts, what_came_is_passed_on_as_it_came, history_is_delayed,
          facts_of_nothing_are_no_message, what_only_a_room_says_is_taken_out, occupants_are_shown,
          of_who_shows_nothing_there_is_a_presence, of_a_presence_what_is_shown_is_passed_on,
          a_large_presence_is_passed_on_in_short)
