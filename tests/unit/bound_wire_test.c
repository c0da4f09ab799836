/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What hosts that bind sessions say, and what they are told; ids of archives in both spellings. */
#include "config.h"

#include <string.h>

#include "bridge/bound/uid.h"
#include "tests/unit/unit.h"
#include "xep/bound.h"
#include "xep/roster.h"
#include "xep/stanza_read.h"
#include "xep/stanza_text.h"

#define UID "01a22234-7a8b-7123-8000-abcdef123456"

static xmpp_stanza_t *stanza_of(const char *text)
{
    xmpp_stanza_t *stanza = stanza_from_text(text, strlen(text));
    ck_assert_msg(stanza != NULL, "%s", text);
    return stanza;
}

static xmpp_stanza_t *wrapped(const char *inner)
{
    g_autofree char *text = g_strdup_printf(
        "<message xmlns='jabber:client' from='example.org' to='app.example.org'>%s</message>",
        inner);
    return stanza_of(text);
}

START_TEST(a_hello_is_read)
{
    g_autoptr(xmpp_stanza_t) iq = stanza_of(
        "<iq xmlns='jabber:client' type='result'><hello xmlns='urn:trestle:bind:0' version='1' "
        "epoch='k3v9' archive='trestle' max-sessions='10' later='x' users='some' "
        "archive-problem='no role' archive-waiting='4711'><has>bind</has><has>uid</has>"
        "<has>offline-copy</has><has>something-new</has><other/></hello></iq>");
    struct bound_hello hello;
    ck_assert(bound_hello_parse(iq, &hello));
    ck_assert_str_eq(hello.epoch, "k3v9");
    ck_assert_str_eq(hello.archive, "trestle");
    ck_assert_uint_eq(hello.max_sessions, 10);
    ck_assert_str_eq(hello.users, "some");
    ck_assert_str_eq(hello.server, "");
    ck_assert_str_eq(hello.archive_problem, "no role");
    ck_assert_uint_eq(hello.archive_waiting, 4711);
    ck_assert_uint_eq(hello.has, BOUND_HAS_BIND | BOUND_HAS_UID | BOUND_HAS_OFFLINE_COPY);
}
END_TEST

START_TEST(what_is_no_hello_is_none)
{
    static const char *const bad[] = {
        "<iq xmlns='jabber:client' type='result'/>",
        "<iq xmlns='jabber:client' type='error'><hello xmlns='urn:trestle:bind:0' version='1' "
        "epoch='e'/></iq>",
        "<iq xmlns='jabber:client' type='result'><hello xmlns='urn:trestle:bind:0' version='2' "
        "epoch='e'/></iq>",
        "<iq xmlns='jabber:client' type='result'><hello xmlns='urn:trestle:bind:0' version='1' "
        "epoch=''/></iq>",
        "<iq xmlns='jabber:client' type='result'><hello xmlns='urn:trestle:bind:1' version='1' "
        "epoch='e'/></iq>"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(xmpp_stanza_t) iq = stanza_of(bad[i]);
        struct bound_hello hello;
        ck_assert_msg(!bound_hello_parse(iq, &hello), "%s", bad[i]);
    }
}
END_TEST

