/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages that may be about another one. */
#include "config.h"

#include <string.h>

#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/content.h"
#include "bridge/core/core.h"
#include "bridge/core/message.h"
#include "bridge/message/late.h"
#include "bridge/room/groupchat.h"
#include "bridge/room/guest_hear.h"
#include "bridge/room/scene.h"
#include "bridge/xmpp/arrival.h"
#include "xep/0184_receipts.h"
#include "xep/0333_markers.h"
#include "xep/error.h"
#include "xep/message.h"
#include "xep/message_text.h"
#include "xep/stanza_text.h"

#define FOREIGN_ID_MAX 255

struct message_late {
    struct core *core;
    xmpp_stanza_t *stanza; /* as it came; reference */
    char *from, *to, *room, *archived;
    char *id, *origin_id; /* its own; may be NULL */
    char *named;          /* the same, or a new one */
    message_text text;
    json_t *details;
    gint64 sent_at;
    json_t *who;     /* in a room elsewhere; else NULL */
    char *wire;      /* which calls it so; may be NULL */
    bool chat;       /* between two */
    bool filed;      /* out of an archive: nobody is told */
    struct uuid uid; /* if so, its id */
};

static char *usable_id(const char *id)
{
    return id && *id && strlen(id) <= FOREIGN_ID_MAX ? g_strdup(id) : NULL;
}

static char *random_id(void)
{
    char text[UUID_TEXT_SIZE];
    uuid_generate_text(text);
    return g_strdup(text);
}

static void late_read(struct message_late *late, const struct stanza_context *context,
                      xmpp_stanza_t *shown, const struct message_stanza *message)
{
    const struct content_text said = {message->body, late->text.text};
    late->who = guest_who(context);
    late->wire = late->who ? g_strdup(guest_wire(context)) : NULL;
    late->chat = context->target != TARGET_ROOM && !late->who;
    late->stanza = xmpp_stanza_clone(context->stanza);
    late->from = g_strdup(context->from_bare);
    late->to = g_strdup(context->to_bare);
    late->filed = context->filed != NULL;
    if (context->filed)
        late->uid = context->filed->uid;
    late->room = late->filed               ? g_strdup("")
                 : late->chat || late->who ? NULL
                                           : room_of_context(context);
    late->archived =
        late->chat ? arrival_text(late->core->options, shown) : stanza_to_text(shown, NULL);
    late->id = usable_id(message->id);
    late->origin_id = usable_id(message->origin_id);
    late->named = late->id ? g_strdup(late->id) : random_id();
    late->details = content_of_stanza(context, &said);
    late->sent_at = late->chat || late->who ? arrival_sent_at(late->core->options, context) : 0;
}

struct message_late *message_late_new(const struct stanza_context *context)
{
    struct core *core = context->data;
    struct message_stanza message;
    g_auto(message_text) text = {0};
    bool elsewhere = guest_is_said(context);
    bool room = context->target == TARGET_ROOM || elsewhere;
    g_autoptr(xmpp_stanza_t) shown =
        room ? groupchat_strip(core->options, context->stanza) : xmpp_stanza_clone(context->stanza);
    message_parse(shown, NULL, &message);
    message_text_read(shown, &message, &text);
    if (text.told != MESSAGE_TOLD || text.from_room ||
        strlen(text.text) > (gsize)core->options->messages_xmpp_content_max ||
        (!elsewhere && !context->filed && !message_is_admitted(core, context->from_bare)))
        return NULL;
    struct message_late *late = g_new0(struct message_late, 1);
    late->core = core;
    late->text = text;
    text = (message_text){0};
    late_read(late, context, shown, &message);
    return late;
}

static void late_free(struct message_late *late)
{
    if (!late)
        return;
    xmpp_stanza_release(late->stanza);
    g_free(late->from);
    g_free(late->to);
    g_free(late->room);
    g_free(late->archived);
    g_free(late->id);
    g_free(late->origin_id);
    g_free(late->named);
    message_text_clear(&late->text);
    json_decref(late->details);
    json_decref(late->who);
    g_free(late->wire);
    g_free(late);
}

const char *message_late_text(const struct message_late *late)
{
    return late->text.text;
}

static json_t *reference_of(const struct message_late *late, const char *id)
{
    struct uuid digest;
    char origin[UUID_TEXT_SIZE];
    message_origin_dedupe(late->from, late->to, id, &digest);
    uuid_format(&digest, origin);
    return json_pack("{s:s, s:s}", "id", id, "origin", origin);
}

json_t *message_late_arguments(const struct message_late *late, const char *id)
{
    json_t *arguments = reference_of(late, id);
    json_t *came = json_pack("{s:s*, s:s*, s:s}", "address", stanza_attr(late->stanza, "from"),
                             "id", late->id, "stanza", late->archived);
    json_t *others =
        json_pack("{s:s, s:s, s:s*, s:s, s:o, s:O*}", "from", late->from, "to", late->to, "room",
                  late->room, "stanza", late->named, "came", came, "who", late->who);
    json_object_update(arguments, others);
    json_decref(others);
    return arguments;
}

void message_late_corrects(struct message_late *late, const char *id)
{
    if (!late->details)
        late->details = json_object();
    json_object_set_new(late->details, "correction", reference_of(late, id));
}

/* A room elsewhere has passed it on: nobody is to be told. */
static void late_refuse(struct message_late *late, enum error_code error)
{
    if (late->who)
        return;
    const struct error_info *info = error_info(error == ERROR_NOT_FOUND ? ERROR_REFUSED : error);
    if (late->filed)
        return;
    g_autoptr(xmpp_stanza_t) reply =
        stanza_reply_error(late->stanza, info->type, info->condition, NULL);
    if (reply)
        stanza_out(late->core, reply);
}

static void late_stored(enum error_code error, void *data)
{
    struct message_late *late = data;
    if (error != ERROR_NONE)
        late_refuse(late, error);
    late_free(late);
}

static void late_store(struct message_late *late)
{
    if (!late->who && !late->filed && !toggle_is_on(late->core, TOGGLE_MESSAGES, NULL)) {
        late_refuse(late, ERROR_REFUSED);
        late_free(late);
        return;
    }
    struct message_arrival arrived = {.from = late->from,
                                      .to = late->to,
                                      .address = stanza_attr(late->stanza, "from"),
                                      .room = late->room,
                                      .body = late->text.text,
                                      .foreign_id = late->id,
                                      .origin_id = late->origin_id,
                                      .stanza = late->archived,
                                      .details = json_incref(late->details),
                                      .markable = marker_is_markable(late->stanza),
                                      .receipt = late->chat && receipt_is_requested(late->stanza),
                                      .sent_at = late->sent_at,
                                      .uid = late->filed ? &late->uid : NULL};
    if (late->who) {
        struct guest_message said = {arrived, late->who, late->wire};
        guest_message_submit(late->core, &said);
        late_free(late);
        return;
    }
    message_arrived(late->core, &arrived, late_stored, late);
}

void message_late_done(const struct change_result *result, void *data)
{
    struct message_late *late = data;
    if (result->error == ERROR_NONE && result->outcome == OUTCOME_NOT_FOUND) {
        late_store(late);
        return;
    }
    if (result->error != ERROR_NONE)
        late_refuse(late, result->error);
    else if (!change_succeeded(result))
        late_refuse(late, outcome_error(result->outcome));
    late_free(late);
}
