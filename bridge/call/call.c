/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of calls, and a call from its row. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/log.h"
#include "bridge/call/call.h"
#include "bridge/call/tell.h"
#include "bridge/call/timer.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/loop/loop.h"
#include "bridge/presence/user_presence.h"

#define TOPIC "call" /* on the bus: the row of a call that has changed */

static struct {
    struct core *core;
    GHashTable *by_id;      /* struct uuid * → struct call *: a reference */
    GHashTable *by_user;    /* struct uuid * → struct call *: who is here and takes part */
    GHashTable *by_session; /* see session_key() → struct call * */
} calls;

/* ---- One call -------------------------------------------------------------------------------- */

struct call *call_ref(struct call *call)
{
    call->references++;
    return call;
}

static void waiting_clear(GQueue *waiting)
{
    struct event *event;
    while ((event = g_queue_pop_head(waiting)))
        event_unref(event);
}

void call_unref(struct call *call)
{
    if (!call || --call->references > 0)
        return;
    for (int side = 0; side < CALL_SIDES; side++) {
        g_free(call->person[side].jid);
        waiting_clear(&call->waiting[side]);
    }
    json_decref(call->held);
    json_decref(call->session);
    for (int side = 0; side < CALL_SIDES; side++)
        json_decref(call->bound[side]);
    g_free(call->sid);
    g_free(call);
}

static char *session_key(const char *local, const char *peer, const char *sid)
{
    return g_strjoin("\n", local, peer, sid, NULL); /* none of them can hold a line feed */
}

static char *session_key_of(const struct call *call)
{
    enum call_side remote = call->person[CALL_CALLER].hosted ? CALL_CALLEE : CALL_CALLER;
    if (call->person[remote].hosted && !call->forked)
        return NULL;
    return session_key(call->person[call_other_side(remote)].jid, call->person[remote].jid,
                       call->sid);
}

/* ---- From the row, and to it ----------------------------------------------------------------- */

static bool uuid_read(const json_t *object, const char *name, struct uuid *ret_id)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && uuid_parse(text, ret_id);
}

static void device_read(const json_t *object, struct call_device *ret_device)
{
    *ret_device = (struct call_device){0};
    uuid_read(object, "session", &ret_device->session);
    uuid_read(object, "credential", &ret_device->credential);
}

static json_t *uuid_json(const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    if (uuid_is_nil(id))
        return json_null();
    uuid_format(id, text);
    return json_string(text);
}

static json_t *device_json(const struct call_device *device)
{
    return json_pack("{s:o, s:o}", "session", uuid_json(&device->session), "credential",
                     uuid_json(&device->credential));
}

static const char *const sides[] = {[CALL_CALLER] = "caller", [CALL_CALLEE] = "callee"};

static enum call_side side_read(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    enum call_side side = CALL_CALLER;
    while (side < CALL_SIDES && g_strcmp0(sides[side], text) != 0)
        side++;
    return side;
}

static json_t *side_json(enum call_side side)
{
    return side == CALL_NOBODY ? json_null() : json_string(sides[side]);
}

static void live_read(struct call *call, const json_t *live)
{
    struct call_machine *machine = &call->machine;
    for (int side = 0; side < CALL_SIDES; side++) {
        const json_t *party = json_object_get(live, sides[side]);
        device_read(party, &machine->party[side].device);
        machine->party[side].lost = json_is_true(json_object_get(party, "lost"));
        json_t *bound = json_object_get(party, "bound");
        json_decref(call->bound[side]);
        call->bound[side] = json_is_object(bound) ? json_deep_copy(bound) : NULL;
    }
    device_read(json_object_get(live, "next"), &machine->next);
    machine->guest = (struct uuid){0};
    uuid_read(live, "guest", &machine->guest);
    machine->moving = side_read(live, "moving");
    machine->offered = side_read(live, "offered");
    json_t *held = json_object_get(live, "held");
    json_decref(call->held);
    call->held = json_is_array(held) ? json_deep_copy(held) : json_array();
    machine->held = json_is_true(json_object_get(live, "offer_held"));
    machine->negotiated = json_is_true(json_object_get(live, "negotiated"));
    machine->connecting = json_is_true(json_object_get(live, "connecting"));
    call->strangers = json_is_true(json_object_get(live, "strangers"));
    json_t *session = json_object_get(live, "peer");
    json_decref(call->session);
    call->session = json_is_object(session) ? json_deep_copy(session) : json_object();
    call->last_step = (struct uuid){0};
    uuid_read(live, "step", &call->last_step);
    call->by = g_intern_string(json_string_value(json_object_get(live, "by")));
}

