/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A moderator on XMPP takes away what somebody said in a room (XEP-0425). removal.c tells it. */
#include "config.h"

#include <string.h>

#include "bridge/base/text.h"
#include "bridge/core/feature.h"
#include "bridge/room/demand.h"
#include "xep/0425_moderation.h"

#define ID_MAX 255

static json_t *moderation_arguments(const struct moderation *moderation)
{
    char id[UUID_TEXT_SIZE];
    uuid_generate_text(id);
    return json_pack("{s:s, s:s*, s:s}", "message", moderation->id, "reason",
                     text_bounded(moderation->reason, ROOM_REASON_MAX), "stanza", id);
}

static bool on_moderation(const struct stanza_context *context)
{
    struct moderation moderation;
    if (!moderation_request_parse(context->stanza, &moderation))
        return room_reject(context, "modify", "bad-request", NULL);
    if (strlen(moderation.id) > ID_MAX)
        return room_reject(context, "cancel", "item-not-found", NULL);
    return room_demand(context, "room_moderate", moderation_arguments(&moderation));
}

/* The second is the form of version :0. Nothing else is fastened by an IQ. */
static const struct stanza_handler stanzas[] = {
    {"iq", "set", "moderate", NS_MODERATE, TARGET_ROOM, .claim = on_moderation},
    {"iq", "set", "apply-to", NS_FASTEN, TARGET_ROOM, .claim = on_moderation},
    {0},
};

const struct feature feature_room_moderate = {.name = "room_moderate", .stanzas = stanzas};
