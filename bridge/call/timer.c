/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Timers of calls, and sockets that come and go. The instance that made the last step of a call
 * watches its timer; the others do so a little later, in case it is gone. A step that two make is
 * written once. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/subscriber.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/call/act.h"
#include "bridge/call/tell.h"
#include "bridge/call/timer.h"
#include "bridge/cluster/ask.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"
#include "bridge/loop/loop.h"

#define TICK_SECONDS 1
#define TOPIC_DEVICE "call.device"
#define LATER (3 * G_USEC_PER_SEC) /* for calls that another instance watches */

static struct {
    struct core *core;
    guint timer;
    bool read; /* the calls that were open when this process started */
    bool reading;
} watchman;

/* ---- Lost and found -------------------------------------------------------------------------- */

static enum call_side side_of_user(const struct call *call, const struct uuid *user)
{
    enum call_side side = call_side_of(&call->machine, user);
    return side != CALL_NOBODY && call->person[side].hosted ? side : CALL_NOBODY;
}

static void device_set(struct call *call, enum call_side side, bool lost,
                       const struct call_device *device)
{
    struct call_machine before = call->machine;
    if (device)
        call->machine.party[side].device = *device;
    call->machine.party[side].lost = lost;
    call_note(call, &before);
}

/* The newest socket here that may take the place of the one by which SIDE took part. */
static bool device_find(const struct call *call, enum call_side side,
                        struct call_device *ret_device)
{
    struct call_party party = call->machine.party[side];
    const struct account *account = account_find(call->core->accounts, &call->person[side].id);
    party.lost = true;
    for (guint i = account && account->subscribers ? account->subscribers->len : 0; i-- > 0;) {
        const struct subscriber *subscriber = account->subscribers->pdata[i];
        *ret_device = (struct call_device){subscriber->session, subscriber->grant.credential};
        if (!uuid_is_nil(&ret_device->session) && call_device_matches(&party, ret_device))
            return true;
    }
    return false;
}

static bool is_taking_part(const struct call *call, enum call_side side)
{
    return call->machine.state == CALL_ACTIVE ||
           (call->machine.state == CALL_RINGING && side == CALL_CALLER);
}

/* The socket by which SIDE took part is gone; another one may have come before that was noticed. */
static void side_lose(struct call *call, enum call_side side)
{
    const struct call_party *party = &call->machine.party[side];
    struct call_device device;
    if (!is_taking_part(call, side) || party->lost || uuid_is_nil(&party->device.session))
        return;
    bool found = device_find(call, side, &device);
    device_set(call, side, !found, found ? &device : NULL);
}

/* The call is bound to the newest socket with the credential of the lost one. */
static void side_find(struct call *call, enum call_side side)
{
    struct call_device device;
    if (!call_is_final(call->machine.state) && call->machine.party[side].lost &&
        device_find(call, side, &device))
        device_set(call, side, false, &device);
}

/* Whether the socket of the call, or one that may be, is among those of ACCOUNT here. */
static bool device_is_here(const struct call *call, enum call_side side,
                           const struct account *account)
{
    for (guint i = 0; account && account->subscribers && i < account->subscribers->len; i++) {
        const struct subscriber *subscriber = account->subscribers->pdata[i];
        struct call_device device = {subscriber->session, subscriber->grant.credential};
        if (call_device_matches(&call->machine.party[side], &device))
            return true;
    }
    return false;
}

/* The socket has been greeted by now. */
static void socket_came(void *data)
{
    g_autoptr(trestle_account) account = data;
    struct call *call = call_of_user(&account->id);
    enum call_side side = call ? side_of_user(call, &account->id) : CALL_NOBODY;
    if (side == CALL_NOBODY)
        return;
    side_find(call, side);
    call_tell_waiting(call, side);
}

/* SIDE was suspended or deleted: what is said goes by no server of ours, so the other side has to
 * hang up now. Whom it only rings for is let ring: the caller is not to learn of it. */
static void side_put_out(struct call *call, enum call_side side, const struct uuid *user)
{
    struct call_actor actor = {.user = *user, .device = call->machine.party[side].device};
    const struct call_deed end = {.event = CALL_END, .actor = &actor};
    if (is_taking_part(call, side))
        call_act(call, &end, NULL, NULL);
}

