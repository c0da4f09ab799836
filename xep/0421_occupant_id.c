/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0421 occupant identifiers. */
#include "config.h"

#include "xep/0421_occupant_id.h"

const char *occupant_id_parse(xmpp_stanza_t *parent)
{
    xmpp_stanza_t *element = stanza_child_having(parent, "occupant-id", NS_OCCUPANT, "id");
    return element ? stanza_attr(element, "id") : NULL;
}

void occupant_id_add(xmpp_stanza_t *parent, const char *id)
{
    stanza_set(stanza_add(parent, "occupant-id", NS_OCCUPANT), "id", id);
}
