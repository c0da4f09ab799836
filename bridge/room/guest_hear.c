/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listening in rooms elsewhere: texts and subjects. Edits, reactions and the like are claimed by
 * the features that they belong to, with guest_who() in place of an address. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/base/text.h"
#include "bridge/core/change.h"
#include "bridge/core/content.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/mark.h"
#include "bridge/room/demand.h"
#include "bridge/room/groupchat.h"
#include "bridge/room/guest.h"
#include "bridge/room/guest_enter.h"
#include "bridge/room/guest_hear.h"
#include "bridge/xmpp/arrival.h"
#include "bridge/xmpp/link.h"
#include "xep/0045_user.h"
#include "xep/0333_markers.h"
#include "xep/0359_ids.h"
#include "xep/0421_occupant_id.h"
#include "xep/0425_moderation.h"
#include "xep/error.h"
#include "xep/jid.h"
#include "xep/message.h"
#include "xep/message_text.h"
#include "xep/stanza_text.h"

#define ID_MAX 255

/* ---- Who and what ---------------------------------------------------------------------------- */

bool guest_is_said(const struct stanza_context *context)
{
    return context->service == SERVICE_USERS && strcmp(context->type, "groupchat") == 0;
}

static const char *nick_of(const struct stanza_context *context)
{
    const char *slash = strchr(context->from, '/');
    return slash ? slash + 1 : NULL;
}

/* The address behind the nick, as an archive says it. */
static char *shown_jid(const struct stanza_context *context)
{
    struct muc_user user;
    bool shown = context->archive_id && muc_user_parse(context->stanza, &user) && user.has_item &&
                 user.item.jid;
    return shown ? jid_prepare_bare(user.item.jid) : NULL;
}

json_t *guest_who(const struct stanza_context *context)
{
    if (!guest_is_said(context))
        return NULL;
    const struct core *core = context->data;
    g_autofree char *jid = shown_jid(context);
    bool past = context->archive_id || arrival_sent_at(core->options, context) != 0;
    return json_pack("{s:s*, s:s*, s:s*, s:b}", "nick", nick_of(context), "occupant",
                     occupant_id_parse(context->stanza), "jid", jid, "past", past);
}

static const char *usable_id(const char *id)
{
    return text_bounded(id, ID_MAX);
}

const char *guest_wire(const struct stanza_context *context)
{
    const struct guest_room *room = guest_room_find(context->from_bare);
    if (context->archive_id)
        return usable_id(context->archive_id);
    return room && room->named ? usable_id(stanza_id_parse(context->stanza, context->from_bare))
                               : NULL;
}

/* ---- Which copy ------------------------------------------------------------------------------ */

/* What a user of ours did to a message comes back: it has been said. */
static void hear_echo(const struct stanza_context *context, const struct guest_room *room)
{
    const char *nick = nick_of(context), *id = stanza_attr(context->stanza, "id");
    if (!nick || !usable_id(id) || !guest_seat_named(room, nick))
        return;
    change_submit(
        context->data, "guest_echo", NULL,
        json_pack("{s:s, s:s, s:o}", "room", room->jid, "id", id, "who", guest_who(context)), NULL,
        NULL);
}

/* One copy is enough. What is said while the archive is asked comes out of that. */
static bool on_copy(const struct stanza_context *context)
{
    struct guest_seat *seat = guest_seat_find(context->to_bare, context->from_bare);
    if (!seat) {
        g_autoptr(xmpp_stanza_t) reply =
            stanza_reply_error(context->stanza, "cancel", "service-unavailable", NULL);
        if (reply)
            link_send(context->link, reply);
        return true;
    }
    struct guest_room *room = seat->room;
    if (room->ear != seat)
        return true;
    if (room->archived && !room->live) {
        room->again = true;
        return true;
    }
    hear_echo(context, room);
    return false;
}

/* ---- Texts ----------------------------------------------------------------------------------- */

void guest_message_submit(struct core *core, const struct guest_message *message)
{
    const struct message_arrival *said = &message->arrival;
    char made[UUID_TEXT_SIZE], sent[CLOCK_TIMESTAMP_SIZE];
    uuid_generate_text(made);
    clock_format(said->sent_at, sent);
    json_t *arguments = json_pack(
        "{s:s, s:s, s:O, s:s, s:s*, s:s*, s:s*, s:s, s:s*, s:s*, s:b}", "room", said->from, "to",
        said->to, "who", message->who, "message", made, "id", said->foreign_id, "origin",
        said->origin_id, "wire", message->wire, "address", said->address, "body", said->body,
        "stanza", said->stanza, "markable", said->markable);
    if (said->details)
        json_object_set_new(arguments, "details", said->details);
    if (said->sent_at)
        json_object_set_new(arguments, "sent", json_string(sent));
    change_submit(core, "guest_message", NULL, arguments, NULL, NULL);
}

/* What is too long to be kept is cut. */
static char *text_kept(const struct core *core, const char *text)
{
    gsize most = (gsize)core->options->messages_xmpp_content_max;
    if (strlen(text) <= most)
        return g_strdup(text);
    const char *end = g_utf8_find_prev_char(text, text + most - strlen("…") + 1);
    return g_strdup_printf("%.*s…", (int)(end - text), text);
}

