/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0424 message retraction. */
#include "config.h"

#include "xep/0422_fastening.h"
#include "xep/0424_retraction.h"

bool retraction_parse(xmpp_stanza_t *message, struct retraction *ret)
{
    xmpp_stanza_t *element = stanza_child_having(message, "retract", NS_RETRACT, "id");
    struct fastening fastening;
    if (element && !stanza_child(element, "moderated", NS_MODERATE)) {
        *ret = (struct retraction){.id = stanza_attr(element, "id"),
                                   .reason = stanza_child_text(element, "reason", NS_RETRACT)};
        return true;
    }
    if (element || !fastening_parse(message, "retract", NS_RETRACT_OLD, &fastening))
        return false;
    *ret = (struct retraction){.id = fastening.id, .old = true};
    return true;
}

void retraction_add(xmpp_stanza_t *message, const struct retraction *retraction)
{
    xmpp_stanza_t *element = stanza_add(message, "retract", NS_RETRACT);
    stanza_set(element, "id", retraction->id);
    if (retraction->reason)
        stanza_add_text(element, "reason", NS_RETRACT, retraction->reason);
}
