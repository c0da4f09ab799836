/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Presence events of app users, to sockets here and by the bus to those at other instances. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/base/clock.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/presence/attendee.h"
#include "bridge/presence/audience.h"
#include "bridge/presence/watch.h"

#define TOPIC "presence" /* on the bus */

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

struct status attendee_sees(const struct audience *audience, const struct visibility *view,
                            unsigned viewer)
{
    const struct visibility_side *other = &view->side[!viewer];
    const struct attendee *attendee = attendee_find(audience, &other->user);
    struct status status = {0};
    if (other->jid)
        watch_status(audience->core, &view->side[viewer].user, other->jid, &status);
    else if (other->shows && attendee)
        status = attendee->shown.told; /* what is not told yet will be */
    else if (other->shows && other->hosted)
        status = audience_status(audience, &other->user);
    status.last_seen = 0;
    return status;
}

void audience_deliver(const struct audience *audience, const struct uuid *user,
                      const struct status *status)
{
    struct status hidden = *status;
    hidden.last_seen = 0;
    g_autoptr(trestle_event) whole = NULL;
    g_autoptr(trestle_event) less = NULL;
    for (const GList *node = visibility_list(audience->views, user); node; node = node->next) {
        const struct visibility *view = node->data;
        unsigned side = visibility_side_of(view, user);
        const struct visibility_side *own = &view->side[side];
        const struct attendee *viewer =
            own->shows ? attendee_find(audience, &view->side[!side].user) : NULL;
        if (!viewer || !viewer->known)
            continue; /* will be greeted */
        if (!whole) {
            whole = attendee_event(user, own->number, status);
            less = attendee_event(user, own->number, &hidden);
        }
        event_deliver(viewer->account, own->shows_last ? whole : less);
    }
}

/* Each instance knows itself who has sockets there and may see the user. */
static void tell_instances(const struct attendee *attendee, struct core *core)
{
    const struct status *status = &attendee->shown.told;
    if (bus_is_heard(core))
        bus_publish(core, TOPIC,
                    json_pack("{s:s, s:s, s:b, s:I}", "user", attendee->account->id_text, "status",
                              status_kind_name(status->kind), "away", status->away, "last_seen",
                              (json_int_t)status->last_seen));
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
    if (!audience_of(core) || !id || !uuid_parse(id, &user) || !kind ||
        !status_kind_parse(kind, &status.kind))
        return;
    struct attendee *attendee = attendee_find(audience_of(core), &user);
    if (attendee && status.kind != STATUS_OFFLINE)
        attendee_take_over(attendee, &status);
    audience_note(audience_of(core), &user, &status);
    audience_deliver(audience_of(core), &user, &status);
}

void attendee_tell(struct audience *audience, struct attendee *attendee)
{
    audience_note(audience, &attendee->account->id, &attendee->shown.told);
    audience_deliver(audience, &attendee->account->id, &attendee->shown.told);
    tell_instances(attendee, audience->core);
}