void call_subscriber_changed(struct core *core, struct subscriber *subscriber,
                             struct account *account, bool added)
{
    (void)core;
    struct call *call = call_of_user(&account->id);
    enum call_side side = call ? side_of_user(call, &account->id) : CALL_NOBODY;
    if (side == CALL_NOBODY)
        return;
    struct call_device device = {subscriber->session, subscriber->grant.credential};
    if (added)
        loop_defer(socket_came, account_ref(account));
    else if (g_strcmp0(subscriber->why, "suspended") == 0 ||
             g_strcmp0(subscriber->why, "deleted") == 0)
        side_put_out(call, side, &account->id);
    else if (!uuid_is_nil(&device.session) &&
             uuid_equal(&device.session, &call->machine.party[side].device.session))
        side_lose(call, side);
}

/* USER's sockets are gone from the other instances: with the socket of the call, unless it is here.
 */
static void gone_elsewhere(struct core *core, const struct uuid *user, bool online, void *data)
{
    (void)data;
    struct call *call = call_of_user(user);
    enum call_side side = call ? side_of_user(call, user) : CALL_NOBODY;
    if (side == CALL_NOBODY)
        return;
    if (online)
        call_tell_waiting(call, side);
    else if (!device_is_here(call, side, account_find(core->accounts, user)))
        side_lose(call, side);
}

/* ---- Timers ---------------------------------------------------------------------------------- */

static void call_check(struct call *call, void *data)
{
    gint64 now = *(const gint64 *)data;
    static const struct call_deed timeout = {.event = CALL_TIMEOUT};
    if (call->listed && call->writing == 0 && call->due > 0 &&
        now >= call->due + (call->ours ? 0 : LATER))
        call_act(call, &timeout, NULL, NULL);
}

void call_find_sides(struct call *call)
{
    for (enum call_side side = 0; side < CALL_SIDES; side++) {
        if (!call->person[side].hosted)
            continue;
        side_find(call, side);
        call_tell_waiting(call, side);
    }
}

/* ---- Sockets of a process that is gone ------------------------------------------------------- */

/* Waits for what the others say of the sockets by which the sides of a call take part. */
struct checking {
    struct call *call; /* reference */
    unsigned asked;
    call_found done;
    void *data;
};

struct checking_side {
    struct checking *checking;
    enum call_side side;
};

static bool side_is_away(const struct call *call, enum call_side side)
{
    const struct call_person *person = &call->person[side];
    return person->hosted && !call_is_final(call->machine.state) &&
           !uuid_is_nil(&call->machine.party[side].device.session) &&
           !device_is_here(call, side, account_find(call->core->accounts, &person->id));
}

/* What is known of the call may have been replaced meanwhile. */
static void checking_end(struct checking *checking)
{
    struct call *now = call_peek(&checking->call->id);
    struct call *call = now ? now : checking->call;
    if (call->listed)
        call_find_sides(call);
    if (checking->done)
        checking->done(call, ERROR_NONE, checking->data);
    call_unref(checking->call);
    g_free(checking);
}

static void device_told(struct core *core, enum ask_result result, void *data)
{
    g_autofree struct checking_side *asked = data;
    struct checking *checking = asked->checking;
    struct call *call = call_peek(&checking->call->id);
    if (core->archive && call && result != ASK_YES && side_is_away(call, asked->side))
        side_lose(call, asked->side);
    if (--checking->asked == 0)
        checking_end(checking);
}

static json_t *id_json(const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    return json_string(text);
}

static void device_ask(struct checking *checking, enum call_side side)
{
    struct call *call = checking->call;
    struct checking_side *asked = g_new(struct checking_side, 1);
    *asked = (struct checking_side){checking, side};
    checking->asked++;
    ask_others(call->core, TOPIC_DEVICE,
               json_pack("{s:o, s:o}", "user", id_json(&call->person[side].id), "session",
                         id_json(&call->machine.party[side].device.session)),
               device_told, asked);
}

