/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0317 hats: titles of occupants, which give no rights. */
#pragma once

#include "xep/stanza.h"

#define HATS_MAX 16

/* Borrowed. */
struct hat {
    const char *uri;   /* not empty */
    const char *title; /* not empty */
};

/* Reads those of PRESENCE into RET; how many. Believe them only from a room. */
size_t hats_parse(xmpp_stanza_t *presence, struct hat ret[HATS_MAX]);
void hats_add(xmpp_stanza_t *presence, const struct hat *hats, size_t count);