json_t *call_live_json(const struct call *call)
{
    const struct call_machine *machine = &call->machine;
    json_t *live = json_pack(
        "{s:o, s:o, s:o, s:o, s:O, s:b, s:b, s:b, s:O}", "step", uuid_json(&call->last_step),
        "next", device_json(&machine->next), "moving", side_json(machine->moving), "offered",
        side_json(machine->offered), "held", call->held, "offer_held", machine->held, "negotiated",
        machine->negotiated, "connecting", machine->connecting, "peer", call->session);
    json_object_set_new(live, "guest", uuid_json(&machine->guest));
    json_object_set_new(live, "strangers", json_boolean(call->strangers));
    if (call->by)
        json_object_set_new(live, "by", json_string(call->by));
    for (int side = 0; side < CALL_SIDES; side++) {
        json_t *party = device_json(&machine->party[side].device);
        json_object_set_new(party, "lost", json_boolean(machine->party[side].lost));
        if (call->bound[side])
            json_object_set(party, "bound", call->bound[side]);
        json_object_set_new(live, sides[side], party);
    }
    return live;
}

json_t *call_live_new(const struct call_device *caller)
{
    struct call call = {.machine = {.moving = CALL_NOBODY, .offered = CALL_NOBODY}};
    call.machine.party[CALL_CALLER].device = *caller;
    call.held = json_array();
    call.session = json_pack("{s:b}", "jmi", 1); /* those that are begun here ring by message */
    json_t *live = call_live_json(&call);
    json_decref(call.held);
    json_decref(call.session);
    return live;
}

static bool person_read(const json_t *object, struct call_person *person)
{
    const char *jid = json_string_value(json_object_get(object, "jid"));
    if (!jid || !uuid_read(object, "id", &person->id))
        return false;
    g_free(person->jid);
    person->jid = g_strdup(jid);
    person->hosted = json_is_true(json_object_get(object, "hosted"));
    return true;
}

static bool row_read(struct call *call, const json_t *row)
{
    enum call_state state = call_state_find(json_string_value(json_object_get(row, "status")));
    const char *sid = json_string_value(json_object_get(row, "sid"));
    if (state == CALL_STATES || !sid || !uuid_read(row, "id", &call->id) ||
        !uuid_read(row, "conversation_id", &call->conversation))
        return false;
    for (int side = 0; side < CALL_SIDES; side++) {
        if (!person_read(json_object_get(row, sides[side]), &call->person[side]))
            return false;
        call->machine.party[side].user = call->person[side].id;
    }
    g_free(call->sid);
    call->sid = g_strdup(sid);
    uuid_format(&call->id, call->id_text);
    call->video = g_strcmp0(json_string_value(json_object_get(row, "call_type")), "video") == 0;
    call->silent = json_is_true(json_object_get(row, "silent"));
    call->forked = json_is_true(json_object_get(row, "forked"));
    call->version = (int)json_integer_value(json_object_get(row, "version"));
    call->ahead = json_is_true(json_object_get(row, "ahead"));
    call->due = json_integer_value(json_object_get(row, "due"));
    call->machine.state = state;
    call->machine.reason = call_reason_find(json_string_value(json_object_get(row, "reason")));
    live_read(call, json_object_get(row, "live"));
    return true;
}

/* ---- The table ------------------------------------------------------------------------------- */

/* Whether SIDE is here and knows of the call. */
static bool is_told(const struct call *call, enum call_side side)
{
    return call->person[side].hosted && !(call->silent && side == CALL_CALLEE);
}

