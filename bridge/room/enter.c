/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entering rooms, being in them and leaving (XEP-0045 section 7). What is told to those who are in
 * a room, the answer to entering included, waits in the outbox; sql/function/room_enter.sql
 * decides. */
#include "config.h"

#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/base/clock.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/outbox.h"
#include "bridge/room/demand.h"
#include "bridge/room/groupchat.h"
#include "bridge/room/occupant.h"
#include "bridge/room/scene.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/0045_user.h"
#include "xep/0203_delay.h"

/* ---- Arguments ------------------------------------------------------------------------------- */

/* Who acts in which room, and with a place who wants to be whom. */
static json_t *arguments_of(const struct stanza_context *context)
{
    g_autofree char *room = room_of_context(context);
    const char *slash = strchr(context->to, '/');
    return json_pack("{s:s, s:s, s:s, s:s*}", "room", room, "from", context->from_bare, "address",
                     context->from, "nick", slash ? slash + 1 : NULL);
}

static void put_shown(json_t *arguments, const struct stanza_context *context)
{
    g_autofree char *shown = occupant_shown(context->stanza);
    json_object_set_new(arguments, "stanza", json_string(shown));
}

/* ---- Presence from XMPP ---------------------------------------------------------------------- */

static json_t *history_of(const struct muc_join *join)
{
    json_t *history = json_object();
    if (join->history.max_stanzas >= 0)
        json_object_set_new(history, "max_stanzas", json_integer(join->history.max_stanzas));
    if (join->history.max_chars >= 0)
        json_object_set_new(history, "max_chars", json_integer(join->history.max_chars));
    if (join->history.seconds >= 0)
        json_object_set_new(history, "seconds", json_integer(join->history.seconds));
    if (join->history.since_us > 0)
        json_object_set_new(history, "since", json_integer(join->history.since_us));
    return history;
}

/* Whether a room that is not there is made for who enters it. */
static bool may_make(const struct stanza_context *context)
{
    const struct options *options = ((struct core *)context->data)->options;
    const char *at = strchr(context->from_bare, '@');
    bool ours = at && strcmp(at + 1, options->xmpp_server_domain) == 0;
    return strcmp(options->groups_made_by_xmpp, "everybody") == 0 ||
           (ours && strcmp(options->groups_made_by_xmpp, "server") == 0);
}

/* Whether what somebody shows in a room now may be told to everybody there. */
static bool may_show(const struct stanza_context *context)
{
    const struct core *core = context->data;
    struct limit_state state;
    g_autofree char *place = g_strconcat(context->from_bare, " ", context->to_bare, NULL);
    struct uuid subject = limit_subject_of(place);
    return limiter_take(core->limiter, &subject, LIMIT_XMPP_ROOM, &state);
}

/* Who enters comes back later; what is shown is left as it was. */
static bool show_refused(const struct stanza_context *context, bool enters)
{
    const struct error_info *info = error_info(ERROR_RATE_LIMITED);
    metric_add(METRIC_STANZAS_LIMITED, 1);
    return !enters || room_reject(context, info->type, info->condition, NULL);
}

/* With <x/> of muc somebody enters; without, who is in the room shows something else or wants
 * another nick. Who thinks to be in the room without being in it is told. */
static bool on_available(const struct stanza_context *context)
{
    struct muc_join join;
    bool enters = muc_join_parse(context->stanza, &join);
    if (!may_show(context))
        return show_refused(context, enters);
    json_t *arguments = arguments_of(context);
    put_shown(arguments, context);
    if (enters)
        json_object_set_new(arguments, "history", history_of(&join));
    if (enters && may_make(context))
        json_object_set_new(arguments, "create", json_true());
    return room_demand(context, enters ? "room_enter" : "room_show", arguments);
}

static bool on_available_without_nick(const struct stanza_context *context)
{
    return room_reject(context, "modify", "jid-malformed", "Say as whom you enter");
}

static bool on_unavailable(const struct stanza_context *context)
{
    json_t *arguments = arguments_of(context);
    put_shown(arguments, context);
    change_submit(context->data, "room_leave", NULL, arguments, NULL, NULL);
    return true;
}

/* ---- Outgoing -------------------------------------------------------------------------------- */

