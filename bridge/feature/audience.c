/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One attendee per user with sockets here, kept until it was told that the user has gone. Reads of
 * partners wait in one queue, of which a few are under way. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/core/account.h"
#include "bridge/core/bus.h"
#include "bridge/core/core.h"
#include "bridge/core/elsewhere.h"
#include "bridge/core/event.h"
#include "bridge/core/registry.h"
#include "bridge/core/status.h"
#include "bridge/feature/announce.h"
#include "bridge/feature/audience.h"
#include "bridge/feature/feature.h"
#include "bridge/feature/watch.h"
#include "bridge/loop/loop.h"
#include "xep/presence.h"

#define TOPIC "presence" /* on the bus */
#define PARTNERS 2000          /* of one user */
#define PARTNERS_MAX 1000000   /* in all */
#define READS_MAX 16           /* under way */
#define GREETING_MAX 1000      /* presences that a new socket gets */
#define TICK_MILLISECONDS 250
#define RELOAD_DELAY G_USEC_PER_SEC

struct partner {
    struct uuid id;
    gint64 number;
    char *jid;       /* of one on XMPP with a subscription; else NULL */
    bool hosted;
    bool sees, sees_last;
    bool seen;
};

struct attendee {
    struct status_entry shown;
    struct account *account;  /* reference */
    enum status_kind chosen;  /* STATUS_ONLINE or STATUS_IN_CALL */
    bool away;
    gint64 away_since;        /* wall clock */
    struct status said;       /* what contacts on XMPP were told, besides online and offline */
    gint64 left;              /* wall clock: when it was last online */
    GHashTable *partners;     /* struct uuid * → struct partner *; NULL: not read yet */
    GPtrArray *greet;         /* struct subscriber *, borrowed: they wait for their greeting */
    bool abroad;              /* somebody on XMPP has a subscription */
    bool hides_last;          /* somebody may not see when the user was last there */
    bool queued;              /* in `reads` */
    bool reading;
    gint64 read_at;           /* not before */
};

struct audience {
    struct core *core;
    struct status_pacer pacer;
    GHashTable *attendees; /* struct uuid * → struct attendee *, owned */
    GQueue reads;          /* struct attendee * */
    unsigned reading;
    unsigned partners;
    guint tick;
};

static void partner_free(gpointer data)
{
    struct partner *partner = data;
    g_free(partner->jid);
    g_free(partner);
}

static void attendee_free(gpointer data)
{
    struct attendee *attendee = data;
    status_forget(&attendee->shown);
    g_clear_pointer(&attendee->partners, g_hash_table_unref);
    g_ptr_array_unref(attendee->greet);
    account_unref(attendee->account);
    g_free(attendee);
}

static struct attendee *find(const struct audience *audience, const struct uuid *user)
{
    return g_hash_table_lookup(audience->attendees, user);
}

static void choose(struct attendee *attendee, enum status_kind kind, bool away)
{
    if (away && !attendee->away)
        attendee->away_since = clock_wall();
    attendee->chosen = kind;
    attendee->away = away;
}

/* ---- Events ---------------------------------------------------------------------------------------- */

static struct event *make_event(const struct uuid *id, gint64 number, const struct status *status)
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

/* How PARTNER looks to the user of ATTENDEE. */
static struct status status_of(const struct audience *audience, const struct attendee *attendee,
                               const struct partner *partner)
{
    struct core *core = audience->core;
    struct status status = {0};
    const struct account *account = partner->hosted ? account_find(core, &partner->id) : NULL;
    const struct attendee *other = find(audience, &partner->id);
    if (partner->jid)
        watch_status(core, &attendee->account->id, partner->jid, &status);
    else if (partner->seen && other)
        status = other->shown.told; /* what is not told yet will be */
    else if (partner->seen && account && announce_is_online(core, account))
        status.kind = STATUS_ONLINE;
    status.last_seen = 0;
    return status;
}

static void add_listener(json_t *list, const struct core *core, const struct uuid *user)
{
    char id[UUID_TEXT_SIZE];
    if (!elsewhere_is_online(core, user))
        return;
    uuid_format(user, id);
    json_array_append_new(list, json_string(id));
}

