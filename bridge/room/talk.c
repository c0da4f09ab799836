/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said in rooms by XMPP (XEP-0045 sections 7.4, 7.5 and 8.1). A message with a text is one
 * of the group's conversation; what has none (chat states, marks) is passed on to who is there now.
 */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/base/text.h"
#include "bridge/core/content.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/mark.h"
#include "bridge/core/message.h"
#include "bridge/core/outbox.h"
#include "bridge/room/demand.h"
#include "bridge/room/groupchat.h"
#include "bridge/room/scene.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/0045_user.h"
#include "xep/0333_markers.h"
#include "xep/0421_occupant_id.h"
#include "xep/message.h"
#include "xep/message_text.h"
#include "xep/stanza_read.h"
#include "xep/stanza_text.h"

#define FOREIGN_ID_MAX 255

static const char not_in_room[] = "You are not in this room";

/* A message that waits for what becomes of it. */
struct said {
    struct core *core;
    xmpp_stanza_t *stanza; /* reference */
};

static struct said *said_new(const struct stanza_context *context)
{
    struct said *said = g_new0(struct said, 1);
    said->core = context->data;
    said->stanza = xmpp_stanza_clone(context->stanza);
    return said;
}

static void said_free(struct said *said)
{
    xmpp_stanza_release(said->stanza);
    g_free(said);
}

static const struct error_info not_acceptable = {.type = "cancel", .condition = "not-acceptable"};
static const struct error_info too_long = {.type = "modify", .condition = "policy-violation"};

static bool refuse_now(const struct stanza_context *context, const struct error_info *info,
                       const char *text)
{
    return room_reject(context, info->type, info->condition, text);
}

/* ---- Texts ----------------------------------------------------------------------------------- */

static void text_stored(enum error_code error, void *data)
{
    struct said *said = data;
    if (error == ERROR_NOT_FOUND)
        room_reject_later(said->core, said->stanza, &not_acceptable, not_in_room);
    else if (error == ERROR_FORBIDDEN)
        room_reject_later(said->core, said->stanza, error_info(error), "You have no voice here");
    else if (error != ERROR_NONE)
        room_reject_later(said->core, said->stanza, error_info(error), NULL);
    said_free(said);
}

/* It comes back to everybody who is in the room, the sender too, from the outbox. STRIPPED, of
 * which MESSAGE was parsed, is what of the stanza is passed on. */
static void take_text(const struct stanza_context *context, xmpp_stanza_t *stripped,
                      const struct message_stanza *message, const char *text)
{
    g_autofree char *room = room_of_context(context);
    g_autofree char *archived = stanza_to_text(stripped, NULL);
    const struct content_text said = {message->body, text};
    struct message_arrival arrived = {.from = context->from_bare,
                                      .to = context->to_bare,
                                      .address = context->from,
                                      .room = room,
                                      .body = text,
                                      .foreign_id = text_bounded(message->id, FOREIGN_ID_MAX),
                                      .origin_id = message->origin_id,
                                      .details = content_of_stanza(context, &said),
                                      .stanza = archived,
                                      .markable = marker_is_markable(stripped)};
    message_arrived(context->data, &arrived, text_stored, said_new(context));
}

/* ---- What is passed on ----------------------------------------------------------------------- */

static void silence_addressed(const struct rows *rows, enum error_code error, void *data)
{
    struct said *said = data;
    int count = error == ERROR_NONE && said->core->archive ? rows_count(rows) : 0;
    g_autoptr(xmpp_stanza_t) copy = groupchat_strip(said->core->options, said->stanza);
    for (int row = 0; row < count; row++) {
        struct groupchat envelope = {.room = rows_text(rows, row, ROOM_AUDIENCE_ROOM),
                                     .nick = rows_text(rows, row, ROOM_AUDIENCE_NICK),
                                     .to = rows_text(rows, row, ROOM_AUDIENCE_ADDRESS),
                                     .occupant_id = rows_text(rows, row, ROOM_AUDIENCE_OCCUPANT)};
        if (row == 0)
            groupchat_seal(copy, &envelope);
        xmpp_stanza_set_to(copy, envelope.to);
        stanza_out(said->core, copy);
    }
    if (count == 0 && error == ERROR_NONE)
        room_reject_later(said->core, said->stanza, &not_acceptable, not_in_room);
    said_free(said);
}

/* Worth something now only, so that it goes to all who are there once, and to the sender. */
static void pass_silence(const struct stanza_context *context)
{
    struct core *core = context->data;
    g_autofree char *room = room_of_context(context);
    const char *values[] = {room, context->from};
    archive_query(core->archive, QUERY_ROOM_AUDIENCE, values, silence_addressed, said_new(context));
}

