/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0153 vCard-based avatars. */
#include "config.h"

#include "xep/0153_vcard_avatar.h"

void vcard_update_add(xmpp_stanza_t *presence, const char *hash)
{
    xmpp_stanza_t *update = stanza_add(presence, "x", NS_VCARD_UPDATE);
    if (*hash)
        stanza_add_text(update, "photo", NS_VCARD_UPDATE, hash);
    else
        stanza_add(update, "photo", NS_VCARD_UPDATE);
}

const char *vcard_update_parse(xmpp_stanza_t *presence)
{
    for (xmpp_stanza_t *child = stanza_first(presence); child; child = stanza_next(child)) {
        const char *photo = stanza_is(child, "x", NS_VCARD_UPDATE)
                                ? stanza_child_text(child, "photo", NS_VCARD_UPDATE)
                                : NULL;
        if (photo)
            return photo;
    }
    return NULL;
}