/* The same for partners with sockets at other instances, and for the user's own. */
static void tell_instances(const struct audience *audience, const struct attendee *attendee)
{
    const struct status *status = &attendee->shown.told;
    struct core *core = audience->core;
    if (!bus_is_heard(core))
        return;
    json_t *whole = json_array();
    json_t *less = json_array();
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, attendee->partners);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct partner *partner = value;
        if (partner->hosted && partner->sees)
            add_listener(partner->sees_last ? whole : less, core, &partner->id);
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

/* The user has sockets here too: what was said there holds here, and was told. */
static void take_over(struct attendee *attendee, const struct status *status)
{
    choose(attendee, status->kind, status->away);
    status_forget(&attendee->shown);
    attendee->shown.now = attendee->shown.told = attendee->said = *status;
}

static void told_by_another(struct core *core, const json_t *message, void *data)
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
    struct attendee *attendee = find(core->audience, &user);
    if (attendee && status.kind != STATUS_OFFLINE)
        take_over(attendee, &status);
    g_autoptr(trestle_event) whole = make_event(&user, number, &status);
    status.last_seen = 0;
    g_autoptr(trestle_event) less = make_event(&user, number, &status);
    deliver_to(core, whole, json_object_get(message, "to"));
    deliver_to(core, less, json_object_get(message, "less"));
}

/* Everybody who may see the user is told what it has become. */
static void tell_partners(struct audience *audience, struct attendee *attendee)
{
    struct status hidden = attendee->shown.told;
    hidden.last_seen = 0;
    const struct account *own = attendee->account;
    g_autoptr(trestle_event) whole = make_event(&own->id, own->number, &attendee->shown.told);
    g_autoptr(trestle_event) less = make_event(&own->id, own->number, &hidden);
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
}

static void on_told(struct status_entry *entry, void *data)
{
    struct audience *audience = data;
    struct attendee *attendee = loop_owner(entry, struct attendee, shown);
    tell_partners(audience, attendee);
    tell_instances(audience, attendee);
    if (entry->told.kind == STATUS_OFFLINE)
        attendee->said = (struct status){.kind = STATUS_ONLINE};
    else if (entry->told.kind != attendee->said.kind || entry->told.away != attendee->said.away) {
        attendee->said = entry->told;
        if (attendee->abroad)
            announce_again(audience->core, attendee->account);
    }
}

static void refresh(struct audience *audience, struct attendee *attendee)
{
    if (!attendee->partners)
        return; /* when they are read */
    struct status status = {.kind = attendee->chosen, .away = attendee->away};
    if (!announce_is_online(audience->core, attendee->account))
        status = (struct status){.last_seen = attendee->left};
    status_set(&audience->pacer, &attendee->shown, &status, clock_monotonic());
}

/* ---- A new socket ---------------------------------------------------------------------------------- */

static void greet_one(const struct audience *audience, const struct attendee *attendee,
                      struct subscriber *subscriber)
{
    unsigned told = 0;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, attendee->partners);
    while (told < GREETING_MAX && g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct partner *partner = value;
        struct status status = status_of(audience, attendee, partner);
        if (status.kind == STATUS_OFFLINE)
            continue;
        g_autoptr(trestle_event) event = make_event(&partner->id, partner->number, &status);
        subscriber->deliver(subscriber, event);
        told++;
    }
}

static void greet(const struct audience *audience, struct attendee *attendee)
{
    while (attendee->partners && attendee->greet->len > 0) {
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
        greet(audience, value);
}

/* ---- Who the partners are -------------------------------------------------------------------------- */

static void read_more(struct audience *audience);

static GHashTable *partners_of(const struct rows *rows, struct attendee *attendee)
{
    GHashTable *partners = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, partner_free);
    attendee->hides_last = false;
    attendee->abroad = rows_count(rows) == PARTNERS; /* there may be more */
    for (int row = 0; row < rows_count(rows); row++) {
        struct partner *partner = g_new0(struct partner, 1);
        rows_uuid(rows, row, 0, &partner->id);
        partner->number = rows_integer(rows, row, 1);
        partner->hosted = rows_boolean(rows, row, 3);
        partner->sees = rows_boolean(rows, row, 4);
        partner->sees_last = rows_boolean(rows, row, 5);
        partner->seen = rows_boolean(rows, row, 6);
        if (!partner->hosted && rows_boolean(rows, row, 9))
            partner->jid = g_strdup(rows_text(rows, row, 2));
        attendee->hides_last = attendee->hides_last || !partner->sees_last;
        attendee->abroad = attendee->abroad || (!partner->hosted && rows_boolean(rows, row, 10));
        g_hash_table_replace(partners, &partner->id, partner);
    }
    return partners;
}

