/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0333 chat markers. */
#include "config.h"

#include "xep/0333_markers.h"

static const char *const names[] = {
    [MARKER_NONE] = NULL,
    [MARKER_RECEIVED] = "received",
    [MARKER_DISPLAYED] = "displayed",
    [MARKER_ACKNOWLEDGED] = "acknowledged",
};

bool marker_is_markable(xmpp_stanza_t *message)
{
    return stanza_child(message, "markable", NS_MARKERS) != NULL;
}

enum marker marker_parse(xmpp_stanza_t *message, const char **ret_id)
{
    for (unsigned marker = MARKER_ACKNOWLEDGED; marker > MARKER_NONE; marker--) {
        xmpp_stanza_t *element = stanza_child_having(message, names[marker], NS_MARKERS, "id");
        if (element) {
            *ret_id = stanza_attr(element, "id");
            return (enum marker)marker;
        }
    }
    return MARKER_NONE;
}

void marker_add_markable(xmpp_stanza_t *message)
{
    stanza_add(message, "markable", NS_MARKERS);
}

void marker_add(xmpp_stanza_t *message, enum marker marker, const char *id)
{
    if (marker != MARKER_NONE)
        stanza_set(stanza_add(message, names[marker], NS_MARKERS), "id", id);
}
