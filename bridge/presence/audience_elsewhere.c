/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What users were told to be, for instances where they have no sockets. Only what is not just
 * "online" is kept: most users never say anything. An instance that comes, or comes back, is told
 * of all users by all instances; who knows it already does not tell it again. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/presence/announce.h"
#include "bridge/presence/attendee.h"
#include "bridge/presence/audience.h"

#define TOPIC "statuses" /* on the bus */
#define USERS_IN_MESSAGE 1000

static struct status noted(const struct audience *audience, const struct uuid *user)
{
    const struct status *kept = g_hash_table_lookup(audience->statuses, user);
    return kept ? *kept : (struct status){.kind = STATUS_ONLINE};
}

void audience_note(struct audience *audience, const struct uuid *user, const struct status *status)
{
    bool plain = status->kind == STATUS_OFFLINE || (status->kind == STATUS_ONLINE && !status->away);
    const struct status kept = {.kind = status->kind, .away = status->away};
    if (plain)
        g_hash_table_remove(audience->statuses, user);
    else if (elsewhere_is_used(audience->core) &&
             g_hash_table_size(audience->statuses) < ELSEWHERE_USERS_MAX)
        g_hash_table_replace(audience->statuses, g_memdup2(user, sizeof *user),
                             g_memdup2(&kept, sizeof kept));
}

struct status audience_status(const struct audience *audience, const struct uuid *user)
{
    const struct core *core = audience->core;
    const struct account *account = account_find(core->accounts, user);
    const struct attendee *attendee = attendee_find(audience, user);
    if (!elsewhere_is_online(core, user) && !(account && announce_is_online(core, account)))
        return (struct status){0};
    if (attendee)
        return (struct status){.kind = attendee->chosen, .away = attendee->away};
    return noted(audience, user);
}

/* ---- Instances ------------------------------------------------------------------------------------- */

static void publish(struct core *core, json_t *users)
{
    bus_publish(core, TOPIC, json_pack("{s:o}", "users", users));
}

/* Those who are plainly online, too: it may have been otherwise when the other instance heard last.
 */
static void on_instance(struct core *core, const char *instance, bool here, void *data)
{
    GHashTableIter iter;
    gpointer value;
    (void)instance, (void)data;
    if (!here || !audience_of(core))
        return;
    json_t *users = json_array();
    g_hash_table_iter_init(&iter, audience_of(core)->attendees);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct attendee *attendee = value;
        const struct status *told = &attendee->shown.told;
        if (!attendee->account->subscribers || told->kind == STATUS_OFFLINE)
            continue;
        json_array_append_new(users, json_pack("[s, s, b]", attendee->account->id_text,
                                               status_kind_name(told->kind), told->away));
        if (json_array_size(users) < USERS_IN_MESSAGE)
            continue;
        publish(core, users);
        users = json_array();
    }
    publish(core, users);
}

static void on_status(struct core *core, const json_t *row)
{
    struct audience *audience = audience_of(core);
    struct uuid user;
    struct status status = {.away = json_is_true(json_array_get(row, 2))};
    const char *id = json_string_value(json_array_get(row, 0));
    const char *kind = json_string_value(json_array_get(row, 1));
    if (!id || !uuid_parse(id, &user) || !kind || !status_kind_parse(kind, &status.kind) ||
        status.kind == STATUS_OFFLINE)
        return;
    struct attendee *attendee = attendee_find(audience, &user);
    struct status known = attendee ? attendee->shown.told : noted(audience, &user);
    if (known.kind == status.kind && known.away == status.away)
        return;
    audience_note(audience, &user, &status);
    if (attendee)
        attendee_take_over(attendee, &status);
    audience_deliver(audience, &user, &status);
}

static void on_statuses(struct core *core, const json_t *message, void *data)
{
    const json_t *users = json_object_get(message, "users");
    (void)data;
    for (size_t i = 0; audience_of(core) && i < MIN(json_array_size(users), USERS_IN_MESSAGE); i++)
        on_status(core, json_array_get(users, i));
}

static void on_elsewhere(struct core *core, const struct uuid *user, bool online, void *data)
{
    (void)data;
    if (!online && audience_of(core) && !attendee_find(audience_of(core), user))
        g_hash_table_remove(audience_of(core)->statuses, user);
}

void audience_elsewhere_start(struct audience *audience)
{
    audience->statuses = g_hash_table_new_full(uuid_hash, uuid_equal, g_free, g_free);
    bus_subscribe(audience->core, "presence", attendees_told, NULL);
    bus_subscribe(audience->core, TOPIC, on_statuses, NULL);
    bus_watch_instances(audience->core, on_instance, NULL);
    elsewhere_watch(audience->core, on_elsewhere, NULL);
}