/* PARTNER was OLD (NULL: nobody) to the user of ATTENDEE and is NOW (NULL: nobody). The user is told
 * who is seen or not any more; who sees the user is told in the same way, after a read of their own. */
static void compare(struct audience *audience, struct attendee *attendee,
                    const struct partner *old, const struct partner *now)
{
    struct core *core = audience->core;
    const struct account *own = attendee->account;
    bool hosted = now ? now->hosted : old->hosted;
    const struct uuid *id = now ? &now->id : &old->id;
    bool saw = old && old->sees, sees = now && now->sees;
    bool seen_before = old && old->seen, seen = now && now->seen;
    if (old && old->jid && !(now && now->jid))
        watch_remove(core, &own->id, old->jid);
    if (now && now->jid) {
        struct watch_contact contact = {now->jid, &now->id, now->number};
        watch_add(core, own, &contact);
    }
    if (!hosted || (saw == sees && seen_before == seen))
        return;
    struct status theirs = {0};
    if (now)
        theirs = status_of(audience, attendee, now);
    if (seen_before != seen && (theirs.kind != STATUS_OFFLINE || !seen)) {
        g_autoptr(trestle_event) event =
            make_event(id, now ? now->number : old->number, &theirs);
        event_deliver(attendee->account, event);
    }
    audience_reload(core, id);
}

static void replace_partners(struct audience *audience, struct attendee *attendee,
                             GHashTable *partners)
{
    GHashTable *old = attendee->partners;
    GHashTableIter iter;
    gpointer value;
    attendee->partners = partners;
    audience->partners += g_hash_table_size(partners);
    g_hash_table_iter_init(&iter, partners);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct partner *partner = value;
        if (old)
            compare(audience, attendee, g_hash_table_lookup(old, &partner->id), partner);
        else if (partner->jid)
            compare(audience, attendee, NULL, partner);
    }
    if (!old)
        return;
    g_hash_table_iter_init(&iter, old);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct partner *partner = value;
        if (!g_hash_table_contains(partners, &partner->id))
            compare(audience, attendee, partner, NULL);
    }
    audience->partners -= g_hash_table_size(old);
    g_hash_table_unref(old);
}

struct reading {
    struct core *core;
    struct uuid user;
};

static void partners_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct reading *reading = data;
    struct audience *audience = reading->core->audience;
    struct attendee *attendee = audience ? find(audience, &reading->user) : NULL;
    if (audience)
        audience->reading--;
    if (!attendee)
        return;
    attendee->reading = false;
    if (error != ERROR_NONE) {
        audience_reload(reading->core, &reading->user);
        return;
    }
    if (audience->partners + (guint)rows_count(rows) <= PARTNERS_MAX)
        replace_partners(audience, attendee, partners_of(rows, attendee));
    refresh(audience, attendee);
    greet(audience, attendee);
    read_more(audience);
}

static void read_one(struct audience *audience, struct attendee *attendee)
{
    struct reading *reading = g_new0(struct reading, 1);
    *reading = (struct reading){audience->core, attendee->account->id};
    attendee->reading = true;
    audience->reading++;
    const char *values[] = {attendee->account->id_text, NULL, G_STRINGIFY(2000)};
    G_STATIC_ASSERT(PARTNERS == 2000);
    archive_query(audience->core->archive, QUERY_PRESENCE_PARTNERS, values, partners_read,
                  reading);
    loop_wake();
}

static void read_more(struct audience *audience)
{
    gint64 now = clock_monotonic();
    if (!audience->core->archive || !archive_is_up(audience->core->archive))
        return; /* the tick tries again */
    for (guint left = audience->reads.length; left > 0 && audience->reading < READS_MAX; left--) {
        struct attendee *attendee = g_queue_pop_head(&audience->reads);
        if (attendee->reading || attendee->read_at > now) {
            g_queue_push_tail(&audience->reads, attendee);
            continue;
        }
        attendee->queued = false;
        read_one(audience, attendee);
    }
}

