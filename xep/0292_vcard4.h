/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0292 vCard4: names and a note. */
#pragma once

#include "xep/stanza.h"

/* Borrowed; each may be NULL. */
struct vcard4 {
    const char *full_name;
    const char *nickname;
    const char *note;
};

/* Puts a vCard into PARENT: an item of the node NODE_VCARD4, or an answer. */
void vcard4_add(xmpp_stanza_t *parent, const struct vcard4 *card);
/* Reads <vcard/>; false: it is something else. */
bool vcard4_parse(xmpp_stanza_t *element, struct vcard4 *ret);
