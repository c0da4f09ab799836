/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages that disappear (XEP-0466), by a timer of their own or of their conversation. Clients are
 * asked to do the same; none is made to. See sql/function/expiry.sql. */
#include "config.h"

#include <stdlib.h>

#include "bridge/core/change.h"
#include "bridge/core/content.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/base/options.h"
#include "bridge/core/outbox.h"
#include "bridge/room/demand.h"
#include "bridge/xmpp/arrival.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0334_hints.h"
#include "xep/0421_occupant_id.h"
#include "xep/0466_ephemeral.h"
#include "xep/message.h"

#define TIMER_MIN 5       /* seconds; what comes from elsewhere is brought within these */
#define TIMER_MAX 7776000 /* 90 days */

static void timer_put(xmpp_stanza_t *stanza, const struct content_scene *scene, const json_t *value)
{
    (void)scene;
    ephemeral_add(stanza, (guint32)json_integer_value(value));
}

static void timer_read(const struct stanza_context *context, const struct content_text *said,
                       json_t *details)
{
    guint32 seconds;
    (void)said;
    if (ephemeral_parse(context->stanza, &seconds) && seconds > 0)
        json_object_set_new(details, "expires_in",
                            json_integer(CLAMP(seconds, TIMER_MIN, TIMER_MAX)));
}

static const struct content contents[] = {
    {.key = "expires_in", .add = timer_put, .read = timer_read},
    {0},
};

/* ---- The timer of a conversation ------------------------------------------------------------- */

/* One that is all there is: of all messages from now on. */
static bool timer_parse(const struct stanza_context *context, json_int_t *ret_seconds)
{
    struct message_stanza message;
    guint32 seconds;
    if (!ephemeral_parse(context->stanza, &seconds) ||
        !message_parse(context->stanza, NULL, &message) || message.body)
        return false;
    *ret_seconds = seconds > 0 ? CLAMP(seconds, TIMER_MIN, TIMER_MAX) : 0;
    return true;
}

static bool on_timer(const struct stanza_context *context)
{
    struct core *core = context->data;
    json_int_t timer;
    if (!timer_parse(context, &timer))
        return false;
    g_autofree char *archived = arrival_text(core->options, context->stanza);
    change_submit(core, "timer_arrived", NULL,
                  json_pack("{s:s, s:s, s:s*, s:I, s:{s:s, s:s*, s:s}}", "from", context->from_bare,
                            "to", context->to_bare, "room", context->filed ? "" : NULL, "seconds",
                            timer, "came", "address", context->from, "id",
                            stanza_attr(context->stanza, "id"), "stanza", archived),
                  NULL, NULL);
    return true;
}

static bool on_room_timer(const struct stanza_context *context)
{
    json_int_t timer;
    if (!timer_parse(context, &timer))
        return false;
    return room_demand(context, "room_timer", json_pack("{s:I}", "seconds", timer));
}

static const struct stanza_handler stanzas[] = {
    {"message", "groupchat", "ephemeral", NS_EPHEMERAL, TARGET_ROOM, .claim = on_room_timer},
    {"message", "chat|normal", "ephemeral", NS_EPHEMERAL,
     TARGET_USER | TARGET_RESOURCE | TARGET_FILED, .claim = on_timer},
    {0},
};

/* PAYLOAD is the timer in seconds. */
static xmpp_stanza_t *build_timer(const struct outbox_entry *entry)
{
    g_autofree char *from = outbox_entry_from(entry);
    g_autofree char *id = outbox_entry_id(entry);
    xmpp_stanza_t *stanza = message_new("chat", id, from, entry->to);
    ephemeral_add(stanza, entry->payload ? (guint32)strtoul(entry->payload, NULL, 10) : 0);
    hints_add(stanza, HINT_STORE);
    return stanza;
}

/* The same in a room, from who has set it; REFERENCE is the occupant id, the payload { seconds,
 * wire (the id of the stanza, if it came as one) }. */
static xmpp_stanza_t *build_room_timer(const struct outbox_entry *entry)
{
    json_t *facts = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    const char *wire = json_string_value(json_object_get(facts, "wire"));
    g_autofree char *id = outbox_entry_id(entry);
    xmpp_stanza_t *stanza = message_new("groupchat", wire ? wire : id, entry->from, entry->to);
    ephemeral_add(stanza, (guint32)json_integer_value(json_object_get(facts, "seconds")));
    json_decref(facts);
    if (entry->reference)
        occupant_id_add(stanza, entry->reference);
    hints_add(stanza, HINT_STORE);
    return stanza;
}

static const struct outgoing outgoing[] = {
    {.kind = "timer", .build = build_timer},
    {.kind = "room_timer", .service = SERVICE_ROOMS, .copies = true, .build = build_room_timer},
    {0},
};

const struct feature feature_disappearing = {
    .name = "disappearing", .contents = contents, .stanzas = stanzas, .outgoing = outgoing};