static void queue_read(struct audience *audience, struct attendee *attendee, gint64 delay)
{
    if (attendee->queued)
        return;
    attendee->queued = true;
    attendee->read_at = clock_monotonic() + delay;
    g_queue_push_tail(&audience->reads, attendee);
}

void audience_reload(struct core *core, const struct uuid *user)
{
    struct attendee *attendee = core->audience ? find(core->audience, user) : NULL;
    if (attendee)
        queue_read(core->audience, attendee, RELOAD_DELAY);
}

/* ---- Coming and going ------------------------------------------------------------------------------ */

static struct attendee *attend(struct audience *audience, struct account *account)
{
    struct attendee *attendee = find(audience, &account->id);
    if (attendee)
        return attendee;
    attendee = g_new0(struct attendee, 1);
    attendee->account = account_ref(account);
    attendee->chosen = attendee->said.kind = STATUS_ONLINE;
    attendee->greet = g_ptr_array_new();
    if (elsewhere_is_online(audience->core, &account->id)) /* it is no news */
        attendee->shown.now = attendee->shown.told = attendee->said;
    g_hash_table_insert(audience->attendees, &attendee->account->id, attendee);
    queue_read(audience, attendee, 0);
    return attendee;
}

static void on_subscriber(struct core *core, struct subscriber *subscriber,
                          struct account *account, bool added)
{
    struct audience *audience = core->audience;
    struct attendee *attendee = added ? attend(audience, account) : find(audience, &account->id);
    if (added) {
        g_ptr_array_add(attendee->greet, subscriber);
        read_more(audience);
        if (attendee->partners)
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
        choose(attendee, STATUS_ONLINE, false);
}

void audience_changed(struct core *core, struct account *account)
{
    struct attendee *attendee = core->audience ? find(core->audience, &account->id) : NULL;
    if (attendee)
        refresh(core->audience, attendee);
}

/* USER has blocked somebody, or changed a setting: all who have USER as a partner look again. */
static void on_related(struct core *core, const struct uuid *user)
{
    GHashTableIter iter;
    gpointer value;
    if (!core->audience)
        return;
    audience_reload(core, user);
    g_hash_table_iter_init(&iter, core->audience->attendees);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct attendee *attendee = value;
        if (attendee->partners && g_hash_table_contains(attendee->partners, user))
            queue_read(core->audience, attendee, RELOAD_DELAY);
    }
}

static void on_publishing(struct core *core, const struct event *event, const struct uuid *users,
                          size_t count)
{
    struct audience *audience = core->audience;
    bool message = event->type == EVENT_MESSAGE_NEW;
    if (event->type != EVENT_CONVERSATION_NEW && event->type != EVENT_CONVERSATION_UPDATED &&
        event->type != EVENT_CONVERSATION_REMOVED && event->type != EVENT_USER_UPDATED &&
        !(message && count == 2))
        return;
    for (size_t i = 0; i < count; i++) {
        const struct attendee *attendee = find(audience, &users[i]);
        if (attendee && attendee->partners &&
            !(message && g_hash_table_contains(attendee->partners, &users[!i])))
            audience_reload(core, &users[i]);
    }
}

static bool has_gone(const struct audience *audience, const struct attendee *attendee)
{
    return !attendee->account->subscribers && !attendee->reading &&
           attendee->shown.told.kind == STATUS_OFFLINE &&
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
    g_queue_remove(&audience->reads, attendee);
    if (attendee->partners)
        audience->partners -= g_hash_table_size(attendee->partners);
    return TRUE;
}

static gboolean on_tick(gpointer data)
{
    struct audience *audience = data;
    static unsigned ticks;
    status_advance(&audience->pacer, clock_monotonic());
    read_more(audience);
    if (++ticks % 8 == 0)
        g_hash_table_foreach_remove(audience->attendees, drop_gone, audience);
    return G_SOURCE_CONTINUE;
}

/* ---- To XMPP --------------------------------------------------------------------------------------- */

