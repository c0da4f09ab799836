/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0353 Jingle Message Initiation. */
#include "config.h"

#include <string.h>

#include "xep/0353_jingle_message.h"

static const char *const names[JM_KINDS] = {
    [JM_PROPOSE] = "propose", [JM_RINGING] = "ringing", [JM_PROCEED] = "proceed",
    [JM_ACCEPT] = "accept",   [JM_REJECT] = "reject",   [JM_RETRACT] = "retract",
    [JM_FINISH] = "finish",
};

static void media_parse(xmpp_stanza_t *propose, struct jingle_message *message)
{
    for (xmpp_stanza_t *child = stanza_first(propose); child; child = stanza_next(child)) {
        const char *media = stanza_attr(child, "media");
        if (strcmp(stanza_name(child), "description") != 0)
            continue;
        if (strcmp(stanza_ns(child), NS_JINGLE_RTP) != 0)
            message->other_media = true;
        else if (g_strcmp0(media, "audio") == 0)
            message->media |= JINGLE_AUDIO;
        else if (g_strcmp0(media, "video") == 0)
            message->media |= JINGLE_VIDEO;
        else
            message->other_media = true;
    }
}

static bool payload_parse(xmpp_stanza_t *payload, struct jingle_message *ret)
{
    const char *id = stanza_attr(payload, "id");
    if (strcmp(stanza_ns(payload), NS_JINGLE_MESSAGE) != 0 || !id || !*id ||
        strlen(id) > JINGLE_SID_MAX)
        return false;
    for (enum jingle_message_kind kind = JM_PROPOSE; kind < JM_KINDS; kind++) {
        if (strcmp(stanza_name(payload), names[kind]) != 0)
            continue;
        *ret = (struct jingle_message){.kind = kind, .id = id};
        ret->reason = jingle_reason_parse(payload, NULL);
        ret->tie_break = stanza_child(payload, "tie-break", NS_JINGLE_MESSAGE) != NULL;
        xmpp_stanza_t *migrated = stanza_child(payload, "migrated", NS_JINGLE_MESSAGE);
        ret->migrated_to = migrated ? stanza_attr(migrated, "to") : NULL;
        if (kind == JM_PROPOSE)
            media_parse(payload, ret);
        return true;
    }
    return false;
}

bool jingle_message_parse(xmpp_stanza_t *message, struct jingle_message *ret)
{
    for (xmpp_stanza_t *child = stanza_first(message); child; child = stanza_next(child)) {
        if (payload_parse(child, ret))
            return true;
    }
    return false;
}

static void media_add(xmpp_stanza_t *propose, const char *media)
{
    stanza_set(stanza_add(propose, "description", NS_JINGLE_RTP), "media", media);
}

void jingle_message_add(xmpp_stanza_t *message, const struct jingle_message *jingle_message)
{
    xmpp_stanza_t *payload = stanza_add(message, names[jingle_message->kind], NS_JINGLE_MESSAGE);
    stanza_set(payload, "id", jingle_message->id);
    if (jingle_message->media & JINGLE_AUDIO)
        media_add(payload, "audio");
    if (jingle_message->media & JINGLE_VIDEO)
        media_add(payload, "video");
    jingle_reason_add(payload, jingle_message->reason);
    if (jingle_message->tie_break)
        stanza_add(payload, "tie-break", NS_JINGLE_MESSAGE);
    if (jingle_message->migrated_to)
        stanza_set(stanza_add(payload, "migrated", NS_JINGLE_MESSAGE), "to",
                   jingle_message->migrated_to);
}
