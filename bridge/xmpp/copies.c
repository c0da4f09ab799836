/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One text, cut where the address belongs. */
#include "config.h"

#include "bridge/xmpp/copies.h"
#include "xep/stanza_text.h"

void copies_clear(struct copies *copies)
{
    if (!copies->stanza)
        return;
    xmpp_stanza_release(copies->stanza);
    g_free(copies->text);
    g_string_free(copies->whole, TRUE);
    *copies = (struct copies){0};
}

static void copies_begin(struct copies *copies, xmpp_stanza_t *stanza)
{
    copies_clear(copies);
    copies->stanza = xmpp_stanza_clone(stanza);
    copies->text = stanza_to_link_text_without_to(stanza, &copies->length, &copies->place);
    copies->whole = g_string_sized_new(copies->length + 256);
}

const char *copies_text(struct copies *copies, xmpp_stanza_t *stanza, size_t *ret_length)
{
    if (copies->stanza != stanza)
        copies_begin(copies, stanza);
    g_string_truncate(copies->whole, 0);
    g_string_append_len(copies->whole, copies->text, (gssize)copies->place);
    stanza_append_attribute_value(copies->whole, xmpp_stanza_get_to(stanza));
    g_string_append_len(copies->whole, copies->text + copies->place,
                        (gssize)(copies->length - copies->place));
    *ret_length = copies->whole->len;
    return copies->whole->str;
}
