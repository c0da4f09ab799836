/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One presence per user with sockets here, kept until it was told that the user has gone. Reads of
 * partners wait in one queue, of which a few are under way; each shows how both of two users see
 * each other, and all of them tell the same views (visibility.h). */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/feature.h"
#include "bridge/core/part.h"
#include "bridge/loop/loop.h"
#include "bridge/presence/announce.h"
#include "bridge/presence/user_presence_part.h"
#include "bridge/presence/user_presence.h"
#include "bridge/presence/status.h"
#include "bridge/presence/watch.h"
#include "xep/presence.h"

#define GREETING_MAX 1000 /* presences that a new socket gets */
#define TICK_MILLISECONDS 250

static void user_presence_free(gpointer data)
{
    struct user_presence *presence = data;
    status_forget(&presence->shown);
    g_ptr_array_unref(presence->greet);
    account_unref(presence->account);
    g_free(presence);
}

struct user_presence *user_presence_find(const struct user_presences *presences,
                                         const struct uuid *user)
{
    return g_hash_table_lookup(presences->users, user);
}

void user_presence_choose(struct user_presence *presence, enum status_kind kind, bool away)
{
    if (away && !presence->away)
        presence->away_since = clock_wall();
    presence->chosen = kind;
    presence->away = away;
}

static void on_told(struct status_entry *entry, void *data)
{
    struct user_presences *presences = data;
    struct user_presence *presence = loop_owner(entry, struct user_presence, shown);
    user_presence_tell(presences, presence);
    if (entry->told.kind == STATUS_OFFLINE)
        presence->said = (struct status){.kind = STATUS_ONLINE};
    else if (entry->told.kind != presence->said.kind || entry->told.away != presence->said.away) {
        presence->said = entry->told;
        if (presence->abroad)
            announce_again(presences->core, presence->account);
    }
}

void user_presence_refresh(struct user_presences *presences, struct user_presence *presence)
{
    if (!presence->known)
        return; /* when the partners are read */
    struct status status = {.kind = presence->chosen, .away = presence->away};
    if (!announce_is_online(presences->core, presence->account))
        status = (struct status){.last_seen = presence->left};
    status_set(&presences->pacer, &presence->shown, &status, clock_monotonic());
}

/* ---- A new socket ---------------------------------------------------------------------------- */

static void greet_one(const struct user_presences *presences, const struct user_presence *presence,
                      struct subscriber *subscriber)
{
    const struct uuid *own = &presence->account->id;
    unsigned told = 0;
    for (const GList *node = visibility_list(presences->views, own); node && told < GREETING_MAX;
         node = node->next) {
        const struct visibility *view = node->data;
        unsigned viewer = visibility_side_of(view, own);
        const struct visibility_side *other = &view->side[!viewer];
        struct status status = user_presence_sees(presences, view, viewer);
        if (status.kind == STATUS_OFFLINE)
            continue;
        g_autoptr(trestle_event) event = user_presence_event(&other->user, other->number, &status);
        subscriber->deliver(subscriber, event);
        told++;
    }
}

void user_presence_greet(const struct user_presences *presences, struct user_presence *presence)
{
    while (presence->known && presence->greet->len > 0) {
        struct subscriber *subscriber =
            g_ptr_array_steal_index(presence->greet, presence->greet->len - 1);
        greet_one(presences, presence, subscriber);
    }
}

/* After the hello. */
static void greet_waiting(void *data)
{
    struct user_presences *presences = data;
    while (presences->greeting->len > 0) {
        struct user_presence *presence = g_ptr_array_steal_index_fast(presences->greeting, 0);
        presence->greeting = false;
        user_presence_greet(presences, presence);
    }
}

/* PRESENCE, whose partners are known, has a new socket. */
static void greet_soon(struct user_presences *presences, struct user_presence *presence)
{
    if (presence->greeting)
        return;
    if (presences->greeting->len == 0)
        loop_defer(greet_waiting, presences);
    presence->greeting = true;
    g_ptr_array_add(presences->greeting, presence);
}

/* ---- Coming and going ------------------------------------------------------------------------ */

static struct user_presence *presence_begin(struct user_presences *presences,
                                            struct account *account)
{
    struct user_presence *presence = user_presence_find(presences, &account->id);
    if (presence)
        return presence;
    presence = g_new0(struct user_presence, 1);
    presence->account = account_ref(account);
    presence->chosen = presence->said.kind = STATUS_ONLINE;
    presence->greet = g_ptr_array_new();
    struct status known = user_presences_status(presences, &account->id);
    if (elsewhere_is_online(presences->core, &account->id)) /* it is no news */
        user_presence_take_over(presence, &known);
    g_hash_table_insert(presences->users, &presence->account->id, presence);
    partners_want(presences, &account->id, 0);
    return presence;
}

static const struct part part;

struct user_presences *user_presences_of(const struct core *core)
{
    return part_state(core, &part);
}

