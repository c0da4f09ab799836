/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is in the archive of a room, as a stanza. */
#pragma once

#include "xep/stanza.h"

/* A row of archive_page() in SQL; borrowed. */
struct mam_row {
    const char *kind; /* "message", or an entry's */
    const char *id;   /* in the archive */
    const char *room; /* bare JID */
};

/* The stanza as who is in the room got it, without `to`, of FACTS, which is JSON. The caller owns
 * it; NULL: nothing like it is known here. */
xmpp_stanza_t *mam_row_build(const struct mam_row *row, const char *facts);
