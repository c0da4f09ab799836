/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reactions (XEP-0444). Apps put and take back one emoji at a time; on XMPP each stanza has the
 * whole set of its sender. What is stored is that set, by reaction_put() in
 * sql/function/reaction.sql. */
#include "config.h"

#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/base/clock.h"
#include "bridge/base/metrics.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/entry.h"
#include "bridge/core/feature.h"
#include "bridge/core/message.h"
#include "bridge/core/outbox.h"
#include "bridge/room/guest_hear.h"
#include "bridge/xmpp/arrival.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/0334_hints.h"
#include "xep/0428_fallback.h"
#include "xep/0444_reactions.h"
#include "xep/jid.h"
#include "xep/message.h"
#include "xep/visible.h"

#define FOREIGN_ID_MAX 255

/* ---- Apps ------------------------------------------------------------------------------------------ */

static const struct field fields[] = {
    FIELD_ID_IN_PATH("message_id"),
    {.name = "emoji",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_IN_PATH | FIELD_EMOJI,
     .minimum = 1,
     .maximum = REACTION_BYTES_MAX},
    {0},
};

static const struct operation operations[] = {
    {.method = "PUT",
     .path = "/api/messages/:message_id/reactions/:emoji",
     .command = "message.react",
     .fields = fields,
     .change = "react",
     .limit = LIMIT_REACTIONS,
     .toggle = TOGGLE_REACTIONS,
     .errors = OPERATION_ERROR(REFUSED) | OPERATION_ERROR(CONFLICT),
     .reply = "MessageReactions",
     .summary = "Reacts to a message"},
    {.method = "DELETE",
     .path = "/api/messages/:message_id/reactions/:emoji",
     .command = "message.unreact",
     .fields = fields,
     .change = "unreact",
     .limit = LIMIT_REACTIONS,
     .toggle = TOGGLE_REACTIONS,
     .errors = OPERATION_ERROR(REFUSED) | OPERATION_ERROR(CONFLICT),
     .reply = "MessageReactions",
     .summary = "Takes a reaction back"},
    {0},
};

/* ---- XMPP ------------------------------------------------------------------------------------------ */

static json_t *text_or_null(const char *text)
{
    return text && *text && strlen(text) <= FOREIGN_ID_MAX ? json_string(text) : json_null();
}

static json_t *emoji_list(const struct reactions *set)
{
    json_t *list = json_array();
    for (size_t i = 0; set->emoji[i]; i++)
        json_array_append_new(list, json_string(set->emoji[i]));
    return list;
}

static void set_store(const struct stanza_context *context, const struct reactions *set)
{
    struct core *core = context->data;
    struct uuid digest;
    char origin[UUID_TEXT_SIZE], sent[CLOCK_TIMESTAMP_SIZE];
    gint64 sent_at = arrival_sent_at(core->options, context);
    g_autofree char *archived = arrival_text(core->options, context->stanza);
    g_autofree char *room = context->filed                      ? g_strdup("")
                            : context->service == SERVICE_ROOMS ? jid_local(context->to_bare)
                                                                : NULL;
    message_origin_dedupe(context->from_bare, context->to_bare, set->id, &digest);
    uuid_format(&digest, origin);
    clock_format(sent_at, sent);
    json_t *who = guest_who(context);
    json_t *came = json_pack("{s:s, s:o, s:s}", "address", context->from, "id",
                             text_or_null(stanza_attr(context->stanza, "id")), "stanza", archived);
    change_submit(core, "reactions_arrived", NULL,
                  json_pack("{s:s, s:s, s:s*, s:s, s:s, s:o, s:o, s:o, s:o*}", "from",
                            context->from_bare, "to", context->to_bare, "room", room, "id", set->id,
                            "origin", origin, "emoji", emoji_list(set), "sent",
                            sent_at ? json_string(sent) : json_null(), "came", came, "who", who),
                  NULL, NULL);
}

static bool may_react(const struct stanza_context *context)
{
    struct core *core = context->data;
    struct limit_state state;
    struct uuid subject = limit_subject_of(context->from_bare);
    if (guest_is_said(context) || context->filed ||
        limiter_take(core->limiter, &subject, LIMIT_XMPP_MESSAGES, &state))
        return true;
    metric_add(METRIC_STANZAS_LIMITED, 1);
    const struct error_info *info = error_info(ERROR_RATE_LIMITED);
    g_autoptr(xmpp_stanza_t) reply =
        stanza_reply_error(context->stanza, info->type, info->condition, NULL);
    if (reply)
        link_send(context->link, reply);
    return false;
}

/* Whether there is a text that does not only say the same in words (XEP-0428). */
static bool says_more(xmpp_stanza_t *stanza)
{
    struct message_stanza message;
    struct fallback fallback;
    if (!message_parse(stanza, NULL, &message) || !message.body)
        return false;
    if (!fallback_parse(stanza, NS_REACTIONS, &fallback))
        return true;
    g_autofree char *rest = fallback_strip(message.body, &fallback);
    return text_is_visible(rest, strlen(rest));
}

/* A text beside it is a message of its own. */
static bool on_reactions(const struct stanza_context *context)
{
    const struct core *core = context->data;
    g_auto(reactions) set = {0};
    if (!toggle_is_on(core, TOGGLE_REACTIONS, NULL) || !reactions_parse(context->stanza, &set))
        return false;
    if (strlen(set.id) > FOREIGN_ID_MAX)
        return !says_more(context->stanza);
    if (!may_react(context))
        return true;
    set_store(context, &set);
    return !says_more(context->stanza);
}

static const struct stanza_handler stanzas[] = {
    {"message", "chat|normal", "reactions", NS_REACTIONS,
     TARGET_USER | TARGET_RESOURCE | TARGET_FILED, .claim = on_reactions},
    {"message", "groupchat", "reactions", NS_REACTIONS, TARGET_ROOM | TARGET_RESOURCE,
     .claim = on_reactions},
    {0},
};

/* REFERENCE is the id by which the peer knows the message, PAYLOAD the emoji with spaces between.
 */
static xmpp_stanza_t *build_reaction(const struct outbox_entry *entry)
{
    g_autofree char *from = outbox_entry_from(entry);
    g_autofree char *id = outbox_entry_id(entry);
    const char *payload = entry->payload ? entry->payload : "";
    g_auto(GStrv) emoji = g_strsplit(payload, " ", -1);
    xmpp_stanza_t *stanza = message_new("chat", id, from, entry->to);
    reactions_add(stanza, entry->reference, (const char *const *)emoji);
    hints_add(stanza, HINT_STORE);
    return stanza;
}

static const struct outgoing outgoing[] = {
    {.kind = "reaction", .build = build_reaction},
    {0},
};

/* In the archive of a room: the payload is the set. */
static bool archived_add(xmpp_stanza_t *stanza, const struct entry *entry)
{
    const char *emoji[REACTIONS_MAX + 1] = {NULL};
    for (size_t i = 0, n = 0; i < json_array_size(entry->payload) && n < REACTIONS_MAX; i++) {
        emoji[n] = json_string_value(json_array_get(entry->payload, i));
        n += emoji[n] != NULL;
    }
    if (entry->target)
        reactions_add(stanza, entry->target, emoji);
    return entry->target != NULL;
}

static const struct entry_kind entries[] = {{"reaction", archived_add}, {0}};

const struct feature feature_reaction = {.name = "reaction",
                                         .operations = operations,
                                         .stanzas = stanzas,
                                         .outgoing = outgoing,
                                         .entries = entries};