static xmpp_stanza_t *build_from(const struct outbox_entry *entry,
                                 xmpp_stanza_t *(*build)(const json_t *facts,
                                                         const struct outbox_entry *entry))
{
    json_t *facts = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    xmpp_stanza_t *stanza = facts ? build(facts, entry) : NULL;
    json_decref(facts);
    return stanza;
}

static xmpp_stanza_t *presence_of(const json_t *facts, const struct outbox_entry *entry)
{
    return occupant_build(facts, entry->from, entry->to);
}

static xmpp_stanza_t *build_presence(const struct outbox_entry *entry)
{
    return build_from(entry, presence_of);
}

static xmpp_stanza_t *message_of(const json_t *facts, const struct outbox_entry *entry)
{
    return groupchat_build(facts, entry->to);
}

static xmpp_stanza_t *build_message(const struct outbox_entry *entry)
{
    return build_from(entry, message_of);
}

static xmpp_stanza_t *entry_of(const json_t *facts, const struct outbox_entry *entry)
{
    return groupchat_build_entry(facts, entry->from, entry->to, entry->reference);
}

static xmpp_stanza_t *build_entry(const struct outbox_entry *entry)
{
    return build_from(entry, entry_of);
}

static xmpp_stanza_t *history_message_of(const json_t *facts, const struct outbox_entry *entry)
{
    return groupchat_build_history(facts, entry->to);
}

static xmpp_stanza_t *build_history(const struct outbox_entry *entry)
{
    return build_from(entry, history_message_of);
}

/* The subject, which every room has, if only an empty one: it ends what follows on entering. */
static xmpp_stanza_t *subject_of(const json_t *facts, const struct outbox_entry *entry)
{
    g_autofree char *id = outbox_entry_id(entry);
    struct groupchat envelope = {.room = entry->from,
                                 .nick = json_string_value(json_object_get(facts, "nick")),
                                 .to = entry->to,
                                 .id = id};
    xmpp_stanza_t *message = groupchat_new(&envelope);
    const char *subject = json_string_value(json_object_get(facts, "subject"));
    muc_subject_add(message, subject ? subject : "");
    struct delay delay = {.stamp_us = json_integer_value(json_object_get(facts, "at")),
                          .from = entry->from};
    if (delay.stamp_us > 0)
        delay_add(message, &delay);
    return message;
}

static xmpp_stanza_t *build_subject(const struct outbox_entry *entry)
{
    return build_from(entry, subject_of);
}

/* The room itself says that something about it has changed (section 10.2.1). */
static xmpp_stanza_t *status_of(const json_t *facts, const struct outbox_entry *entry)
{
    g_autofree char *id = outbox_entry_id(entry);
    struct groupchat envelope = {.room = entry->from, .to = entry->to, .id = id};
    struct muc_user user = {0};
    const json_t *codes = json_object_get(facts, "codes");
    for (size_t i = 0; i < json_array_size(codes); i++)
        muc_user_put_code(&user, (uint16_t)json_integer_value(json_array_get(codes, i)));
    xmpp_stanza_t *message = groupchat_new(&envelope);
    muc_user_add(message, &user);
    return message;
}

static xmpp_stanza_t *build_status(const struct outbox_entry *entry)
{
    return build_from(entry, status_of);
}

static const struct outgoing outgoing[] = {
    {"room_presence", SERVICE_ROOMS, .copies = true, .build = build_presence},
    {"room_message", SERVICE_ROOMS, .copies = true, .build = build_message},
    {"room_entry", SERVICE_ROOMS, .copies = true, .build = build_entry},
    {"room_history", SERVICE_ROOMS, .build = build_history},
    {"room_history_entry", SERVICE_ROOMS, .build = build_entry},
    {"room_subject", SERVICE_ROOMS, .build = build_subject},
    {"room_status", SERVICE_ROOMS, .build = build_status},
    {0},
};

static const struct stanza_handler stanzas[] = {
    {"presence", "available", NULL, NULL, TARGET_OCCUPANT, .fallback = on_available},
    {"presence", "available", NULL, NULL, TARGET_ROOM, .fallback = on_available_without_nick},
    {"presence", "unavailable", NULL, NULL, TARGET_ROOM | TARGET_OCCUPANT,
     .fallback = on_unavailable},
    {0},
};

const struct feature feature_room_enter = {
    .name = "room_enter", .stanzas = stanzas, .outgoing = outgoing};