START_TEST(a_wrapper_has_one_stanza_of_one_session)
{
    static const struct {
        const char *text;
        enum bound_fault fault;
    } rows[] = {
        {"<body>hi</body>", BOUND_NONE},
        {"<stanza xmlns='urn:trestle:bind:0' user='bob' resource='r'>"
         "<message xmlns='jabber:client'/></stanza>",
         BOUND_FINE},
        {"<stanza xmlns='urn:trestle:bind:0' user='bob' resource='r'>"
         "<iq xmlns='jabber:client'/></stanza>",
         BOUND_FINE},
        {"<stanza xmlns='urn:trestle:bind:0' user='bob'><message xmlns='jabber:client'/></stanza>",
         BOUND_PLACE},
        {"<stanza xmlns='urn:trestle:bind:0' user='' resource='r'>"
         "<message xmlns='jabber:client'/></stanza>",
         BOUND_PLACE},
        {"<stanza xmlns='urn:trestle:bind:0' user='bob' resource='r'/>", BOUND_INNER},
        {"<stanza xmlns='urn:trestle:bind:0' user='bob' resource='r'>"
         "<message xmlns='jabber:client'/><message xmlns='jabber:client'/></stanza>",
         BOUND_INNER},
        {"<stanza xmlns='urn:trestle:bind:0' user='bob' resource='r'>"
         "<message xmlns='jabber:server'/></stanza>",
         BOUND_INNER},
        {"<stanza xmlns='urn:trestle:bind:0' user='bob' resource='r'>"
         "<stream xmlns='jabber:client'/></stanza>",
         BOUND_INNER},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(xmpp_stanza_t) message = wrapped(rows[i].text);
        struct bound_stanza stanza = {{NULL, NULL}, NULL, false};
        ck_assert_msg(bound_stanza_parse(message, &stanza) == rows[i].fault, "%s", rows[i].text);
    }
}
END_TEST

START_TEST(what_is_injected_has_no_sender_and_its_id)
{
    g_autoptr(xmpp_stanza_t) inner =
        stanza_of("<message xmlns='jabber:client' from='bob@example.org/rest' "
                  "to='carol@example.org' id='m'><body>hi</body></message>");
    const struct bound_inject inject = {"app.example.org", "example.org", "j1", {"bob", "r"}, UID};
    g_autoptr(xmpp_stanza_t) message = bound_inject_build(&inject, inner);
    g_autofree char *text = stanza_to_link_text(message, NULL);
    ck_assert_str_eq(text, "<message from='app.example.org' id='j1' to='example.org'>"
                           "<inject xmlns='urn:trestle:bind:0' resource='r' uid='" UID "' "
                           "user='bob'><message xmlns='jabber:client' id='m' "
                           "to='carol@example.org'><body>hi</body></message></inject></message>");
    ck_assert_str_eq(stanza_attr(inner, "from"), "bob@example.org/rest");
}
END_TEST

START_TEST(an_end_is_read)
{
    g_autoptr(xmpp_stanza_t) message =
        wrapped("<unbound xmlns='urn:trestle:bind:0' user='bob' resource='r' reason='conflict'/>");
    struct bound_end end;
    ck_assert_int_eq(bound_end_parse(message, &end), BOUND_FINE);
    ck_assert_str_eq(end.place.user, "bob");
    ck_assert_str_eq(end.reason, "conflict");
    g_autoptr(xmpp_stanza_t) other = wrapped("<body>hi</body>");
    ck_assert_int_eq(bound_end_parse(other, &end), BOUND_NONE);
}
END_TEST

static void item_count(const struct roster_item *item, void *data)
{
    g_string_append_printf(data, "%s:%s:%d ", item->jid, item->subscription, item->ask);
}

static void item_tell(const struct roster_item *item, void *data)
{
    g_string_append_printf(data, "%s=%s", item->jid, item->name ? item->name : "-");
    for (const char *const *group = item->groups; *group; group++)
        g_string_append_printf(data, "[%s]", *group);
}

START_TEST(names_and_groups_are_read_and_written)
{
    static const char *const groups[] = {"Kin & <b>Friends</b>", "Work", NULL};
    static const struct {
        struct roster_item item;
        const char *seen;
    } rows[] = {
        {{.jid = "a@b", .name = "Anna \"A\"", .groups = groups},
         "a@b=Anna \"A\"[Kin & <b>Friends</b>][Work]"},
        {{.jid = "a@b", .subscription = "both", .ask = true}, "a@b=-"},
        {{.jid = "a@b", .name = "Anna", .groups = groups, .subscription = "remove"}, "a@b=-"}};
    g_autoptr(GString) seen = g_string_new(NULL);
    g_autoptr(xmpp_stanza_t) iq = stanza_of(
        "<iq xmlns='jabber:client'><query xmlns='jabber:iq:roster'><item jid='a@b' name='A &amp; "
        "B'><group>x</group><group/><group xmlns='urn:x'>no</group>text<group>x</group></item>"
        "<item jid='c@d' name=''/></query></iq>");
    ck_assert(roster_parse(iq, item_tell, seen));
    ck_assert_str_eq(seen->str, "a@b=A & B[x][][x]c@d=");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(xmpp_stanza_t) set = roster_build_set(&rows[i].item);
        g_autofree char *text = stanza_to_text(set, NULL);
        g_autoptr(xmpp_stanza_t) again = stanza_of(text);
        g_string_truncate(seen, 0);
        ck_assert(roster_parse(again, item_tell, seen));
        ck_assert_str_eq(seen->str, rows[i].seen);
        ck_assert_int_eq(strstr(text, "subscription") != NULL, i == 2);
        ck_assert_ptr_null(strstr(text, "ask"));
    }
}
END_TEST

