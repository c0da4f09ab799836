/* SPDX-License-Identifier: GPL-3.0-or-later */
/* People on XMPP who are made members of a group are asked into its room: by the member who adds
 * them (XEP-0249), and by the room (XEP-0045 section 7.8.2), for clients that know only that. And
 * members on XMPP ask a room to do so. */
#include "config.h"

#include <string.h>

#include "bridge/base/text.h"
#include "bridge/core/feature.h"
#include "bridge/core/outbox.h"
#include "bridge/room/demand.h"
#include "xep/0045_invitation.h"
#include "xep/0249_direct_invitation.h"
#include "xep/jid.h"
#include "xep/message.h"

/* ---- From XMPP ------------------------------------------------------------------------------- */

static bool invite_people(const struct stanza_context *context, const struct invitation *list,
                          size_t count)
{
    if (!room_take_people(context, count))
        return true;
    json_t *people = json_array();
    for (size_t i = 0; i < count; i++) {
        g_autofree char *jid = list[i].to ? jid_prepare_bare(list[i].to) : NULL;
        if (!jid) {
            json_decref(people);
            return room_reject(context, "modify", "jid-malformed", NULL);
        }
        json_array_append_new(people, json_pack("{s:s, s:s*}", "jid", jid, "reason",
                                                text_bounded(list[i].reason, ROOM_REASON_MAX)));
    }
    return room_demand(context, "room_invite", json_pack("{s:o}", "people", people));
}

/* One message invites, or declines: it is not mixed. */
static bool on_mediated(const struct stanza_context *context)
{
    struct invitation list[INVITATIONS_MAX];
    bool more = false;
    size_t count = invitations_parse(context->stanza, list, &more);
    if (count == 0)
        return false;
    if (more)
        return room_reject(context, "modify", "policy-violation", "Too many at once");
    if (list[0].kind == INVITATION_DECLINE)
        return room_demand(
            context, "room_decline",
            json_pack("{s:s*}", "reason", text_bounded(list[0].reason, ROOM_REASON_MAX)));
    return invite_people(context, list, count);
}

static const struct stanza_handler stanzas[] = {
    {"message", "chat|normal", "x", NS_MUC_USER, TARGET_ROOM, .claim = on_mediated},
    {0},
};

/* ---- To XMPP --------------------------------------------------------------------------------- */

/* The reference is the room's address, the payload the reason. */
static xmpp_stanza_t *build_direct(const struct outbox_entry *entry)
{
    if (!entry->reference)
        return NULL;
    g_autofree char *id = outbox_entry_id(entry);
    g_autofree char *from = outbox_entry_from(entry);
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

/* The payload is { from, reason }, to who has invited. */
static xmpp_stanza_t *build_declined(const struct outbox_entry *entry)
{
    json_t *facts = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    g_autofree char *id = outbox_entry_id(entry);
    struct invitation declined = {
        .kind = INVITATION_DECLINE,
        .from = json_string_value(json_object_get(facts, "from")),
        .reason = json_string_value(json_object_get(facts, "reason")),
    };
    xmpp_stanza_t *message = message_new("normal", id, entry->from, entry->to);
    invitations_add(message, &declined, 1);
    json_decref(facts);
    return message;
}

static const struct outgoing outgoing[] = {
    {"invitation", SERVICE_USERS, .build = build_direct},
    {"room_invitation", SERVICE_ROOMS, .build = build_mediated},
    {"room_declined", SERVICE_ROOMS, .build = build_declined},
    {0},
};

const struct feature feature_room_invite = {
    .name = "room_invite", .stanzas = stanzas, .outgoing = outgoing};
