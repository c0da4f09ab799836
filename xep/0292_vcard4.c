/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0292 vCard4. Properties are elements that hold an element of their type (RFC 6351). */
#include "config.h"

#include "xep/0292_vcard4.h"

static void add_property(xmpp_stanza_t *vcard, const char *name, const char *text)
{
    if (text)
        stanza_add_text(stanza_add(vcard, name, NS_VCARD4), "text", NS_VCARD4, text);
}

void vcard4_add(xmpp_stanza_t *parent, const struct vcard4 *card)
{
    xmpp_stanza_t *vcard = stanza_add(parent, "vcard", NS_VCARD4);
    add_property(vcard, "fn", card->full_name);
    add_property(vcard, "nickname", card->nickname);
    add_property(vcard, "note", card->note);
}

static const char *read_property(xmpp_stanza_t *vcard, const char *name)
{
    xmpp_stanza_t *property = stanza_child(vcard, name, NS_VCARD4);
    return property ? stanza_child_text(property, "text", NS_VCARD4) : NULL;
}

bool vcard4_parse(xmpp_stanza_t *element, struct vcard4 *ret)
{
    if (!stanza_is(element, "vcard", NS_VCARD4))
        return false;
    *ret = (struct vcard4){.full_name = read_property(element, "fn"),
                           .nickname = read_property(element, "nickname"),
                           .note = read_property(element, "note")};
    return true;
}
