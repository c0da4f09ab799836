/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies of a stanza are what each of them would be by itself. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/xmpp/copies.h"
#include "tests/unit/unit.h"
#include "xep/stanza.h"
#include "xep/stanza_read.h"
#include "xep/stanza_text.h"

static const char *const addresses[] = {"a@x.example/1", "b@x.example/ to=''",
                                        "c&d@x.example/\"'<>", "e@x.example/\xc3\xa9"};

static void check_copies(struct copies *copies, xmpp_stanza_t *stanza)
{
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
        size_t length = 0, wanted = 0;
        xmpp_stanza_set_to(stanza, addresses[i]);
        const char *text = copies_text(copies, stanza, &length);
        g_autofree char *alone = stanza_to_link_text(stanza, &wanted);
        ck_assert_str_eq(text, alone);
        ck_assert_uint_eq(length, wanted);
        ck_assert_str_eq(xmpp_stanza_get_to(stanza), addresses[i]);
    }
}

START_TEST(each_copy_is_what_it_would_be_alone)
{
    static const char *const stanzas[] = {
        "<message xmlns='jabber:client' from='r@y.example/N' id='i'><body>a &lt; b</body>"
        "<x xmlns='u:x' to=''/></message>",
        "<message xmlns='jabber:client' from='r@y.example/ to=&apos;&apos;' id=' "
        "to='><body/></message>",
        "<presence xmlns='jabber:client' from='r@y.example/N' to='other@y.example' id=''/>",
        "<message xmlns='jabber:client' from='r@y.example/N' type='groupchat'><forwarded "
        "xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' "
        "to='inside@y.example'/></forwarded>"
        "</message>"};
    struct copies copies = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(stanzas); i++) {
        g_autoptr(xmpp_stanza_t) stanza = stanza_from_text(stanzas[i], strlen(stanzas[i]));
        ck_assert_ptr_nonnull(stanza);
        check_copies(&copies, stanza);
    }
    copies_clear(&copies);
    copies_clear(&copies);
}
END_TEST

UNIT_MAIN("xmpp_copies", each_copy_is_what_it_would_be_alone)