static void on_subscriber(struct core *core, struct subscriber *subscriber, struct account *account,
                          bool added)
{
    struct user_presences *presences = user_presences_of(core);
    struct user_presence *presence =
        added ? presence_begin(presences, account) : user_presence_find(presences, &account->id);
    if (added) {
        g_ptr_array_add(presence->greet, subscriber);
        partners_advance(presences);
        if (presence->known)
            greet_soon(presences, presence);
        return;
    }
    if (!presence)
        return;
    g_ptr_array_remove_fast(presence->greet, subscriber);
    if (account->subscribers)
        return;
    presence->left = clock_wall();
    if (!elsewhere_is_online(core, &account->id))
        user_presence_choose(presence, STATUS_ONLINE, false);
}

void user_presence_changed(struct core *core, struct account *account)
{
    struct user_presence *presence =
        user_presences_of(core) ? user_presence_find(user_presences_of(core), &account->id) : NULL;
    if (presence)
        user_presence_refresh(user_presences_of(core), presence);
}

/* Who may see USER, or be seen, may have changed: it is read anew, soon. */
static void user_presence_reload(struct core *core, const struct uuid *user)
{
    if (user_presences_of(core) && user_presence_find(user_presences_of(core), user))
        partners_want(user_presences_of(core), user, RELOAD_DELAY);
}

void user_presence_set_in_call(struct core *core, const struct uuid *user, bool in_call)
{
    struct user_presences *presences = user_presences_of(core);
    struct user_presence *presence = presences ? user_presence_find(presences, user) : NULL;
    if (!presence || in_call == (presence->chosen == STATUS_IN_CALL))
        return;
    user_presence_choose(presence, in_call ? STATUS_IN_CALL : STATUS_ONLINE, false);
    user_presence_refresh(presences, presence);
}

/* USER has blocked somebody, or changed a setting. Among several instances USER's sockets, and
 * those of whoever becomes a partner, may be anywhere. */
static void on_related(struct core *core, const struct uuid *user)
{
    if (user_presences_of(core) && elsewhere_is_used(core))
        partners_want(user_presences_of(core), user, RELOAD_DELAY);
    else
        user_presence_reload(core, user);
}

static void on_publishing(struct core *core, const struct event *event, const struct uuid *users,
                          size_t count)
{
    struct user_presences *presences = user_presences_of(core);
    bool message = event->type == EVENT_MESSAGE_NEW;
    bool listing =
        event->type == EVENT_CONVERSATION_NEW || event->type == EVENT_CONVERSATION_REMOVED;
    if (!listing && event->type != EVENT_CONVERSATION_UPDATED &&
        event->type != EVENT_USER_UPDATED && !(message && count == 2))
        return;
    for (size_t i = 0; i < count; i++) {
        /* The user's sockets may be at another instance, and partners here, or about to be. */
        bool involved =
            user_presence_find(presences, &users[i]) || (listing && elsewhere_is_used(core));
        if (involved && !(message && visibility_find(presences->views, &users[i], &users[!i])))
            partners_want(presences, &users[i], RELOAD_DELAY);
    }
}

static bool has_gone(const struct user_presences *presences, const struct user_presence *presence)
{
    return !presence->account->subscribers && presence->shown.told.kind == STATUS_OFFLINE &&
           !announce_is_online(presences->core, presence->account);
}

static gboolean drop_gone(gpointer key, gpointer value, gpointer data)
{
    (void)key;
    struct user_presences *presences = data;
    struct user_presence *presence = value;
    if (!has_gone(presences, presence))
        return FALSE;
    watch_remove_all(presences->core, &presence->account->id);
    if (presence->greeting)
        g_ptr_array_remove_fast(presences->greeting, presence);
    partners_leave(presences, presence);
    return TRUE;
}

static gboolean on_tick(gpointer data)
{
    struct user_presences *presences = data;
    static unsigned ticks;
    status_advance(&presences->pacer, clock_monotonic());
    partners_advance(presences);
    if (++ticks % 8 == 0)
        g_hash_table_foreach_remove(presences->users, drop_gone, presences);
    return G_SOURCE_CONTINUE;
}

/* ---- To XMPP --------------------------------------------------------------------------------- */

void user_presence_dress(const struct core *core, const struct account *account,
                         struct presence_stanza *stanza)
{
    if (!user_presences_of(core) || stanza->type != PRESENCE_AVAILABLE)
        return;
    const struct user_presence *presence =
        user_presence_find(user_presences_of(core), &account->id);
    struct status status = presence
                               ? (struct status){.kind = presence->chosen, .away = presence->away}
                               : user_presences_status(user_presences_of(core), &account->id);
    if (status.away) {
        stanza->show = PRESENCE_SHOW_AWAY;
        stanza->idle_since_us = presence && !presence->hides_last ? presence->away_since : 0;
    }
    if (status.kind == STATUS_IN_CALL) {
        stanza->show = PRESENCE_SHOW_DND;
        stanza->status = "In a call";
        stanza->in_call = true;
    }
}

