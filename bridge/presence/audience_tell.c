/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Presence events of app users, to sockets here and by the bus to those at other instances. */
#include "config.h"

#include "bridge/base/clock.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/account.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/registry.h"
#include "bridge/presence/attendee.h"
#include "bridge/presence/watch.h"

#define TOPIC "presence" /* on the bus */
#define LISTENERS_UNASKED 256

struct event *attendee_event(const struct uuid *id, gint64 number, const struct status *status)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    g_auto(buffer) payload = BUFFER_INIT(STATUS_JSON_MAX);
    status_write(&payload, text, status);
    struct event *event = event_new(EVENT_PRESENCE, 0, clock_wall(), &payload);
    event->active = status->kind != STATUS_OFFLINE;
    event->parties = (struct event_parties){.actor = *id, .actor_number = number};
    return event;
}

struct status attendee_sees(const struct audience *audience, const struct attendee *attendee,
                            const struct partner *partner)
{
    struct core *core = audience->core;
    struct status status = {0};
    const struct attendee *other = attendee_find(audience, &partner->id);
    if (partner->jid)
        watch_status(core, &attendee->account->id, partner->jid, &status);
    else if (partner->seen && other)
        status = other->shown.told; /* what is not told yet will be */
    else if (partner->seen && partner->hosted)
        status = audience_status(audience, &partner->id);
    status.last_seen = 0;
    return status;
}

static void add_listener(json_t *list, const struct uuid *user)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(user, id);
    json_array_append_new(list, json_string(id));
}

/* Partners with sockets at other instances, and the user's own there. Few are all named: that one of
 * them has just come there may not be known here yet. */
static void tell_instances(const struct audience *audience, const struct attendee *attendee)
{
    const struct status *status = &attendee->shown.told;
    struct core *core = audience->core;
    if (!bus_is_heard(core))
        return;
    bool few = g_hash_table_size(attendee->partners) <= LISTENERS_UNASKED;
    json_t *whole = json_array();
    json_t *less = json_array();
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, attendee->partners);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct partner *partner = value;
        if (partner->hosted && partner->sees && (few || elsewhere_is_online(core, &partner->id)))
            add_listener(partner->sees_last ? whole : less, &partner->id);
    }
    bus_publish(core, TOPIC,
                json_pack("{s:s, s:I, s:s, s:b, s:I, s:o, s:o}", "user",
                          attendee->account->id_text, "number",
                          (json_int_t)attendee->account->number, "status",
                          status_kind_name(status->kind), "away", status->away, "last_seen",
                          (json_int_t)status->last_seen, "to", whole, "less", less));
}

static void deliver_to(struct core *core, struct event *event, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct uuid id;
        const char *text = json_string_value(json_array_get(list, i));
        struct account *account = text && uuid_parse(text, &id) ? account_find(core, &id) : NULL;
        if (account)
            event_deliver(account, event);
    }
}

void attendee_take_over(struct attendee *attendee, const struct status *status)
{
    attendee_choose(attendee, status->kind, status->away);
    status_forget(&attendee->shown);
    attendee->shown.now = attendee->shown.told = attendee->said = *status;
}

void attendees_told(struct core *core, const json_t *message, void *data)
{
    (void)data;
    struct uuid user;
    struct status status = {.away = json_is_true(json_object_get(message, "away")),
                            .last_seen = json_integer_value(json_object_get(message, "last_seen"))};
    const char *id = json_string_value(json_object_get(message, "user"));
    const char *kind = json_string_value(json_object_get(message, "status"));
    gint64 number = json_integer_value(json_object_get(message, "number"));
    if (!core->audience || !id || !uuid_parse(id, &user) || !kind ||
        !status_kind_parse(kind, &status.kind))
        return;
    struct attendee *attendee = attendee_find(core->audience, &user);
    if (attendee && status.kind != STATUS_OFFLINE)
        attendee_take_over(attendee, &status);
    audience_note(core->audience, &user, &status);
    g_autoptr(trestle_event) whole = attendee_event(&user, number, &status);
    status.last_seen = 0;
    g_autoptr(trestle_event) less = attendee_event(&user, number, &status);
    deliver_to(core, whole, json_object_get(message, "to"));
    deliver_to(core, less, json_object_get(message, "less"));
}

void attendee_tell(struct audience *audience, struct attendee *attendee)
{
    struct status hidden = attendee->shown.told;
    hidden.last_seen = 0;
    audience_note(audience, &attendee->account->id, &hidden);
    const struct account *own = attendee->account;
    g_autoptr(trestle_event) whole = attendee_event(&own->id, own->number, &attendee->shown.told);
    g_autoptr(trestle_event) less = attendee_event(&own->id, own->number, &hidden);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, attendee->partners);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct partner *partner = value;
        struct account *account =
            partner->hosted && partner->sees ? account_find(audience->core, &partner->id) : NULL;
        if (account)
            event_deliver(account, partner->sees_last ? whole : less);
    }
    tell_instances(audience, attendee);
}