static void hear_text(const struct stanza_context *context, xmpp_stanza_t *stripped,
                      const struct message_stanza *message, const char *text)
{
    const struct core *core = context->data;
    g_autofree char *archived = stanza_to_text(stripped, NULL);
    g_autofree char *kept = text_kept(core, text);
    json_t *who = guest_who(context);
    const struct content_text said = {message->body, kept};
    struct guest_message heard = {.arrival = {.from = context->from_bare,
                                              .to = context->to_bare,
                                              .address = context->from,
                                              .body = kept,
                                              .foreign_id = usable_id(message->id),
                                              .origin_id = usable_id(message->origin_id),
                                              .details = content_of_stanza(context, &said),
                                              .stanza = archived,
                                              .markable = marker_is_markable(stripped),
                                              .sent_at = arrival_sent_at(core->options, context)},
                                  .who = who,
                                  .wire = guest_wire(context)};
    guest_message_submit(context->data, &heard);
    json_decref(who);
}

static void hear_subject(const struct stanza_context *context, const char *subject)
{
    struct guest_room *room = guest_room_find(context->from_bare);
    const struct core *core = context->data;
    g_autofree char *kept = text_kept(core, subject);
    if (context->archive_id || !room) /* only the newest counts */
        return;
    change_submit(context->data, "guest_subject", NULL,
                  json_pack("{s:s, s:s, s:s}", "room", context->from_bare, "to", context->to_bare,
                            "subject", kept),
                  NULL, NULL);
    if (!room->archived)
        guest_room_settled(room);
}

/* The room itself says that something about it has changed. */
static void hear_status(const struct stanza_context *context)
{
    struct muc_user user;
    struct guest_room *room = guest_room_find(context->from_bare);
    if (room && !context->archive_id && muc_user_parse(context->stanza, &user) &&
        user.code_count > 0)
        guest_room_describe(room);
}

bool guest_hear_moderation(const struct stanza_context *context)
{
    struct moderation moderation;
    if (strchr(context->from, '/') || !moderation_parse(context->stanza, &moderation) ||
        !usable_id(moderation.id))
        return false;
    const char *by = moderation.moderator.by ? strchr(moderation.moderator.by, '/') : NULL;
    const char *reason = text_bounded(moderation.reason, ROOM_REASON_MAX);
    change_submit(context->data, "guest_moderated", NULL,
                  json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "room", context->from_bare, "to",
                            context->to_bare, "id", moderation.id, "reason", reason, "by",
                            by ? by + 1 : NULL),
                  NULL, NULL);
    return true;
}

/* ---- Marks ----------------------------------------------------------------------------------- */

static void reader_found(const struct change_result *result, void *data)
{
    struct core *core = data;
    struct uuid message;
    const char *jid = json_string_value(json_object_get(result->json, "jid"));
    const char *id = json_string_value(json_object_get(result->json, "message"));
    if (core->archive && jid && id && uuid_parse(id, &message))
        message_marked(core, jid, &message, true);
}

/* Somebody else there has displayed a message. */
static void on_displayed(const struct stanza_context *context)
{
    struct core *core = context->data;
    const char *id;
    if (context->archive_id || !nick_of(context) ||
        marker_parse(context->stanza, &id) < MARKER_DISPLAYED || !usable_id(id))
        return;
    change_submit(core, "guest_displayed", NULL,
                  json_pack("{s:s, s:s, s:o}", "room", context->from_bare, "wire", id, "who",
                            guest_who(context)),
                  reader_found, core);
}

static bool on_groupchat(const struct stanza_context *context)
{
    const struct core *core = context->data;
    struct message_stanza message;
    g_auto(message_text) text = {0};
    g_autoptr(xmpp_stanza_t) stripped = groupchat_strip(core->options, context->stanza);
    const char *subject = muc_subject_parse(stripped);
    message_parse(stripped, NULL, &message);
    message_text_read(stripped, &message, &text);
    if (subject)
        hear_subject(context, subject);
    else if (!nick_of(context))
        hear_status(context);
    else if (text.told == MESSAGE_TOLD)
        hear_text(context, stripped, &message, text.text);
    return true;
}

/* ---- What comes back to us ------------------------------------------------------------------- */

static bool on_bounce(const struct stanza_context *context)
{
    struct stanza_error error;
    const char *id = stanza_attr(context->stanza, "id");
    if (!guest_seat_find(context->to_bare, context->from_bare) || !usable_id(id) ||
        !stanza_error_parse(context->stanza, &error))
        return false;
    change_submit(context->data, "guest_bounced", NULL,
                  json_pack("{s:s, s:s, s:s, s:s}", "room", context->from_bare, "to",
                            context->to_bare, "id", id, "condition", error.condition),
                  NULL, NULL);
    return true;
}

static const struct stanza_handler stanzas[] = {
    {"message", "groupchat", NULL, NULL, TARGET_RESOURCE, .admit = on_copy},
    {"message", "groupchat", NULL, NS_MARKERS, TARGET_RESOURCE, .observe = on_displayed},
    {"message", "groupchat", NULL, NULL, TARGET_RESOURCE, .fallback = on_groupchat},
    {"message", "error", "error", NS_CLIENT, TARGET_RESOURCE, .claim = on_bounce},
    {0},
};

const struct feature feature_guest_hear = {.name = "guest_hear", .stanzas = stanzas};
