/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edits (XEP-0308): an author changes what a message says, for a while. What it said before stays
 * in its history. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/content.h"
#include "bridge/core/core.h"
#include "bridge/core/entry.h"
#include "bridge/core/feature.h"
#include "bridge/core/message.h"
#include "bridge/core/outbox.h"
#include "bridge/message/judge.h"
#include "bridge/message/late.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0308_correction.h"
#include "xep/0461_reply.h"
#include "xep/message.h"
#include "xep/visible.h"

#define FOREIGN_ID_MAX 255

/* ---- Apps ------------------------------------------------------------------------------------ */

static const struct field edit_fields[] = {
    FIELD_ID_IN_PATH("message_id"),
    /* the option messages.content_max bounds it */
    {.name = "content", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .minimum = 1},
    {0},
};

static const struct field history_fields[] = {FIELD_ID_IN_PATH("message_id"), {0}};

static void message_edited(const struct change_result *result, void *data)
{
    change_reply(data, 200, result);
}

static void edit_submit(struct request *request)
{
    char id[UUID_TEXT_SIZE], stanza_id[UUID_TEXT_SIZE];
    uuid_generate_text(stanza_id);
    uuid_format(request_uuid(request, "message_id"), id);
    json_t *arguments = json_pack("{s:s, s:s, s:s, s:I}", "message_id", id, "content",
                                  request_text(request, "content"), "stanza", stanza_id, "window",
                                  (json_int_t)request->core->options->messages_edit_window);
    change_submit(request->core, "message_edit", &request->account->id, arguments, message_edited,
                  request);
}

static void message_edit(struct request *request)
{
    if (content_check_text(request))
        judge_text(request, request_text(request, "content"), NULL,
                   request_uuid(request, "message_id"), edit_submit);
}

static const struct operation operations[] = {
    {.method = "PATCH",
     .path = "/api/messages/:message_id",
     .command = "message.edit",
     .toggle = TOGGLE_MESSAGES,
     .limit = LIMIT_MESSAGES,
     .fields = edit_fields,
     .handle = message_edit,
     .reply = "Message",
     .ack = "message",
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(REFUSED) | OPERATION_ERROR(CONFLICT) |
               OPERATION_ERROR(TOO_LARGE) | OPERATION_ERROR(SPAM),
     .summary = "Changes what a message of the caller's says"},
    {.method = "GET",
     .path = "/api/messages/:message_id/history",
     .fields = history_fields,
     .read = QUERY_MESSAGE_HISTORY,
     .reply = "MessageHistory",
     .flags = OPERATION_LISTS,
     .summary = "What a message said, from the first to what it says now"},
    {0},
};

/* ---- XMPP ------------------------------------------------------------------------------------ */

/* BODY without the quote that an answer has before it; NULL: it has none. */
static char *text_without_quote(xmpp_stanza_t *stanza, const char *body)
{
    g_autofree char *rest = reply_strip(stanza, body);
    bool differs = strcmp(rest, body) != 0 && text_is_visible(rest, strlen(rest));
    return differs ? g_steal_pointer(&rest) : NULL;
}

static bool on_correction(const struct stanza_context *context)
{
    const struct core *core = context->data;
    const char *id = correction_parse(context->stanza);
    if (!id || strlen(id) > FOREIGN_ID_MAX ||
        (context->link && !toggle_is_on(core, TOGGLE_MESSAGES, NULL)))
        return false;
    struct message_late *late = message_late_new(context);
    if (!late)
        return false;
    const char *text = message_late_text(late);
    json_t *arguments = message_late_arguments(late, id);
    g_autofree char *bare = text_without_quote(context->stanza, text);
    json_object_set_new(arguments, "body", json_string(text));
    json_object_set_new(arguments, "window", json_integer(core->options->messages_xmpp_window));
    if (bare)
        json_object_set_new(arguments, "bare", json_string(bare));
    message_late_corrects(late, id);
    change_submit(context->data, "edit_arrived", NULL, arguments, message_late_done, late);
    return true;
}

static const struct stanza_handler stanzas[] = {
    {"message", "chat|normal", "replace", NS_CORRECTION,
     TARGET_USER | TARGET_RESOURCE | TARGET_FILED, .claim = on_correction},
    {"message", "groupchat", "replace", NS_CORRECTION, TARGET_ROOM | TARGET_RESOURCE,
     .claim = on_correction},
    {0},
};

static void replace_put(xmpp_stanza_t *stanza, const struct content_scene *scene,
                        const json_t *value)
{
    (void)scene;
    correction_add(stanza, json_string_value(json_object_get(value, "id")));
}

static const struct content contents[] = {
    {.key = "replace", .add = replace_put},
    {0},
};

/* The whole message again, as it is now. REFERENCE is the stanza's own id. */
static xmpp_stanza_t *build_edit(const struct outbox_entry *entry)
{
    g_autofree char *from = outbox_entry_from(entry);
    static const struct content_scene between_two;
    json_t *wire = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    if (!wire)
        return NULL;
    xmpp_stanza_t *stanza = message_new("chat", entry->reference, from, entry->to);
    content_add(stanza, &between_two, wire);
    message_add_usual(stanza, entry->reference);
    json_decref(wire);
    return stanza;
}

static const struct outgoing outgoing[] = {
    {.kind = "edit", .build = build_edit},
    {0},
};

/* In the archive of a room: a text, or what else a message carries, as it was then. What was
 * deleted since says nothing. */
static bool archived_add(xmpp_stanza_t *stanza, const struct entry *entry)
{
    const struct content_scene room = {.rooms = entry->rooms};
    const json_t *content = json_object_get(entry->payload, "content");
    if (content) {
        content_add(stanza, &room, content);
        return true;
    }
    const char *body = json_string_value(json_object_get(entry->payload, "body"));
    const char *replaced = json_string_value(json_object_get(entry->payload, "replace"));
    if (!body || !replaced)
        return false;
    stanza_add_text(stanza, "body", NULL, body);
    correction_add(stanza, replaced);
    return true;
}

static const struct entry_kind entries[] = {{"edit", archived_add}, {0}};

const struct feature feature_edit = {.name = "edit",
                                     .entries = entries,
                                     .operations = operations,
                                     .stanzas = stanzas,
                                     .outgoing = outgoing,
                                     .contents = contents};
