/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One attendee per user with sockets here, kept until it was told that the user has gone. Reads of
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
#include "bridge/presence/attendee.h"
#include "bridge/presence/audience.h"
#include "bridge/presence/status.h"
#include "bridge/presence/watch.h"
#include "xep/presence.h"

#define GREETING_MAX 1000 /* presences that a new socket gets */
#define TICK_MILLISECONDS 250

static void attendee_free(gpointer data)
{
    struct attendee *attendee = data;
    status_forget(&attendee->shown);
    g_ptr_array_unref(attendee->greet);
    account_unref(attendee->account);
    g_free(attendee);
}

struct attendee *attendee_find(const struct audience *audience, const struct uuid *user)
{
    return g_hash_table_lookup(audience->attendees, user);
}

void attendee_choose(struct attendee *attendee, enum status_kind kind, bool away)
{
    if (away && !attendee->away)
        attendee->away_since = clock_wall();
    attendee->chosen = kind;
    attendee->away = away;
}

static void on_told(struct status_entry *entry, void *data)
{
    struct audience *audience = data;
    struct attendee *attendee = loop_owner(entry, struct attendee, shown);
    attendee_tell(audience, attendee);
    if (entry->told.kind == STATUS_OFFLINE)
        attendee->said = (struct status){.kind = STATUS_ONLINE};
    else if (entry->told.kind != attendee->said.kind || entry->told.away != attendee->said.away) {
        attendee->said = entry->told;
        if (attendee->abroad)
            announce_again(audience->core, attendee->account);
    }
}

void attendee_refresh(struct audience *audience, struct attendee *attendee)
{
    if (!attendee->known)
        return; /* when the partners are read */
    struct status status = {.kind = attendee->chosen, .away = attendee->away};
    if (!announce_is_online(audience->core, attendee->account))
        status = (struct status){.last_seen = attendee->left};
    status_set(&audience->pacer, &attendee->shown, &status, clock_monotonic());
}

/* ---- A new socket ---------------------------------------------------------------------------------- */

static void greet_one(const struct audience *audience, const struct attendee *attendee,
                      struct subscriber *subscriber)
{
    const struct uuid *own = &attendee->account->id;
    unsigned told = 0;
    for (const GList *node = visibility_list(audience->views, own); node && told < GREETING_MAX;
         node = node->next) {
        const struct visibility *view = node->data;
        unsigned viewer = visibility_side_of(view, own);
        const struct visibility_side *other = &view->side[!viewer];
        struct status status = attendee_sees(audience, view, viewer);
        if (status.kind == STATUS_OFFLINE)
            continue;
        g_autoptr(trestle_event) event = attendee_event(&other->user, other->number, &status);
        subscriber->deliver(subscriber, event);
        told++;
    }
}

void attendee_greet(const struct audience *audience, struct attendee *attendee)
{
    while (attendee->known && attendee->greet->len > 0) {
        struct subscriber *subscriber =
            g_ptr_array_steal_index(attendee->greet, attendee->greet->len - 1);
        greet_one(audience, attendee, subscriber);
    }
}

/* After the hello. */
static void greet_all(void *data)
{
    struct audience *audience = data;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, audience->attendees);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        attendee_greet(audience, value);
}

/* ---- Coming and going ------------------------------------------------------------------------------ */

static struct attendee *attend(struct audience *audience, struct account *account)
{
    struct attendee *attendee = attendee_find(audience, &account->id);
    if (attendee)
        return attendee;
    attendee = g_new0(struct attendee, 1);
    attendee->account = account_ref(account);
    attendee->chosen = attendee->said.kind = STATUS_ONLINE;
    attendee->greet = g_ptr_array_new();
    struct status known = audience_status(audience, &account->id);
    if (elsewhere_is_online(audience->core, &account->id)) /* it is no news */
        attendee_take_over(attendee, &known);
    g_hash_table_insert(audience->attendees, &attendee->account->id, attendee);
    partners_want(audience, &account->id, 0);
    return attendee;
}

static const struct part part;

struct audience *audience_of(const struct core *core)
{
    return part_state(core, &part);
}

static void on_subscriber(struct core *core, struct subscriber *subscriber, struct account *account,
                          bool added)
{
    struct audience *audience = audience_of(core);
    struct attendee *attendee =
        added ? attend(audience, account) : attendee_find(audience, &account->id);
    if (added) {
        g_ptr_array_add(attendee->greet, subscriber);
        partners_advance(audience);
        if (attendee->known)
            loop_defer(greet_all, audience);
        return;
    }
    if (!attendee)
        return;
    g_ptr_array_remove_fast(attendee->greet, subscriber);
    if (account->subscribers)
        return;
    attendee->left = clock_wall();
    if (!elsewhere_is_online(core, &account->id))
        attendee_choose(attendee, STATUS_ONLINE, false);
}

void audience_changed(struct core *core, struct account *account)
{
    struct attendee *attendee =
        audience_of(core) ? attendee_find(audience_of(core), &account->id) : NULL;
    if (attendee)
        attendee_refresh(audience_of(core), attendee);
}

/* USER has blocked somebody, or changed a setting. Among several instances USER's sockets, and
 * those of whoever becomes a partner, may be anywhere. */
static void on_related(struct core *core, const struct uuid *user)
{
    if (audience_of(core) && elsewhere_is_used(core))
        partners_want(audience_of(core), user, RELOAD_DELAY);
    else
        audience_reload(core, user);
}