static void user_add(struct call *call, enum call_side side)
{
    if (is_told(call, side))
        g_hash_table_replace(calls.by_user, &call->person[side].id, call); /* with its own key */
}

static void table_remove(struct call *call)
{
    if (!call->listed)
        return;
    g_autofree char *key = session_key_of(call);
    call->listed = false;
    for (int side = 0; side < CALL_SIDES; side++) {
        if (g_hash_table_lookup(calls.by_user, &call->person[side].id) == call)
            g_hash_table_remove(calls.by_user, &call->person[side].id);
    }
    if (key && g_hash_table_lookup(calls.by_session, key) == call)
        g_hash_table_remove(calls.by_session, key);
    g_hash_table_remove(calls.by_id, &call->id);
    call_unref(call);
}

static void table_add(struct call *call)
{
    char *key = session_key_of(call);
    call->listed = true;
    g_hash_table_insert(calls.by_id, &call->id, call_ref(call));
    user_add(call, CALL_CALLER);
    user_add(call, CALL_CALLEE);
    if (key)
        g_hash_table_insert(calls.by_session, key, call);
}

/* Those who take part show the call that they are in, which may be another one. */
static void presence_set(const struct call *call)
{
    for (enum call_side side = 0; side < CALL_SIDES; side++) {
        const struct uuid *user = &call->person[side].id;
        const struct call *theirs = call_of_user(user);
        if (is_told(call, side))
            user_presence_set_in_call(call->core, user,
                                      theirs && theirs->machine.state == CALL_ACTIVE);
    }
}

static void call_release(void *data)
{
    call_unref(data);
}

/* KNOWN, if any, is replaced. */
static struct call *row_learn(struct core *core, const json_t *row, struct call *known)
{
    struct call *call = g_new0(struct call, 1);
    call->references = 1;
    call->core = core;
    loop_defer(call_release, call);
    if (!row_read(call, row))
        return NULL;
    if (known) { /* whoever holds the old one finds that it is not listed any more */
        for (int side = 0; side < CALL_SIDES; side++) {
            call->waiting[side] = known->waiting[side];
            g_queue_init(&known->waiting[side]);
        }
        table_remove(known);
    }
    if (!call_is_final(call->machine.state) && g_hash_table_size(calls.by_id) < CALLS_MAX)
        table_add(call);
    presence_set(call);
    return call;
}

struct call *call_learn(struct core *core, const json_t *row)
{
    struct uuid id;
    struct call *known = uuid_read(row, "id", &id) ? call_peek(&id) : NULL;
    int version = (int)json_integer_value(json_object_get(row, "version"));
    if (known && (known->version > version || (known->version == version && !known->ahead)))
        return known;
    return row_learn(core, row, known);
}

struct call *call_learn_instead(struct call *call, const json_t *row)
{
    return call->listed ? row_learn(call->core, row, call) : call_learn(call->core, row);
}

void call_forget(struct call *call)
{
    table_remove(call);
}

void call_choose(struct call *call, bool on_xmpp)
{
    g_autofree char *key = on_xmpp ? NULL : session_key_of(call);
    call->forked = false;
    call->by = on_xmpp ? "xmpp" : "app";
    if (on_xmpp)
        call->person[CALL_CALLEE].hosted = false;
    if (key && call->listed && g_hash_table_lookup(calls.by_session, key) == call)
        g_hash_table_remove(calls.by_session, key);
}

void call_settle(struct call *call)
{
    if (call_is_final(call->machine.state))
        table_remove(call);
    presence_set(call);
}

struct call *call_peek(const struct uuid *id)
{
    return g_hash_table_lookup(calls.by_id, id);
}

struct call *call_of_user(const struct uuid *user)
{
    return g_hash_table_lookup(calls.by_user, user);
}

void call_each(void (*each)(struct call *call, void *data), void *data)
{
    g_autoptr(GList) list = g_hash_table_get_values(calls.by_id);
    for (GList *link = list; link; link = link->next)
        call_ref(link->data);
    for (GList *link = list; link; link = link->next) {
        each(link->data, data);
        call_unref(link->data);
    }
}

