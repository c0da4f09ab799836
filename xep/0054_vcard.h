/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0054 vcard-temp, as much as a profile shows. */
#pragma once

#include "xep/stanza.h"

/* Borrowed; each may be NULL. PHOTO is base64. */
struct vcard {
    const char *full_name;
    const char *nickname;
    const char *description;
    const char *photo_type;
    const char *photo;
};

/* Answers IQ; NULL when IQ must not be answered. */
xmpp_stanza_t *vcard_build_result(xmpp_stanza_t *iq, const struct vcard *card);
/* Reads a result or a set; false without a vCard. Of several properties of a name, the first that
 * says something. */
bool vcard_parse(xmpp_stanza_t *iq, struct vcard *ret);
