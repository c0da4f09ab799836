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
#include "bridge/presence/user_presence_part.h"
#include "bridge/presence/user_presence.h"

#define TOPIC "statuses" /* on the bus */
#define USERS_IN_MESSAGE 1000

static struct status status_noted(const struct user_presences *presences, const struct uuid *user)
{
    const struct status *kept = g_hash_table_lookup(presences->statuses, user);
    return kept ? *kept : (struct status){.kind = STATUS_ONLINE};
}

void user_presences_note(struct user_presences *presences, const struct uuid *user,
                         const struct status *status)
{
    bool plain = status->kind == STATUS_OFFLINE || (status->kind == STATUS_ONLINE && !status->away);
    const struct status kept = {.kind = status->kind, .away = status->away};
    if (plain)
        g_hash_table_remove(presences->statuses, user);
    else if (elsewhere_is_used(presences->core) &&
             g_hash_table_size(presences->statuses) < ELSEWHERE_USERS_MAX)
        g_hash_table_replace(presences->statuses, g_memdup2(user, sizeof *user),
                             g_memdup2(&kept, sizeof kept));
}

struct status user_presences_status(const struct user_presences *presences, const struct uuid *user)
{
    const struct core *core = presences->core;
    const struct account *account = account_find(core->accounts, user);
    const struct user_presence *presence = user_presence_find(presences, user);
    if (!elsewhere_is_online(core, user) && !(account && announce_is_online(core, account)))
        return (struct status){0};
    if (presence)
        return (struct status){.kind = presence->chosen, .away = presence->away};
    return status_noted(presences, user);
}

/* ---- Instances ------------------------------------------------------------------------------- */

static void statuses_publish(struct core *core, json_t *users)
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
    if (!here || !user_presences_of(core))
        return;
    json_t *users = json_array();
    g_hash_table_iter_init(&iter, user_presences_of(core)->users);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct user_presence *presence = value;
        const struct status *told = &presence->shown.told;
        if (!presence->account->subscribers || told->kind == STATUS_OFFLINE)
            continue;
        json_array_append_new(users, json_pack("[s, s, b]", presence->account->id_text,
                                               status_kind_name(told->kind), told->away));
        if (json_array_size(users) < USERS_IN_MESSAGE)
            continue;
        statuses_publish(core, users);
        users = json_array();
    }
    statuses_publish(core, users);
}

static void on_status(struct core *core, const json_t *row)
{
    struct user_presences *presences = user_presences_of(core);
    struct uuid user;
    struct status status = {.away = json_is_true(json_array_get(row, 2))};
    const char *id = json_string_value(json_array_get(row, 0));
    const char *kind = json_string_value(json_array_get(row, 1));
    if (!id || !uuid_parse(id, &user) || !kind || !status_kind_parse(kind, &status.kind) ||
        status.kind == STATUS_OFFLINE)
        return;
    struct user_presence *presence = user_presence_find(presences, &user);
    struct status known = presence ? presence->shown.told : status_noted(presences, &user);
    if (known.kind == status.kind && known.away == status.away)
        return;
    user_presences_note(presences, &user, &status);
    if (presence)
        user_presence_take_over(presence, &status);
    user_presences_deliver(presences, &user, &status);
}

static void on_statuses(struct core *core, const json_t *message, void *data)
{
    const json_t *users = json_object_get(message, "users");
    (void)data;
    for (size_t i = 0; user_presences_of(core) && i < MIN(json_array_size(users), USERS_IN_MESSAGE);
         i++)
        on_status(core, json_array_get(users, i));
}

static void on_elsewhere(struct core *core, const struct uuid *user, bool online, void *data)
{
    (void)data;
    if (!online && user_presences_of(core) && !user_presence_find(user_presences_of(core), user))
        g_hash_table_remove(user_presences_of(core)->statuses, user);
}

void user_presences_elsewhere_start(struct user_presences *presences)
{
    presences->statuses = g_hash_table_new_full(uuid_hash, uuid_equal, g_free, g_free);
    bus_subscribe(presences->core, "presence", user_presences_told, NULL);
    bus_subscribe(presences->core, TOPIC, on_statuses, NULL);
    bus_watch_instances(presences->core, on_instance, NULL);
    elsewhere_watch(presences->core, on_elsewhere, NULL);
}
