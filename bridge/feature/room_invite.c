/* SPDX-License-Identifier: GPL-3.0-or-later */
/* People on XMPP who are made members of a group are asked into its room: by the member who adds
 * them (XEP-0249), and by the room (XEP-0045 section 7.8.2), for clients that know only that. */
#include "config.h"

#include "bridge/core/feature.h"
#include "bridge/core/outbox.h"
#include "xep/0045_invitation.h"
#include "xep/0249_direct_invitation.h"
#include "xep/message.h"

/* The reference is the room's address, the payload the reason. */
static xmpp_stanza_t *build_direct(const struct outbox_entry *entry)
{
    if (!entry->reference)
        return NULL;
    g_autofree char *id = outbox_entry_id(entry);
    g_autofree char *from = g_strconcat(entry->from, "/rest", NULL);
    g_autofree char *text = g_strconcat("Invitation to the room ", entry->reference, NULL);
    struct direct_invitation invitation = {.room = entry->reference, .reason = entry->payload};
    xmpp_stanza_t *message = message_new(NULL, id, from, entry->to);
    stanza_add_text(message, "body", NULL, text);
    direct_invitation_add(message, &invitation);
    return message;
}

/* The payload is { from, reason }. */
static xmpp_stanza_t *build_mediated(const struct outbox_entry *entry)
{
    json_t *facts = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    g_autofree char *id = outbox_entry_id(entry);
    struct invitation invitation = {.kind = INVITATION_INVITE,
                                    .from = json_string_value(json_object_get(facts, "from")),
                                    .reason = json_string_value(json_object_get(facts, "reason"))};
    xmpp_stanza_t *message = NULL;
    if (invitation.from) {
        message = message_new(NULL, id, entry->from, entry->to);
        invitations_add(message, &invitation, 1);
    }
    json_decref(facts);
    return message;
}

static const struct outgoing outgoing[] = {
    {"invitation", SERVICE_USERS, .build = build_direct},
    {"room_invitation", SERVICE_ROOMS, .build = build_mediated},
    {0},
};

const struct feature feature_room_invite = {.name = "room_invite", .outgoing = outgoing};
