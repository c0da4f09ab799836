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
    xmpp_stanza_t *update = stanza_child(presence, "x", NS_VCARD_UPDATE);
    return update ? stanza_child_text(update, "photo", NS_VCARD_UPDATE) : NULL;
}
