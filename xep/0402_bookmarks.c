/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0402 bookmarks of rooms. */
#include "config.h"

#include <string.h>

#include "xep/0402_bookmarks.h"

bool bookmark_parse(xmpp_stanza_t *payload, struct bookmark *ret)
{
    if (!stanza_is(payload, "conference", NS_BOOKMARKS))
        return false;
    const char *autojoin = stanza_attr(payload, "autojoin");
    *ret = (struct bookmark){
        .name = stanza_attr(payload, "name"),
        .nick = stanza_child_text(payload, "nick", NS_BOOKMARKS),
        .password = stanza_child_text(payload, "password", NS_BOOKMARKS),
        .autojoin = autojoin && (strcmp(autojoin, "true") == 0 || strcmp(autojoin, "1") == 0),
        .extensions = stanza_child(payload, "extensions", NS_BOOKMARKS),
    };
    return true;
}

void bookmark_add(xmpp_stanza_t *item, const struct bookmark *bookmark)
{
    xmpp_stanza_t *conference = stanza_add(item, "conference", NS_BOOKMARKS);
    stanza_set(conference, "name", bookmark->name);
    stanza_set(conference, "autojoin", bookmark->autojoin ? "true" : NULL);
    if (bookmark->nick)
        stanza_add_text(conference, "nick", NS_BOOKMARKS, bookmark->nick);
    if (bookmark->password)
        stanza_add_text(conference, "password", NS_BOOKMARKS, bookmark->password);
    if (!bookmark->extensions)
        return;
    xmpp_stanza_t *copy = xmpp_stanza_copy(bookmark->extensions);
    if (!copy)
        g_error("out of memory");
    stanza_take(conference, copy);
}
