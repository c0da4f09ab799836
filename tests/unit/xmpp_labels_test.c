/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Domains with two spellings: one of them inside, the server's own on the wire. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "bridge/xmpp/labels.h"
#include "tests/unit/unit.h"

#define OURS "b\u00fccher.example"
#define THEIRS "xn--bcher-kva.example"

static void arrive(struct labels *labels, const char *from, const char *inside)
{
    g_autoptr(xmpp_stanza_t) stanza = stanza_new("message", NULL);
    stanza_set(stanza, "from", from);
    stanza_set(stanza, "to", "alice@app.example.org");
    labels_arrive(labels, stanza);
    ck_assert_str_eq(stanza_attr(stanza, "from"), inside);
    ck_assert_str_eq(stanza_attr(stanza, "to"), "alice@app.example.org");
}

static void expect_leave(struct labels *labels, const char *to, const char *wire)
{
    g_autofree char *got = labels_leave(labels, to);
    ck_assert_pstr_eq(got, wire);
}

static void expect_text(struct labels *labels, const char *xml, const char *wire)
{
    g_autofree char *got = labels_leave_text(labels, xml, strlen(xml));
    ck_assert_pstr_eq(got, wire);
}

START_TEST(who_spells_otherwise_is_answered_so)
{
    struct labels *labels = labels_new();
    expect_leave(labels, "eve@" OURS "/x", NULL);
    arrive(labels, "eve@example.org/a", "eve@example.org/a");
    arrive(labels, "eve@" THEIRS "/a", "eve@" OURS "/a");
    expect_leave(labels, "eve@" OURS "/x", "eve@" THEIRS "/x");
    expect_leave(labels, OURS, THEIRS);
    expect_leave(labels, "eve@" THEIRS, NULL);
    expect_leave(labels, "eve@example.org", NULL);
    expect_leave(labels, "not an address", NULL);
    labels_free(labels);
}
END_TEST

START_TEST(in_text_only_the_receiver_is_spelled_otherwise)
{
    struct labels *labels = labels_new();
    expect_text(labels, "<message to='eve@" OURS "'/>", NULL);
    arrive(labels, "eve@" THEIRS, "eve@" OURS);
    expect_text(
        labels, "<message from='a@b' to='eve@" OURS "/x'><body>to='eve@" OURS "'</body></message>",
        "<message from='a@b' to='eve@" THEIRS "/x'><body>to='eve@" OURS "'</body></message>");
    expect_text(labels, "<iq id=\"a to='eve@" OURS "'\" to=\"" OURS "\" type='get'/>",
                "<iq id=\"a to='eve@" OURS "'\" to=\"" THEIRS "\" type='get'/>");
    expect_text(labels, "<message to='eve@example.org'><body>" OURS "</body></message>", NULL);
    static const char *const odd[] = {"",
                                      "<",
                                      "<message",
                                      "<message to",
                                      "<message to=",
                                      "<message to='",
                                      ("<message to='eve@" OURS),
                                      "<message/>",
                                      "<message  />",
                                      "<a b=c to='x'/>"};
    for (size_t i = 0; i < G_N_ELEMENTS(odd); i++)
        expect_text(labels, odd[i], NULL);
    labels_free(labels);
}
END_TEST

START_TEST(the_table_has_an_end)
{
    struct labels *labels = labels_new();
    for (unsigned i = 0; i < 5000; i++) {
        g_autofree char *from = g_strdup_printf("eve@d%u.Example", i);
        g_autofree char *inside = g_ascii_strdown(from, -1);
        arrive(labels, from, inside);
    }
    expect_leave(labels, "eve@d4999.example", "eve@d4999.Example");
    expect_leave(labels, "eve@d1.example", NULL);
    labels_free(labels);
}
END_TEST

UNIT_MAIN("xmpp_labels", who_spells_otherwise_is_answered_so,
          in_text_only_the_receiver_is_spelled_otherwise, the_table_has_an_end)