static void block_count(const char *jid, void *data)
{
    g_string_append_printf(data, "%s ", jid);
}

START_TEST(lists_are_read)
{
    g_autoptr(GString) seen = g_string_new(NULL);
    g_autoptr(xmpp_stanza_t) roster =
        stanza_of("<iq xmlns='jabber:client'><query xmlns='jabber:iq:roster'><item jid='a@b' "
                  "subscription='both'/><item/><item jid='c@d' ask='subscribe'/><x/></query></iq>");
    ck_assert(roster_parse(roster, item_count, seen));
    ck_assert_str_eq(seen->str, "a@b:both:0 c@d:none:1 ");
    static const struct {
        const char *text;
        enum blocks_change change;
    } rows[] = {{"<blocklist xmlns='urn:xmpp:blocking'><item jid='a@b'/></blocklist>", BLOCKS_LIST},
                {"<block xmlns='urn:xmpp:blocking'><item jid='a@b'/></block>", BLOCKS_ADDED},
                {"<unblock xmlns='urn:xmpp:blocking'><item jid='a@b'/></unblock>", BLOCKS_REMOVED},
                {"<unblock xmlns='urn:xmpp:blocking'/>", BLOCKS_CLEARED},
                {"<query xmlns='jabber:iq:roster'/>", BLOCKS_NONE}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strdup_printf("<iq xmlns='jabber:client'>%s</iq>", rows[i].text);
        g_autoptr(xmpp_stanza_t) iq = stanza_of(text);
        g_string_truncate(seen, 0);
        ck_assert_msg(blocks_parse(iq, block_count, seen) == rows[i].change, "%s", text);
    }
}
END_TEST

START_TEST(an_id_has_two_spellings)
{
    static const char *const bad[] = {"",
                                      "x",
                                      "-1",
                                      "1.0",
                                      "340282366920938463463374607431768211456",
                                      " 1",
                                      "9999999999999999999999999999999999999999"};
    struct uuid one, other;
    /* 0x01a222347a8b71238000abcdef123456 */
    ck_assert(uid_parse(UID, &one));
    ck_assert(uid_parse("2171073846584279016668416163716412502", &other));
    char text[UUID_TEXT_SIZE];
    uuid_format(&other, text);
    ck_assert_str_eq(text, UID);
    static const char *const numbers[] = {"2171073846584279016668416163716412502",
                                          "340282366920938463463374607431768211455", "0", "10"};
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        ck_assert(uid_parse(numbers[i], &one));
        g_autofree char *number = uid_decimal(&one);
        ck_assert_str_eq(number, numbers[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        ck_assert_msg(!uid_parse(bad[i], &one), "%s", bad[i]);
    uid_of_text("bob@example.org", "carol@example.org/x", "1", &one);
    uid_of_text("bob@example.org", "carol@example.org/x", "1", &other);
    ck_assert(uuid_equal(&one, &other));
    uid_of_text("bob@example.org", "carol@example.org/x1", "", &other);
    ck_assert(!uuid_equal(&one, &other));
}
END_TEST

UNIT_MAIN("bound_wire", a_hello_is_read, what_is_no_hello_is_none,
          a_wrapper_has_one_stanza_of_one_session, what_is_injected_has_no_sender_and_its_id,
          an_end_is_read, lists_are_read, names_and_groups_are_read_and_written,
          an_id_has_two_spellings)
