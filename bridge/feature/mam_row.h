/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is in the archive of a room, as a stanza. */
#pragma once

#include "bridge/room/groupchat.h"

/* A row of archive_page() in SQL; borrowed, and NULL what there is not. */
struct mam_row {
    const char *kind;          /* "message", or an entry's */
    struct groupchat envelope; /* to nobody */
    const char *jid;           /* whose it is, for those who may know */
    const char *body;
    const char *came;
    const char *details; /* JSON */
};

/* The stanza as who is in the room got it. The caller owns it; NULL: nothing like it is known here.
 */
xmpp_stanza_t *mam_row_build(const struct mam_row *row);
