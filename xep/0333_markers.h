/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0333 chat markers. */
#pragma once

#include "xep/stanza.h"

enum marker {
    MARKER_NONE,
    MARKER_RECEIVED,
    MARKER_DISPLAYED,
    MARKER_ACKNOWLEDGED, /* of old versions; means at least displayed */
};

bool marker_is_markable(xmpp_stanza_t *message);
/* The strongest marker in MESSAGE; *ret_id, borrowed, is the id of the marked message and only set
 * when there is a marker. One without id is none. */
enum marker marker_parse(xmpp_stanza_t *message, const char **ret_id);
void marker_add_markable(xmpp_stanza_t *message);
void marker_add(xmpp_stanza_t *message, enum marker marker, const char *id);
