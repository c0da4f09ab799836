/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts of a stanza that goes to many: it is serialised once. */
#pragma once

#include <glib.h>

#include "xep/stanza.h"

struct copies {
    xmpp_stanza_t *stanza; /* reference; NULL: none yet */
    char *text;            /* of STANZA, with nothing in the attribute `to` */
    size_t length, place;  /* of that text; where the value of `to` belongs */
    GString *whole;
};

void copies_clear(struct copies *copies);
/* The text of STANZA for the link, valid until the next call. Only its attribute `to` may have been
 * changed since the call before, if that was of the same object. */
const char *copies_text(struct copies *copies, xmpp_stanza_t *stanza, size_t *ret_length);