/* ---- Subjects and private messages ----------------------------------------------------------- */

/* Asks the room for CHANGE with a text called MEMBER, to whom the place says. */
static bool text_demand(const struct stanza_context *context, const char *change,
                        const char *member, const char *value)
{
    const char *slash = strchr(context->to, '/');
    return room_demand(context, change,
                       json_pack("{s:s, s:s*}", member, value, "nick", slash ? slash + 1 : NULL));
}

/* ---- From XMPP ------------------------------------------------------------------------------- */

static bool on_groupchat(const struct stanza_context *context)
{
    struct core *core = context->data;
    struct message_stanza message;
    g_auto(message_text) text = {0};
    g_autoptr(xmpp_stanza_t) stripped = groupchat_strip(core->options, context->stanza);
    const char *subject = muc_subject_parse(stripped);
    gsize most = (gsize)core->options->messages_xmpp_content_max;
    message_parse(stripped, NULL, &message);
    message_text_read(stripped, &message, &text);
    gsize length = subject ? strlen(subject) : text.told == MESSAGE_TOLD ? strlen(text.text) : 0;
    if (length > most)
        return refuse_now(context, &too_long, "The text is too long");
    enum error_code refusal = message_admit(core, context->from_bare);
    if (refusal != ERROR_NONE)
        return refuse_now(context, error_info(refusal), NULL);
    if (subject)
        text_demand(context, "room_subject", "subject", subject);
    else if (text.told == MESSAGE_TOLD)
        take_text(context, stripped, &message, text.text);
    else if (text.told == MESSAGE_BLANK)
        refuse_now(context, error_info(ERROR_UNPROCESSABLE), "The message shows nothing");
    else if (text.told == MESSAGE_REFUSED)
        refuse_now(context, error_info(ERROR_REFUSED), text.reason);
    else
        pass_silence(context);
    return true;
}

/* What everybody is to hear goes to the room itself (section 7.4). */
static bool on_groupchat_to_one(const struct stanza_context *context)
{
    return refuse_now(context, error_info(ERROR_BAD_REQUEST), "Write to the room");
}

static bool on_private(const struct stanza_context *context)
{
    struct core *core = context->data;
    enum error_code refusal = message_admit(core, context->from_bare);
    if (refusal != ERROR_NONE)
        return refuse_now(context, error_info(refusal), NULL);
    g_autoptr(xmpp_stanza_t) copy = groupchat_strip(core->options, context->stanza);
    g_autofree char *archived = stanza_to_text(copy, NULL);
    text_demand(context, "room_private", "stanza", archived);
    return true;
}

static bool on_message_to_room(const struct stanza_context *context)
{
    return refuse_now(context, error_info(ERROR_REFUSED), NULL);
}

/* Who has displayed a message has read up to it. The mark is passed on as well. */
static void on_displayed(const struct stanza_context *context)
{
    const char *id;
    struct uuid message;
    enum marker marker = marker_parse(context->stanza, &id);
    if (marker >= MARKER_DISPLAYED && uuid_parse(id, &message))
        message_marked(context->data, context->from_bare, &message, true);
}

static const struct stanza_handler stanzas[] = {
    {"message", "groupchat", NULL, NS_MARKERS, TARGET_ROOM, .observe = on_displayed},
    {"message", "groupchat", NULL, NULL, TARGET_ROOM, .fallback = on_groupchat},
    {"message", "groupchat", NULL, NULL, TARGET_OCCUPANT, .fallback = on_groupchat_to_one},
    {"message", "chat|normal", NULL, NULL, TARGET_OCCUPANT, .fallback = on_private},
    {"message", "chat|normal", NULL, NULL, TARGET_ROOM, .fallback = on_message_to_room},
    {0},
};

/* ---- Outgoing -------------------------------------------------------------------------------- */

/* A private message (section 7.5): from the place of who wrote it. */
static xmpp_stanza_t *build_private(const struct outbox_entry *entry)
{
    static const struct muc_user marked = {0};
    xmpp_stanza_t *message =
        entry->payload ? stanza_from_text(entry->payload, strlen(entry->payload)) : NULL;
    if (!message)
        return NULL;
    xmpp_stanza_set_from(message, entry->from);
    xmpp_stanza_set_to(message, entry->to);
    muc_user_add(message, &marked);
    if (entry->reference)
        occupant_id_add(message, entry->reference);
    return message;
}

static const struct outgoing outgoing[] = {
    {"room_private", SERVICE_ROOMS, .copies = true, .build = build_private},
    {0},
};

const struct feature feature_room_talk = {
    .name = "room_talk", .stanzas = stanzas, .outgoing = outgoing};
