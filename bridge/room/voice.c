/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking for voice in a room where not everybody may write (XEP-0045 sections 7.13 and 8.6): who
 * asks is shown to the moderators, of whom any may give it. Apps give it as a permission. */
#include "config.h"

#include "bridge/core/feature.h"
#include "bridge/core/outbox.h"
#include "bridge/room/demand.h"
#include "xep/0045_voice.h"
#include "xep/jid.h"
#include "xep/message.h"

/* A moderator's answer: to allow is to give the role, and to refuse is to do nothing. */
static bool answer_take(const struct stanza_context *context, const struct voice *voice)
{
    g_autofree char *jid = voice->jid ? jid_prepare_bare(voice->jid) : NULL;
    if (!voice->is_allowed)
        return true;
    if (!voice->nick && !jid)
        return room_reject(context, "modify", "bad-request", "Say to whom you give it");
    return room_demand(context, "room_admin",
                       json_pack("{s:[{s:s*, s:s*, s:s}]}", "items", "nick", voice->nick, "jid",
                                 voice->nick ? NULL : jid, "role", muc_role_name(voice->role)));
}

static bool on_form(const struct stanza_context *context)
{
    struct voice voice;
    if (!voice_parse(context->stanza, &voice) || voice.kind == VOICE_FORM)
        return false;
    if (voice.kind == VOICE_ANSWER)
        return answer_take(context, &voice);
    if (voice.role != ROLE_PARTICIPANT)
        return room_reject(context, "cancel", "not-allowed", "Nothing but voice can be asked for");
    if (!room_take_people(context, 1))
        return true;
    return room_demand(context, "room_voice_ask", NULL);
}

/* To a moderator; the payload is { jid, nick }, of who asks. */
static xmpp_stanza_t *build_form(const struct outbox_entry *entry)
{
    json_t *facts = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    g_autofree char *id = outbox_entry_id(entry);
    struct voice voice = {.kind = VOICE_FORM,
                          .role = ROLE_PARTICIPANT,
                          .jid = json_string_value(json_object_get(facts, "jid")),
                          .nick = json_string_value(json_object_get(facts, "nick"))};
    xmpp_stanza_t *message = message_new("normal", id, entry->from, entry->to);
    voice_add(message, &voice);
    json_decref(facts);
    return message;
}

static const struct outgoing outgoing[] = {
    {"room_voice_form", SERVICE_ROOMS, .build = build_form},
    {0},
};

static const struct stanza_handler stanzas[] = {
    {"message", "chat|normal", "x", NS_DATA, TARGET_ROOM, .claim = on_form},
    {0},
};

const struct feature feature_room_voice = {
    .name = "room_voice", .stanzas = stanzas, .outgoing = outgoing};
