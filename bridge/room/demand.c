/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes that are answered with stanzas. */
#include "config.h"

#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/room/demand.h"
#include "bridge/room/scene.h"

/* Where all who are in a room are told, a change takes a while, and what waits too long for the
 * database is refused: when many come at once they wait here. */
#define UNDER_WAY_MAX 16
#define WAITING_MAX 4096

struct demand {
    struct core *core;
    xmpp_stanza_t *stanza; /* reference */
    const char *name;
    json_t *arguments; /* while it waits */
};

static unsigned under_way;
static GQueue waiting = G_QUEUE_INIT; /* struct demand * */

static xmpp_stanza_t *demand_result(xmpp_stanza_t *stanza)
{
    const char *name = xmpp_stanza_get_name(stanza);
    return strcmp(name, "iq") == 0 ? stanza_reply_result(stanza) : NULL;
}

static xmpp_stanza_t *demand_error(xmpp_stanza_t *stanza, const struct change_result *result)
{
    const struct error_info *unavailable = error_info(ERROR_UNAVAILABLE);
    const char *type = json_string_value(json_object_get(result->json, "type"));
    const char *condition = json_string_value(json_object_get(result->json, "condition"));
    const char *text = json_string_value(json_object_get(result->json, "text"));
    if (result->error != ERROR_NONE)
        return stanza_reply_error(stanza, unavailable->type, unavailable->condition, NULL);
    if (type && condition)
        return stanza_reply_error(stanza, type, condition, text);
    if (result->outcome == OUTCOME_CONFLICT)
        return stanza_reply_error(stanza, "cancel", "not-acceptable", "You are not in this room");
    return stanza_reply_error(stanza, "cancel", "item-not-found", NULL);
}

/* The answer waits in the outbox, behind what it is to come after. */
static bool is_answered(const struct change_result *result)
{
    return json_is_true(json_object_get(result->json, "answered"));
}

static void demand_drop(gpointer data)
{
    struct demand *demand = data;
    xmpp_stanza_release(demand->stanza);
    json_decref(demand->arguments);
    g_free(demand);
}

static void demand_next(struct core *core);

static void demand_done(const struct change_result *result, void *data)
{
    g_autofree struct demand *demand = data;
    g_autoptr(xmpp_stanza_t) stanza = demand->stanza;
    under_way--;
    demand_next(demand->core);
    if (!demand->core->archive || is_answered(result))
        return; /* the former: going down */
    g_autoptr(xmpp_stanza_t) reply =
        change_succeeded(result) ? demand_result(stanza) : demand_error(stanza, result);
    if (reply)
        stanza_out(demand->core, reply);
}

static void demand_next(struct core *core)
{
    if (!core->archive) /* going down */
        g_queue_clear_full(&waiting, demand_drop);
    while (under_way < UNDER_WAY_MAX && waiting.length > 0) {
        struct demand *demand = g_queue_pop_head(&waiting);
        under_way++;
        change_submit(core, demand->name, NULL, g_steal_pointer(&demand->arguments), demand_done,
                      demand);
    }
}

bool room_demand(const struct stanza_context *context, const char *name, json_t *arguments)
{
    struct core *core = context->data;
    const struct error_info *full = error_info(ERROR_UNAVAILABLE);
    if (waiting.length >= WAITING_MAX) {
        json_decref(arguments);
        return room_reject(context, full->type, full->condition, NULL);
    }
    struct demand *demand = g_new0(struct demand, 1);
    g_autofree char *room = room_of_context(context);
    demand->core = core;
    demand->stanza = xmpp_stanza_clone(context->stanza);
    json_t *whole = json_pack("{s:s, s:s, s:s, s:s, s:s*}", "room", room, "from",
                              context->from_bare, "address", context->from, "domain",
                              core->options->xmpp_domain, "id", stanza_attr(context->stanza, "id"));
    if (arguments)
        json_object_update(whole, arguments);
    json_decref(arguments);
    demand->name = name;
    demand->arguments = whole;
    g_queue_push_tail(&waiting, demand);
    demand_next(core);
    return true;
}

void room_reject_later(struct core *core, xmpp_stanza_t *stanza, const struct error_info *info,
                       const char *text)
{
    g_autoptr(xmpp_stanza_t) reply = stanza_reply_error(stanza, info->type, info->condition, text);
    if (reply)
        stanza_out(core, reply);
}

bool room_reject(const struct stanza_context *context, const char *type, const char *condition,
                 const char *text)
{
    const struct error_info info = {.type = type, .condition = condition};
    room_reject_later(context->data, context->stanza, &info, text);
    return true;
}

bool room_take_people(const struct stanza_context *context, size_t count)
{
    struct limiter *limiter = ((struct core *)context->data)->limiter;
    struct uuid subject = limit_subject_of(context->from_bare);
    struct limit_state state;
    limiter_look(limiter, &subject, LIMIT_XMPP_INVITATIONS, &state);
    if (state.count > 0 && state.remaining < (gint64)count) {
        const struct error_info *info = error_info(ERROR_RATE_LIMITED);
        metric_add(METRIC_STANZAS_LIMITED, 1);
        room_reject(context, info->type, info->condition, NULL);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        limiter_take(limiter, &subject, LIMIT_XMPP_INVITATIONS, &state);
    return true;
}
