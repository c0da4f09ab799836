/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Presence events of app users, to sockets here and by the bus to those at other instances. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/base/clock.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/presence/user_presence_part.h"
#include "bridge/presence/user_presence.h"
#include "bridge/presence/watch.h"

#define TOPIC "presence" /* on the bus */

struct event *user_presence_event(const struct uuid *id, gint64 number, const struct status *status)
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

struct status user_presence_sees(const struct user_presences *presences,
                                 const struct visibility *view, unsigned viewer)
{
    const struct visibility_side *other = &view->side[!viewer];
    const struct user_presence *presence = user_presence_find(presences, &other->user);
    struct status status = {0};
    if (other->jid)
        watch_status(presences->core, &view->side[viewer].user, other->jid, &status);
    else if (other->shows && presence)
        status = presence->shown.told; /* what is not told yet will be */
    else if (other->shows && other->hosted)
        status = user_presences_status(presences, &other->user);
    status.last_seen = 0;
    return status;
}

void user_presences_deliver(const struct user_presences *presences, const struct uuid *user,
                            const struct status *status)
{
    struct status hidden = *status;
    hidden.last_seen = 0;
    g_autoptr(trestle_event) whole = NULL;
    g_autoptr(trestle_event) less = NULL;
    for (const GList *node = visibility_list(presences->views, user); node; node = node->next) {
        const struct visibility *view = node->data;
        unsigned side = visibility_side_of(view, user);
        const struct visibility_side *own = &view->side[side];
        const struct user_presence *viewer =
            own->shows ? user_presence_find(presences, &view->side[!side].user) : NULL;
        if (!viewer || !viewer->known)
            continue; /* will be greeted */
        if (!whole) {
            whole = user_presence_event(user, own->number, status);
            less = user_presence_event(user, own->number, &hidden);
        }
        event_deliver(viewer->account, own->shows_last ? whole : less);
    }
}

/* Each instance knows itself who has sockets there and may see the user. */
static void tell_instances(const struct user_presence *presence, struct core *core)
{
    const struct status *status = &presence->shown.told;
    if (bus_is_heard(core))
        bus_publish(core, TOPIC,
                    json_pack("{s:s, s:s, s:b, s:I}", "user", presence->account->id_text, "status",
                              status_kind_name(status->kind), "away", status->away, "last_seen",
                              (json_int_t)status->last_seen));
}

void user_presence_take_over(struct user_presence *presence, const struct status *status)
{
    user_presence_choose(presence, status->kind, status->away);
    status_forget(&presence->shown);
    presence->shown.now = presence->shown.told = presence->said = *status;
}

void user_presences_told(struct core *core, const json_t *message, void *data)
{
    (void)data;
    struct uuid user;
    struct status status = {.away = json_is_true(json_object_get(message, "away")),
                            .last_seen = json_integer_value(json_object_get(message, "last_seen"))};
    const char *id = json_string_value(json_object_get(message, "user"));
    const char *kind = json_string_value(json_object_get(message, "status"));
    if (!user_presences_of(core) || !id || !uuid_parse(id, &user) || !kind ||
        !status_kind_parse(kind, &status.kind))
        return;
    struct user_presence *presence = user_presence_find(user_presences_of(core), &user);
    if (presence && status.kind != STATUS_OFFLINE)
        user_presence_take_over(presence, &status);
    user_presences_note(user_presences_of(core), &user, &status);
    user_presences_deliver(user_presences_of(core), &user, &status);
}

void user_presence_tell(struct user_presences *presences, struct user_presence *presence)
{
    user_presences_note(presences, &presence->account->id, &presence->shown.told);
    user_presences_deliver(presences, &presence->account->id, &presence->shown.told);
    tell_instances(presence, presences->core);
}
