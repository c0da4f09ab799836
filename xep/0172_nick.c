/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0172 user nicknames. */
#include "config.h"

#include "xep/0172_nick.h"

void nick_add(xmpp_stanza_t *parent, const char *nick)
{
    stanza_add_text(parent, "nick", NS_NICK, nick);
}

const char *nick_parse(xmpp_stanza_t *element)
{
    return stanza_is(element, "nick", NS_NICK) ? stanza_text(element) : NULL;
}