/* ---- Finding --------------------------------------------------------------------------------- */

struct finding {
    struct core *core;
    call_found found;
    void *data;
};

static void row_came(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct finding *finding = data;
    const char *text =
        error == ERROR_NONE && rows_count(rows) == 1 ? rows_text(rows, 0, CALL_LOAD_CALL) : NULL;
    json_t *row = text ? json_loads(text, 0, NULL) : NULL;
    struct call *call = row ? call_learn(finding->core, row) : NULL;
    if (call)
        call_check_sides(call, finding->found, finding->data);
    else
        finding->found(NULL, error == ERROR_NONE ? ERROR_NOT_FOUND : error, finding->data);
    json_decref(row);
}

void call_read(struct core *core, const struct call_name *name, call_found found, void *data)
{
    char id[UUID_TEXT_SIZE];
    struct finding *finding = g_new0(struct finding, 1);
    *finding = (struct finding){core, found, data};
    if (name->id)
        uuid_format(name->id, id);
    const char *values[] = {name->id ? id : NULL, name->local, name->peer, name->sid};
    archive_query(core->archive, QUERY_CALL_LOAD, values, row_came, finding);
}

void call_find(struct core *core, const struct call_name *name, call_found found, void *data)
{
    g_autofree char *key = name->id ? NULL : session_key(name->local, name->peer, name->sid);
    struct call *call = name->id ? call_peek(name->id) : g_hash_table_lookup(calls.by_session, key);
    if (call)
        found(call, ERROR_NONE, data);
    else
        call_read(core, name, found, data);
}

/* ---- Other instances ------------------------------------------------------------------------- */

static void changed_elsewhere(struct core *core, const json_t *message, void *data)
{
    (void)data;
    struct call *call = call_learn(core, message);
    if (call && call->listed && !call->ahead)
        call_find_sides(call);
}

void calls_start(struct core *core)
{
    calls.core = core;
    calls.by_id = g_hash_table_new(uuid_hash, uuid_equal);
    calls.by_user = g_hash_table_new(uuid_hash, uuid_equal);
    calls.by_session = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    bus_subscribe(core, TOPIC, changed_elsewhere, NULL);
    call_tell_start(core);
    call_clock_start(core);
}

static void forget_one(struct call *call, void *data)
{
    (void)data;
    call_forget(call);
}

void calls_stop(struct core *core)
{
    (void)core;
    call_clock_stop();
    call_each(forget_one, NULL);
    g_clear_pointer(&calls.by_user, g_hash_table_unref);
    g_clear_pointer(&calls.by_session, g_hash_table_unref);
    g_clear_pointer(&calls.by_id, g_hash_table_unref);
}

void call_publish(struct core *core, const json_t *row)
{
    if (bus_is_heard(core))
        bus_publish(core, TOPIC, json_deep_copy(row));
}

static json_t *person_json(const struct call_person *person)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(&person->id, id);
    return json_pack("{s:s, s:s, s:b}", "id", id, "jid", person->jid, "hosted", person->hosted);
}

void call_publish_ahead(const struct call *call)
{
    char conversation[UUID_TEXT_SIZE];
    if (!bus_is_heard(call->core))
        return;
    uuid_format(&call->conversation, conversation);
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:b, s:b, s:i, s:b, s:I, s:s, s:o}", "id",
                  call->id_text, "conversation_id", conversation, "sid", call->sid,
                  sides[CALL_CALLER], person_json(&call->person[CALL_CALLER]), sides[CALL_CALLEE],
                  person_json(&call->person[CALL_CALLEE]), "call_type",
                  call->video ? "video" : "audio", "silent", call->silent, "forked", call->forked,
                  "version", call->version + 1, "ahead", true, "due", (json_int_t)call->due,
                  "status", call_state_name(call->machine.state), "live", call_live_json(call));
    bus_publish(call->core, TOPIC, row);
}
