/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0054 vcard-temp. */
#include "config.h"

#include <string.h>

#include "xep/0054_vcard.h"
#include "xep/visible.h"

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

/* The text of the first such property that shows anything; NULL: none does. Empty ones are what
 * clients send for fields that were not filled in. */
static const char *find_text(xmpp_stanza_t *card, const char *name)
{
    for (xmpp_stanza_t *child = stanza_first(card); child; child = stanza_next(child)) {
        const char *text = stanza_is(child, name, NS_VCARD) ? stanza_text(child) : NULL;
        if (text && text_is_visible(text, strlen(text)))
            return text;
    }
    return NULL;
}

/* The first photo with data: others are addresses, or empty. */
static xmpp_stanza_t *find_photo(xmpp_stanza_t *card)
{
    for (xmpp_stanza_t *child = stanza_first(card); child; child = stanza_next(child)) {
        const char *data = stanza_is(child, "PHOTO", NS_VCARD)
                               ? stanza_child_text(child, "BINVAL", NS_VCARD)
                               : NULL;
        if (data && *data)
            return child;
    }
    return NULL;
}

bool vcard_parse(xmpp_stanza_t *iq, struct vcard *ret)
{
    xmpp_stanza_t *element = stanza_child(iq, "vCard", NS_VCARD);
    if (!element)
        return false;
    xmpp_stanza_t *photo = find_photo(element);
    *ret = (struct vcard){
        .full_name = find_text(element, "FN"),
        .nickname = find_text(element, "NICKNAME"),
        .description = find_text(element, "DESC"),
        .photo_type = photo ? stanza_child_text(photo, "TYPE", NS_VCARD) : NULL,
        .photo = photo ? stanza_child_text(photo, "BINVAL", NS_VCARD) : NULL,
    };
    return true;
}