static void on_publishing(struct core *core, const struct event *event, const struct uuid *users,
                          size_t count)
{
    struct audience *audience = audience_of(core);
    bool message = event->type == EVENT_MESSAGE_NEW;
    bool listing =
        event->type == EVENT_CONVERSATION_NEW || event->type == EVENT_CONVERSATION_REMOVED;
    if (!listing && event->type != EVENT_CONVERSATION_UPDATED &&
        event->type != EVENT_USER_UPDATED && !(message && count == 2))
        return;
    for (size_t i = 0; i < count; i++) {
        /* The user's sockets may be at another instance, and partners here, or about to be. */
        bool involved = attendee_find(audience, &users[i]) || (listing && elsewhere_is_used(core));
        if (involved && !(message && visibility_find(audience->views, &users[i], &users[!i])))
            partners_want(audience, &users[i], RELOAD_DELAY);
    }
}

static bool has_gone(const struct audience *audience, const struct attendee *attendee)
{
    return !attendee->account->subscribers && attendee->shown.told.kind == STATUS_OFFLINE &&
           !announce_is_online(audience->core, attendee->account);
}

static gboolean drop_gone(gpointer key, gpointer value, gpointer data)
{
    (void)key;
    struct audience *audience = data;
    struct attendee *attendee = value;
    if (!has_gone(audience, attendee))
        return FALSE;
    watch_remove_all(audience->core, &attendee->account->id);
    partners_leave(audience, attendee);
    return TRUE;
}

static gboolean on_tick(gpointer data)
{
    struct audience *audience = data;
    static unsigned ticks;
    status_advance(&audience->pacer, clock_monotonic());
    partners_advance(audience);
    if (++ticks % 8 == 0)
        g_hash_table_foreach_remove(audience->attendees, drop_gone, audience);
    return G_SOURCE_CONTINUE;
}

/* ---- To XMPP --------------------------------------------------------------------------------------- */

void audience_dress(const struct core *core, const struct account *account,
                    struct presence_stanza *presence)
{
    if (!audience_of(core) || presence->type != PRESENCE_AVAILABLE)
        return;
    const struct attendee *attendee = attendee_find(audience_of(core), &account->id);
    struct status status = attendee
                               ? (struct status){.kind = attendee->chosen, .away = attendee->away}
                               : audience_status(audience_of(core), &account->id);
    if (status.away) {
        presence->show = PRESENCE_SHOW_AWAY;
        presence->idle_since_us = attendee && !attendee->hides_last ? attendee->away_since : 0;
    }
    if (status.kind == STATUS_IN_CALL) {
        presence->show = PRESENCE_SHOW_DND;
        presence->status = "In a call";
        presence->in_call = true;
    }
}

/* ---- Apps ------------------------------------------------------------------------------------------ */

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
    struct audience *audience = audience_of(request->core);
    struct attendee *attendee = attendee_find(audience, &request->account->id);
    const char *wanted = request_text(request, "status");
    struct status status = {.kind = STATUS_ONLINE, .away = strcmp(wanted, "away") == 0};
    if (strcmp(wanted, "in_call") == 0)
        status.kind = STATUS_IN_CALL;
    if (attendee && request->account->subscribers) { /* else the socket has closed meanwhile */
        attendee_choose(attendee, status.kind, status.away);
        attendee_refresh(audience, attendee);
    }
    reply_status(request, request->account->id_text, &status);
}

static const struct field get_fields[] = {
    {.name = "user_id", .type = FIELD_UUID, .flags = FIELD_REQUIRED | FIELD_IN_PATH},
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
        status = audience_status(audience_of(core), id);
    } else if (rows_count(rows) == 1 && rows_boolean(rows, 0, PRESENCE_PARTNERS_TO_PEER) &&
               !rows_boolean(rows, 0, PRESENCE_PARTNERS_HOSTED)) {
        watch_status(core, &request->account->id, rows_text(rows, 0, PRESENCE_PARTNERS_JID),
                     &status);
    } else if (rows_count(rows) == 1 && rows_boolean(rows, 0, PRESENCE_PARTNERS_SEEN)) {
        status = audience_status(audience_of(core), id);
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

/* ---- The feature ----------------------------------------------------------------------------------- */

static void start(struct core *core)
{
    struct audience *audience = g_new0(struct audience, 1);
    audience->core = core;
    status_pacer_init(&audience->pacer, clock_monotonic());
    audience->pacer.tell = on_told;
    audience->pacer.data = audience;
    audience->attendees = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, attendee_free);
    partners_start(audience);
    audience->tick = g_timeout_add(TICK_MILLISECONDS, on_tick, audience);
    part_add(core, &part, audience);
    audience_elsewhere_start(audience);
}

static void stop(struct core *core)
{
    struct audience *audience = part_remove(core, &part);
    g_source_remove(audience->tick);
    partners_stop(audience);
    g_hash_table_unref(audience->attendees);
    g_hash_table_unref(audience->statuses);
    g_free(audience);
}

static const struct operation operations[] = {
    {.command = "presence",
     .fields = choose_fields,
     .handle = on_choose,
     .reply = "Presence",
     .limit = LIMIT_TYPING,
     .summary = "Says that the user is online, away or in a call"},
    {.method = "GET",
     .path = "/api/users/:user_id/presence",
     .fields = get_fields,
     .handle = on_get,
     .reply = "Presence",
     .summary = "Whether a user is online"},
    {0},
};

static const struct part part = {.name = "audience",
                                 .subscriber_changed = on_subscriber,
                                 .publishing = on_publishing,
                                 .related = on_related};

const struct feature feature_audience = {
    .name = "audience", .part = &part, .operations = operations, .start = start, .stop = stop};