/* ---- Apps ------------------------------------------------------------------------------------ */

static const char *const choices[] = {"online", "away", "in_call", NULL};
static const struct field choose_fields[] = {
    {.name = "status", .type = FIELD_CHOICE, .flags = FIELD_REQUIRED, .choices = choices},
    {0},
};

static void reply_status(struct request *request, const char *user_id, const struct status *status)
{
    g_auto(buffer) json = BUFFER_INIT(STATUS_JSON_MAX);
    status_write(&json, user_id, status);
    request_reply(request, 200, &json);
}

static void on_choose(struct request *request)
{
    struct user_presences *presences = user_presences_of(request->core);
    struct user_presence *presence = user_presence_find(presences, &request->account->id);
    const char *wanted = request_text(request, "status");
    struct status status = {.kind = STATUS_ONLINE, .away = strcmp(wanted, "away") == 0};
    if (strcmp(wanted, "in_call") == 0)
        status.kind = STATUS_IN_CALL;
    if (presence && request->account->subscribers) { /* else the socket has closed meanwhile */
        user_presence_choose(presence, status.kind, status.away);
        user_presence_refresh(presences, presence);
    }
    reply_status(request, request->account->id_text, &status);
}

static const struct field get_fields[] = {
    FIELD_ID_IN_PATH("user_id"),
    {0},
};

/* A stranger, nobody and one who hides it look the same: offline. */
static void partner_read(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    const struct core *core = request->core;
    const struct uuid *id = request_uuid(request, "user_id");
    char text[UUID_TEXT_SIZE];
    struct status status = {0};
    uuid_format(id, text);
    if (error != ERROR_NONE) {
        request_fail(request, error, NULL);
        return;
    }
    if (uuid_equal(id, &request->account->id)) {
        status = user_presences_status(user_presences_of(core), id);
    } else if (rows_count(rows) == 1 && rows_boolean(rows, 0, PRESENCE_PARTNERS_TO_PEER) &&
               !rows_boolean(rows, 0, PRESENCE_PARTNERS_HOSTED)) {
        watch_status(core, &request->account->id, rows_text(rows, 0, PRESENCE_PARTNERS_JID),
                     &status);
    } else if (rows_count(rows) == 1 && rows_boolean(rows, 0, PRESENCE_PARTNERS_SEEN)) {
        status = user_presences_status(user_presences_of(core), id);
        if (status.kind == STATUS_OFFLINE && rows_boolean(rows, 0, PRESENCE_PARTNERS_SEEN_LAST))
            status.last_seen = rows_integer(rows, 0, PRESENCE_PARTNERS_SEEN_AT);
    }
    reply_status(request, text, &status);
}

static void on_get(struct request *request)
{
    char only[UUID_TEXT_SIZE];
    uuid_format(request_uuid(request, "user_id"), only);
    const char *values[] = {request->account->id_text, only, "1"};
    archive_query(request->core->archive, QUERY_PRESENCE_PARTNERS, values, partner_read, request);
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void presences_start(struct core *core)
{
    struct user_presences *presences = g_new0(struct user_presences, 1);
    presences->core = core;
    status_pacer_init(&presences->pacer, clock_monotonic());
    presences->pacer.tell = on_told;
    presences->pacer.data = presences;
    presences->users = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, user_presence_free);
    presences->greeting = g_ptr_array_new();
    partners_start(presences);
    presences->tick = g_timeout_add(TICK_MILLISECONDS, on_tick, presences);
    part_add(core, &part, presences);
    user_presences_elsewhere_start(presences);
}

static void presences_stop(struct core *core)
{
    struct user_presences *presences = part_remove(core, &part);
    g_source_remove(presences->tick);
    partners_stop(presences);
    loop_cancel(greet_waiting, presences);
    g_ptr_array_unref(presences->greeting);
    g_hash_table_unref(presences->users);
    g_hash_table_unref(presences->statuses);
    g_free(presences);
}

static const struct operation operations[] = {
    {.command = "presence",
     .toggle = TOGGLE_PRESENCE,
     .fields = choose_fields,
     .handle = on_choose,
     .reply = "Presence",
     .limit = LIMIT_TYPING,
     .summary = "Says that the user is online, away or in a call"},
    {.method = "GET",
     .path = "/api/users/:user_id/presence",
     .toggle = TOGGLE_PRESENCE,
     .fields = get_fields,
     .handle = on_get,
     .reply = "Presence",
     .summary = "Whether a user is online"},
    {0},
};

static const struct part part = {.name = "presences",
                                 .subscriber_changed = on_subscriber,
                                 .publishing = on_publishing,
                                 .related = on_related};

const struct feature feature_user_presence = {.name = "presences",
                                              .part = &part,
                                              .operations = operations,
                                              .start = presences_start,
                                              .stop = presences_stop};