void audience_dress(const struct core *core, const struct account *account,
                    struct presence_stanza *presence)
{
    const struct attendee *attendee = core->audience ? find(core->audience, &account->id) : NULL;
    if (!attendee || presence->type != PRESENCE_AVAILABLE)
        return;
    if (attendee->away) {
        presence->show = PRESENCE_SHOW_AWAY;
        presence->idle_since_us = attendee->hides_last ? 0 : attendee->away_since;
    }
    if (attendee->chosen == STATUS_IN_CALL) {
        presence->show = PRESENCE_SHOW_DND;
        presence->status = "In a call";
        presence->in_call = true;
    }
}

/* ---- Apps ------------------------------------------------------------------------------------------ */

static const char *const choices[] = {"online", "away", "in_call", NULL};
static const struct field choose_fields[] = {
    {"status", FIELD_CHOICE, FIELD_REQUIRED, 0, 0, choices},
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
    struct audience *audience = request->core->audience;
    struct attendee *attendee = find(audience, &request->account->id);
    const char *wanted = request->values[0].text;
    struct status status = {.kind = STATUS_ONLINE, .away = strcmp(wanted, "away") == 0};
    if (strcmp(wanted, "in_call") == 0)
        status.kind = STATUS_IN_CALL;
    if (attendee && request->account->subscribers) { /* else the socket has closed meanwhile */
        choose(attendee, status.kind, status.away);
        refresh(audience, attendee);
    }
    reply_status(request, request->account->id_text, &status);
}

static const struct field get_fields[] = {
    {"user_id", FIELD_UUID, FIELD_REQUIRED | FIELD_IN_PATH, 0, 0, NULL},
    {0},
};

static struct status own_status(const struct core *core, const struct account *account)
{
    const struct attendee *attendee = find(core->audience, &account->id);
    struct status status = {0};
    if (announce_is_online(core, account))
        status = (struct status){.kind = attendee ? attendee->chosen : STATUS_ONLINE,
                                 .away = attendee && attendee->away};
    return status;
}

/* A stranger, nobody and one who hides it look the same: offline. */
static void partner_read(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    const struct core *core = request->core;
    const struct uuid *id = &request->values[0].uuid;
    char text[UUID_TEXT_SIZE];
    struct status status = {0};
    uuid_format(id, text);
    if (error != ERROR_NONE) {
        request_fail(request, error, NULL);
        return;
    }
    if (uuid_equal(id, &request->account->id)) {
        status = own_status(core, request->account);
    } else if (rows_count(rows) == 1 && rows_boolean(rows, 0, 9) && !rows_boolean(rows, 0, 3)) {
        watch_status(core, &request->account->id, rows_text(rows, 0, 2), &status);
    } else if (rows_count(rows) == 1 && rows_boolean(rows, 0, 6)) {
        const struct account *account = account_find(core, id);
        if (account)
            status = own_status(core, account);
        if (status.kind == STATUS_OFFLINE && rows_boolean(rows, 0, 7))
            status.last_seen = rows_integer(rows, 0, 8);
    }
    reply_status(request, text, &status);
}

static void on_get(struct request *request)
{
    char only[UUID_TEXT_SIZE];
    uuid_format(&request->values[0].uuid, only);
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
    g_queue_init(&audience->reads);
    audience->tick = g_timeout_add(TICK_MILLISECONDS, on_tick, audience);
    core->audience = audience;
    bus_subscribe(core, TOPIC, told_by_another, NULL);
}

static void stop(struct core *core)
{
    struct audience *audience = g_steal_pointer(&core->audience);
    g_source_remove(audience->tick);
    g_queue_clear(&audience->reads);
    g_hash_table_unref(audience->attendees);
    g_free(audience);
}

static const struct operation operations[] = {
    {.command = "presence", .fields = choose_fields, .handle = on_choose, .reply = "Presence",
     .limit = LIMIT_TYPING,
     .summary = "Says that the user is online, away or in a call"},
    {.method = "GET", .path = "/api/users/:user_id/presence", .fields = get_fields,
     .handle = on_get, .reply = "Presence", .summary = "Whether a user is online"},
    {0},
};

const struct feature feature_audience = {.name = "audience", .operations = operations,
                                         .start = start, .stop = stop,
                                         .subscriber_changed = on_subscriber,
                                         .publishing = on_publishing,
                                         .related = on_related};