/* Whether the socket of a question is here. */
static bool device_answer(struct core *core, const json_t *question)
{
    const char *user = json_string_value(json_object_get(question, "user"));
    const char *session = json_string_value(json_object_get(question, "session"));
    struct uuid id, name;
    if (!user || !session || !uuid_parse(user, &id) || !uuid_parse(session, &name))
        return false;
    const struct account *account = account_find(core->accounts, &id);
    for (guint i = 0; account && account->subscribers && i < account->subscribers->len; i++) {
        const struct subscriber *subscriber = account->subscribers->pdata[i];
        if (uuid_equal(&subscriber->session, &name))
            return true;
    }
    return false;
}

void call_check_sides(struct call *call, call_found done, void *data)
{
    struct checking *checking = g_new0(struct checking, 1);
    *checking = (struct checking){call_ref(call), 0, done, data};
    for (enum call_side side = 0; side < CALL_SIDES; side++) {
        if (!side_is_away(call, side) || call->machine.party[side].lost)
            continue;
        if (elsewhere_is_used(call->core))
            device_ask(checking, side);
        else
            side_lose(call, side);
    }
    if (checking->asked == 0)
        checking_end(checking);
}

/* One that takes part may have done so by an instance that is gone, and be there by another one. */
static void sides_review(struct call *call, void *data)
{
    (void)data;
    if (call->machine.state == CALL_ACTIVE || call->machine.state == CALL_RINGING)
        call_check_sides(call, NULL, NULL);
}

static void instance_changed(struct core *core, const char *instance, bool here, void *data)
{
    (void)core;
    (void)instance;
    (void)data;
    if (!here)
        call_each(sides_review, NULL);
}

/* ---- The calls that are open ----------------------------------------------------------------- */

/* The other instances have said who is there. Whoever took part by a socket of the process before
 * this one has to come back. */
static void side_check(struct call *call, enum call_side side)
{
    if (side_is_away(call, side) && !elsewhere_is_online(call->core, &call->person[side].id))
        side_lose(call, side);
}

static void open_check(struct call *call, void *data)
{
    (void)data;
    for (enum call_side side = 0; side < CALL_SIDES; side++)
        side_check(call, side);
    if (call->listed)
        call_find_sides(call);
}

static void others_heard(struct core *core, void *data)
{
    guint count = GPOINTER_TO_UINT(data);
    if (!core->archive)
        return;
    call_each(open_check, NULL);
    if (count > 0)
        log_info(AREA_CORE, "calls-open", "count=%u", count);
}

static void open_read(const struct rows *rows, enum error_code error, void *data)
{
    (void)data;
    watchman.reading = false;
    if (error != ERROR_NONE)
        return; /* the tick asks again */
    watchman.read = true;
    for (int i = 0; i < rows_count(rows); i++) {
        json_t *row = json_loads(rows_text(rows, i, CALL_OPEN_CALL), 0, NULL);
        call_learn(watchman.core, row);
        json_decref(row);
    }
    void *count = GUINT_TO_POINTER((guint)rows_count(rows));
    if (elsewhere_is_used(watchman.core))
        elsewhere_catch_up(watchman.core, others_heard, count);
    else
        others_heard(watchman.core, count); /* before anybody who has come back says something */
}

static gboolean on_tick(gpointer data)
{
    (void)data;
    gint64 now = clock_wall();
    if (!watchman.read && !watchman.reading && archive_is_up(watchman.core->archive)) {
        watchman.reading = true;
        archive_query(watchman.core->archive, QUERY_CALL_OPEN,
                      (const char *[]){NULL, G_STRINGIFY(20000)}, open_read, NULL);
        G_STATIC_ASSERT(CALLS_MAX == 20000);
    }
    call_each(call_check, &now);
    return G_SOURCE_CONTINUE;
}

void call_clock_start(struct core *core)
{
    watchman.core = core;
    watchman.read = watchman.reading = false;
    watchman.timer = g_timeout_add_seconds(TICK_SECONDS, on_tick, NULL);
    elsewhere_watch(core, gone_elsewhere, NULL);
    bus_watch_instances(core, instance_changed, NULL);
    ask_serve(core, TOPIC_DEVICE, device_answer);
}

void call_clock_stop(void)
{
    g_source_remove(watchman.timer);
    watchman.timer = 0;
}
