/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0054 vcard-temp. */
#include "config.h"

#include <string.h>

#include "xep/0054_vcard.h"

bool vcard_is_request(xmpp_stanza_t *iq)
{
    const char *type = stanza_attr(iq, "type");
    return type && strcmp(type, "get") == 0 && stanza_child(iq, "vCard", NS_VCARD);
}

xmpp_stanza_t *vcard_build_result(xmpp_stanza_t *iq, const struct vcard *card)
{
    xmpp_stanza_t *result = stanza_reply_result(iq);
    if (!result)
        return NULL;
    xmpp_stanza_t *element = stanza_add(result, "vCard", NS_VCARD);
    if (card->full_name)
        stanza_add_text(element, "FN", NS_VCARD, card->full_name);
    if (card->nickname)
        stanza_add_text(element, "NICKNAME", NS_VCARD, card->nickname);
    if (card->description)
        stanza_add_text(element, "DESC", NS_VCARD, card->description);
    if (card->photo) {
        xmpp_stanza_t *photo = stanza_add(element, "PHOTO", NS_VCARD);
        if (card->photo_type)
            stanza_add_text(photo, "TYPE", NS_VCARD, card->photo_type);
        stanza_add_text(photo, "BINVAL", NS_VCARD, card->photo);
    }
    return result;
}

bool vcard_parse(xmpp_stanza_t *iq, struct vcard *ret)
{
    xmpp_stanza_t *element = stanza_child(iq, "vCard", NS_VCARD);
    if (!element)
        return false;
    xmpp_stanza_t *photo = stanza_child(element, "PHOTO", NS_VCARD);
    *ret = (struct vcard){
        .full_name = stanza_child_text(element, "FN", NS_VCARD),
        .nickname = stanza_child_text(element, "NICKNAME", NS_VCARD),
        .description = stanza_child_text(element, "DESC", NS_VCARD),
        .photo_type = photo ? stanza_child_text(photo, "TYPE", NS_VCARD) : NULL,
        .photo = photo ? stanza_child_text(photo, "BINVAL", NS_VCARD) : NULL,
    };
    return true;
}
