/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0084 user avatars: the payloads of the two nodes. */
#pragma once

#include "xep/stanza.h"

/* Borrowed. Numbers are as claimed, 0 when absent or no number. */
struct avatar_info {
    const char *id; /* sha-1 of the bytes in hex; NULL: the user has no avatar */
    const char *type;
    guint64 bytes, width, height;
};

/* Puts metadata into ITEM; INFO with id NULL says that there is no avatar. */
void avatar_metadata_add(xmpp_stanza_t *item, const struct avatar_info *info);
/* Reads <metadata/>: the PNG that is in the data node, else the first picture that is; before them
 * those whose id can be a digest. Those kept
 * elsewhere (with a URL) are passed over; when there are only such, false. */
bool avatar_metadata_parse(xmpp_stanza_t *metadata, struct avatar_info *ret);

/* Puts data (base64) into ITEM. */
void avatar_data_add(xmpp_stanza_t *item, const char *base64);
/* The base64 text of <data/>, or NULL. */
const char *avatar_data_parse(xmpp_stanza_t *data);
