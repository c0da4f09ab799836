/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is left of retracted messages. */
#include "config.h"

#include "xep/0421_occupant_id.h"
#include "xep/0424_tombstone.h"
#include "xep/time.h"

static int64_t read_stamp(xmpp_stanza_t *retracted)
{
    const char *stamp = stanza_attr(retracted, "stamp");
    int64_t us = 0;
    if (stamp)
        xep_time_parse(stamp, &us);
    return us;
}

/* Of version :0: <retracted/>, or <moderated/> around it. */
static bool read_old(xmpp_stanza_t *message, struct tombstone *ret)
{
    xmpp_stanza_t *moderated = stanza_child(message, "moderated", NS_MODERATE_OLD);
    xmpp_stanza_t *parent = moderated ? moderated : message;
    xmpp_stanza_t *retracted = stanza_child(parent, "retracted", NS_RETRACT_OLD);
    if (!retracted)
        return false;
    *ret = (struct tombstone){.id = stanza_attr(retracted, "id"),
                              .stamp_us = read_stamp(retracted),
                              .moderated = moderated != NULL};
    if (moderated) {
        ret->moderator.by = stanza_attr(moderated, "by");
        ret->moderator.occupant_id = occupant_id_parse(moderated);
        ret->reason = stanza_child_text(moderated, "reason", NS_MODERATE_OLD);
    }
    return true;
}

bool tombstone_parse(xmpp_stanza_t *message, struct tombstone *ret)
{
    xmpp_stanza_t *retracted = stanza_child(message, "retracted", NS_RETRACT);
    if (!retracted)
        return read_old(message, ret);
    *ret = (struct tombstone){.id = stanza_attr(retracted, "id"),
                              .stamp_us = read_stamp(retracted),
                              .reason = stanza_child_text(retracted, "reason", NS_RETRACT)};
    ret->moderated = moderator_parse(retracted, &ret->moderator);
    return true;
}

void tombstone_add(xmpp_stanza_t *message, const struct tombstone *tombstone)
{
    xmpp_stanza_t *retracted = stanza_add(message, "retracted", NS_RETRACT);
    g_autofree char *stamp = tombstone->stamp_us ? xep_time_format(tombstone->stamp_us) : NULL;
    stanza_set(retracted, "id", tombstone->id);
    stanza_set(retracted, "stamp", stamp);
    if (tombstone->moderated)
        moderator_add(retracted, &tombstone->moderator);
    if (tombstone->reason)
        stanza_add_text(retracted, "reason", NS_RETRACT, tombstone->reason);
}
