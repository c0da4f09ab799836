/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happens in a call: the machine decides, the row is written if it is still the one that was
 * decided on, and the other side is told. Signals are told at once and written behind; what changes
 * the state is told when it has been committed. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/call/act.h"
#include "bridge/call/binding.h"
#include "bridge/call/tell.h"
#include "bridge/call/timer.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/loop/loop.h"

#define AHEAD_PAUSE 20 /* milliseconds */
#define AHEAD_WAITS 50
#define CONFLICTS_MAX 8 /* in a row, of one step */

struct acting {
    struct call *call; /* reference */
    struct call_deed deed;
    struct call_actor actor;
    struct call_device target;
    struct uuid guest;              /* nil: none */
    json_t *next;                   /* reference; NULL: none */
    json_t *signal, *state, *bound; /* references; NULL: none */
    char *address;                  /* NULL: none */
    struct call_machine before;
    struct call_step step;
    bool again; /* the row was read for it */
    bool told;
    bool forked;       /* before */
    json_t *arguments; /* of the change */
    int base;          /* the version of the row that is to become another */
    struct uuid after; /* the step that made that row */
    unsigned waits;    /* for what that goes on from to be written */
    unsigned conflicts;
    json_t *session;                     /* of call_note(): as it was to be; NULL: it is a deed */
    struct call_party noted[CALL_SIDES]; /* likewise */
    call_acted done;
    void *data;
};

static const struct call_peer *call_peer;

void call_set_peer(const struct call_peer *peer)
{
    call_peer = peer;
}

const struct call_peer *call_get_peer(void)
{
    return call_peer;
}

static void acting_end(struct acting *acting, const struct call_outcome *outcome)
{
    if (acting->done)
        acting->done(acting->call, outcome, acting->data);
    json_decref(acting->signal);
    json_decref(acting->state);
    json_decref(acting->bound);
    json_decref(acting->arguments);
    json_decref(acting->session);
    json_decref(acting->next);
    g_free(acting->address);
    call_unref(acting->call);
    g_free(acting);
}

static void acting_fail(struct acting *acting, enum call_verdict verdict, enum error_code error)
{
    struct call_outcome outcome = {.verdict = verdict, .error = error};
    acting_end(acting, &outcome);
}

/* ---- Telling --------------------------------------------------------------------------------- */

static json_t *user_json(const struct call *call, enum call_side side)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(&call->person[side].id, text);
    return json_string(text);
}

static json_t *signal_payload(const struct call *call, const json_t *signal, enum call_side by)
{
    json_t *payload = json_deep_copy(signal);
    json_object_set_new(payload, "user_id", user_json(call, by));
    json_object_set_new(payload, "to_user_id", user_json(call, call_other_side(by)));
    return payload;
}

/* What the callee was to be told only after accepting. An offer that the other side cannot be given
 * ends the call. */
static void held_release(struct call *call, const struct call_machine *before)
{
    size_t i;
    json_t *signal;
    json_t *held = call->held;
    json_t *session = json_deep_copy(call->session);
    struct call_machine machine = call->machine;
    call->held = json_array();
    json_array_foreach(held, i, signal)
    {
        if (call_is_final(call->machine.state))
            break;
        const char *type = json_string_value(json_object_get(signal, "type"));
        bool offers = g_strcmp0(type, "offer") == 0;
        struct call_deed deed = {.event = offers ? CALL_OFFER : CALL_CANDIDATE, .signal = signal};
        if (call->person[CALL_CALLEE].hosted)
            call_tell(call, CALL_CALLEE, CALL_TO_DEVICE, EVENT_CALL_SIGNAL,
                      signal_payload(call, signal, CALL_CALLER));
        else if (call_peer && call_peer->told)
            call_peer->told(call, &deed, before);
    }
    if (!call_is_final(call->machine.state) && !json_equal(session, call->session))
        call_note(call, &machine); /* the step that accepted was written without it */
    json_decref(session);
    json_decref(held);
}

static void side_tell(const struct acting *acting, enum call_side side)
{
    struct call *call = acting->call;
    const struct call_deed *deed = &acting->deed;
    enum call_side by = acting->step.side;
    if (deed->signal && by != side) {
        call_tell(call, side, CALL_TO_DEVICE, EVENT_CALL_SIGNAL,
                  signal_payload(call, deed->signal, by));
    } else if (deed->event == CALL_RING) {
        call_tell(call, side, CALL_TO_DEVICE, EVENT_CALL_REMOTE_RINGING, json_object());
    } else if (deed->event == CALL_INFO && deed->state) {
        json_t *payload = json_deep_copy(deed->state);
        json_object_set_new(payload, "user_id", user_json(call, by));
        call_tell(call, side, CALL_TO_DEVICE, EVENT_CALL_STATE, payload);
    }
}

static void others_tell(const struct acting *acting)
{
    struct call *call = acting->call;
    enum call_side side = acting->step.side;
    if ((!call->person[side].hosted && !acting->forked) || !uuid_is_nil(&acting->guest))
        return; /* SQL tells guests */
    if (acting->deed.event == CALL_TRANSFER) {
        json_t *payload = json_object();
        char text[UUID_TEXT_SIZE];
        uuid_format(&acting->before.party[side].device.session, text);
        json_object_set_new(payload, "from_session",
                            uuid_is_nil(&acting->before.party[side].device.session)
                                ? json_null()
                                : json_string(text));
        call_tell(call, side, CALL_TO_NEXT, EVENT_CALL_TRANSFER, payload);
        return;
    }
    bool moved = acting->before.state == CALL_ACTIVE;
    json_t *payload =
        json_pack("{s:s, s:s}", "status", call_state_name(call->machine.state), "reason",
                  call_reason_name(moved ? CALL_REASON_TRANSFERRED : CALL_REASON_ELSEWHERE));
    call_tell(call, side, CALL_TO_OTHERS, EVENT_CALL_ENDED, payload);
}

/* What an app does that others of its account's clients would do. */
static void shared_tell(const struct acting *acting)
{
    struct call *call = acting->call;
    bool by_app = acting->step.side == CALL_CALLEE && call->person[CALL_CALLEE].hosted &&
                  acting->before.state == CALL_RINGING && call->machine.state != CALL_RINGING;
    if (by_app && !acting->deed.elsewhere && call_peer && call_peer->shared)
        call_peer->shared(call, &acting->deed);
}

static void acting_tell(struct acting *acting)
{
    struct call *call = acting->call;
    unsigned effects = acting->step.effects;
    acting->told = effects & (CALL_TELL_CALLER | CALL_TELL_CALLEE | CALL_TELL_OTHERS);
    for (enum call_side side = 0; side < CALL_SIDES; side++) {
        if (!(effects & (side == CALL_CALLER ? CALL_TELL_CALLER : CALL_TELL_CALLEE)))
            continue;
        bool peer = !call->person[side].hosted || (acting->forked && side == CALL_CALLEE);
        if (call->person[side].hosted)
            side_tell(acting, side);
        if (peer && call_peer && call_peer->told && side != acting->step.side)
            call_peer->told(call, &acting->deed, &acting->before);
    }
    shared_tell(acting);
    if (effects & CALL_TELL_OTHERS)
        others_tell(acting);
    if (effects & CALL_RELEASE)
        held_release(call, &acting->before);
    if (call_is_final(call->machine.state) && call_peer && call_peer->over)
        call_peer->over(call);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void acting_run(struct acting *acting);
static void note_write(struct acting *acting);
static bool acting_waits(struct acting *acting, const json_t *row);
static void note_again(struct acting *acting);

/* ROW is what another step has made of it. This one is decided anew on that, and written if it is
 * still possible; whom it was told to is not told again. A timer that ran out was that of the row
 * that is gone. */
static void step_lost(struct acting *acting, const json_t *row)
{
    struct call *call = acting->call;
    struct call *now = call_learn_instead(call, row);
    if (now && now != call) {
        acting->call = call_ref(now);
        call_unref(call);
    }
    if (!now)
        call_forget(call);
    else if (now->listed)
        call_find_sides(now);
    if (!now || acting->deed.event == CALL_TIMEOUT || ++acting->conflicts > CONFLICTS_MAX) {
        acting_fail(acting, CALL_CONFLICT, ERROR_NONE);
        return;
    }
    acting->again = true;
    (acting->session ? note_again : acting_run)(acting);
}

/* The guest of this step is none: the call is as ROW says. */
static void guest_refused(struct acting *acting, const struct change_result *result,
                          const json_t *row)
{
    const char *reason = json_string_value(json_object_get(result->json, "error_reason"));
    struct call_outcome outcome = {.verdict = CALL_CONFLICT,
                                   .error = reason ? ERROR_NONE : outcome_error(result->outcome),
                                   .reason = reason};
    acting->call->writing--;
    call_learn_instead(acting->call, row);
    acting_end(acting, &outcome);
}

/* Nothing else but a guest is refused by what is not the row. */
static bool is_of_guest(const struct change_result *result)
{
    bool reason = json_object_get(result->json, "error_reason") != NULL;
    return result->error == ERROR_NONE && json_object_get(result->json, "row") &&
           (result->outcome > OUTCOME_CONFLICT || (result->outcome == OUTCOME_CONFLICT && reason));
}

static void step_written(const struct change_result *result, void *data)
{
    struct acting *acting = data;
    struct call *call = acting->call;
    const json_t *row = json_object_get(result->json, "row");
    if (is_of_guest(result)) {
        guest_refused(acting, result, row);
        return;
    }
    if (result->error == ERROR_NONE && result->outcome == OUTCOME_CONFLICT &&
        acting_waits(acting, row))
        return;
    call->writing--;
    if (result->error == ERROR_NONE && result->outcome == OUTCOME_CONFLICT) {
        step_lost(acting, row);
        return;
    }
    if (!change_succeeded(result)) {
        call_forget(call);
        acting_fail(acting, CALL_STRANGER,
                    result->error == ERROR_NONE ? ERROR_NOT_FOUND : result->error);
        return;
    }
    call_publish(call->core, row);
    call_settle(call);
    if (!call->listed && !call_is_final(call->machine.state))
        call_learn(call->core, row); /* in the place of what was learned meanwhile */
    if (acting->next)
        json_object_set(call->session, "migrated", json_object_get(acting->next, "id"));
    if (!acting->told)
        acting_tell(acting);
    struct call_outcome outcome = {.verdict = CALL_DONE,
                                   .call = json_object_get(result->json, "call")};
    if (acting->next)
        outcome.next = json_object_get(result->json, "next");
    acting_end(acting, &outcome);
}

static void arguments_set(json_t *arguments, const struct acting *acting)
{
    const struct call *call = acting->call;
    const struct call_deed *deed = &acting->deed;
    char actor[UUID_TEXT_SIZE];
    if (deed->actor) {
        uuid_format(&deed->actor->user, actor);
        json_object_set_new(arguments, "actor", json_string(actor));
    }
    if (deed->event != CALL_INFO)
        json_object_set_new(arguments, "event", json_string(call_event_name(deed->event)));
    if (call->machine.reason != CALL_REASON_NONE) {
        json_t *reason = json_string(call_reason_name(call->machine.reason));
        json_object_set_new(arguments, "reason", reason);
        json_object_set(arguments, "event_reason", reason);
    }
    if (acting->next && call_is_final(call->machine.state))
        json_object_set(arguments, "next", acting->next);
    if (!uuid_is_nil(&acting->guest))
        json_object_set_new(arguments, "reachable", json_boolean(deed->reachable));
    if (deed->state && deed->actor) {
        json_t *participant = json_deep_copy(deed->state);
        json_object_set_new(participant, "user_id", json_string(actor));
        json_object_set_new(arguments, "participant", participant);
    }
}

/* The timer that runs now, if it is another one than before. */
static void timer_set(json_t *arguments, const struct acting *acting)
{
    struct call *call = acting->call;
    const struct options *options = call->core->options;
    enum call_timer timer = call_timer_of(&call->machine);
    if (timer == CALL_TIMER_NONE || timer == call_timer_of(&acting->before))
        return;
    unsigned seconds = call_timer_seconds(timer, (unsigned)options->calls_ring_timeout,
                                          (unsigned)options->calls_connect_timeout);
    call->due = clock_wall() + seconds * G_USEC_PER_SEC;
    json_object_set_new(arguments, "seconds", json_integer(seconds));
}

static void acting_submit(struct acting *acting)
{
    struct call *call = acting->call;
    const struct call_deed *deed = &acting->deed;
    enum call_side side = acting->step.side; /* of a guest it is nobody */
    bool asks = deed->actor && (side == CALL_NOBODY || call->person[side].hosted);
    change_submit(call->core, "call_step", asks ? &deed->actor->user : NULL,
                  json_incref(acting->arguments), step_written, acting);
}

/* What the row is to become: later steps may be decided before this one is written. */
static void arguments_make(struct acting *acting)
{
    struct call *call = acting->call;
    char after[UUID_TEXT_SIZE];
    uuid_format(&acting->after, after);
    json_t *arguments = json_pack("{s:s, s:i, s:s?, s:s}", "id", call->id_text, "version",
                                  acting->base, "after", uuid_is_nil(&acting->after) ? NULL : after,
                                  "status", call_state_name(call->machine.state));
    if (!call_is_final(call->machine.state))
        json_object_set_new(arguments, "live", call_live_json(call));
    arguments_set(arguments, acting);
    timer_set(arguments, acting);
    json_decref(acting->arguments);
    acting->arguments = arguments;
}

/* The step gets its name, by which the next one says what it goes on from. */
static void acting_name(struct acting *acting)
{
    acting->after = acting->call->last_step;
    uuid_generate(&acting->call->last_step);
}

static void acting_write(struct acting *acting)
{
    struct call *call = acting->call;
    acting->base = call->version++;
    call->writing++;
    call->ours = true;
    call->ahead = false;
    arguments_make(acting);
    acting_submit(acting);
}

static gboolean acting_submit_again(gpointer data)
{
    struct acting *acting = data;
    if (acting->call->core->archive) {
        acting_submit(acting);
    } else {
        acting->call->writing--;
        acting_fail(acting, CALL_DONE, ERROR_UNAVAILABLE);
    }
    return G_SOURCE_REMOVE;
}

/* What this step goes on from was told by another instance that is still writing it: it is waited
 * for. False: it has waited long enough, or that is not so. */
static bool acting_waits(struct acting *acting, const json_t *row)
{
    int version = (int)json_integer_value(json_object_get(row, "version"));
    bool over = !json_is_object(json_object_get(row, "live"));
    if (version >= acting->base || over || !acting->call->listed || acting->waits >= AHEAD_WAITS)
        return false;
    acting->waits++;
    g_timeout_add(AHEAD_PAUSE, acting_submit_again, acting);
    return true;
}

/* ---- Deciding -------------------------------------------------------------------------------- */

static bool is_written(const struct acting *acting)
{
    enum call_event event = acting->deed.event;
    if (event == CALL_INFO)
        return acting->deed.signal == NULL;
    return event != CALL_RING && (event != CALL_CANDIDATE || (acting->step.effects & CALL_HOLD));
}

/* Whether the other side need not wait for the commit. */
static bool is_told_at_once(const struct acting *acting)
{
    enum call_event event = acting->deed.event;
    if (!uuid_is_nil(&acting->guest))
        return false;
    return event == CALL_OFFER || event == CALL_ANSWER || event == CALL_CANDIDATE ||
           event == CALL_RESTART || event == CALL_INFO || event == CALL_RING ||
           event == CALL_TRANSFER;
}

static bool candidate_is_one_too_many(struct call *call, enum call_side side)
{
    gint64 now = clock_monotonic();
    if (now - call->minute >= 60 * G_USEC_PER_SEC) {
        call->minute = now;
        call->candidates[CALL_CALLER] = call->candidates[CALL_CALLEE] = 0;
    }
    return ++call->candidates[side] > CALL_CANDIDATES_MAX;
}

/* An offer comes before the candidates, and a new one takes the place of the old. */
static void signal_hold(struct call *call, enum call_event event, json_t *signal)
{
    if (event == CALL_OFFER) {
        const json_t *first = json_array_get(call->held, 0);
        const char *type = json_string_value(json_object_get(first, "type"));
        if (g_strcmp0(type, "offer") == 0)
            json_array_clear(call->held);
        json_array_insert(call->held, 0, signal);
    } else if (json_array_size(call->held) < CALL_SIGNALS_MAX) {
        json_array_append(call->held, signal);
    }
}

static void call_reread(struct call *call, enum error_code error, void *data)
{
    struct acting *acting = data;
    if (!call) {
        acting_fail(acting, CALL_STRANGER, error);
        return;
    }
    call_unref(acting->call);
    acting->call = call_ref(call);
    acting_run(acting);
}

/* What other instances have done with the call may not be known here. */
static bool may_be_outdated(const struct acting *acting)
{
    const struct call *call = acting->call;
    return !acting->again && acting->deed.event != CALL_TIMEOUT && bus_instance(call->core) &&
           call->writing == 0;
}

static void machine_note(struct acting *acting)
{
    struct call *call = acting->call;
    const char *connection = json_string_value(json_object_get(acting->state, "connection"));
    if (acting->deed.event == CALL_TRANSFER) {
        call->machine.next = acting->target;
        call->machine.guest = acting->guest;
    }
    if (connection)
        call->machine.connecting = g_str_equal(connection, "connecting");
    if (acting->address)
        json_object_set_new(call->session, "full", json_string(acting->address));
    acting->forked |= call->forked;
    if (call->forked && acting->deed.event == CALL_ACCEPT)
        call_choose(call, acting->address != NULL);
    if (acting->step.effects & CALL_HOLD)
        signal_hold(call, acting->deed.event, acting->signal);
    if (acting->bound) {
        json_decref(call->bound[acting->step.side]);
        call->bound[acting->step.side] = json_incref(acting->bound);
    }
}

/* Ends what may not be signalled, though this is the time for it. */
static bool signal_is_refused(struct acting *acting)
{
    struct call *call = acting->call;
    enum call_event event = acting->deed.event;
    const json_t *bound = call->bound[acting->step.side % CALL_SIDES];
    if (event == CALL_CANDIDATE && acting->conflicts == 0 &&
        candidate_is_one_too_many(call, acting->step.side))
        acting_fail(acting, CALL_DONE, ERROR_RATE_LIMITED);
    else if (event == CALL_CANDIDATE &&
             !binding_has(bound, json_object_get(acting->signal, "data")))
        acting_fail(acting, CALL_SAME, ERROR_NONE); /* of nobody in the call */
    else if (acting->bound && !binding_allows(bound, acting->bound))
        acting_fail(acting, CALL_DONE, ERROR_UNPROCESSABLE);
    else
        return false;
    return true;
}

/* Some peers are given at once what others get when they have accepted. */
static void held_tell(struct acting *acting)
{
    struct call *call = acting->call;
    if (call->person[CALL_CALLEE].hosted || !call_peer || !call_peer->held)
        return;
    call->telling = true;
    call_peer->held(call, &acting->deed);
    call->telling = false;
}

static void acting_run(struct acting *acting)
{
    struct call *call = acting->call;
    const struct call_deed *deed = &acting->deed;
    struct call_machine machine = acting->before = call->machine;
    acting->step = call_machine_step(&machine, deed->actor, deed->event, deed->reason);
    enum call_verdict verdict = acting->step.verdict;
    if ((verdict == CALL_CONFLICT || verdict == CALL_FORBIDDEN) && may_be_outdated(acting)) {
        acting->again = true;
        call_read(call->core, &(struct call_name){.id = &call->id}, call_reread, acting);
        return;
    }
    if (verdict != CALL_DONE) {
        acting_fail(acting, verdict, ERROR_NONE);
        return;
    }
    if (signal_is_refused(acting))
        return;
    call->machine = machine;
    machine_note(acting);
    if ((acting->step.effects & CALL_HOLD) && acting->conflicts == 0)
        held_tell(acting);
    bool written = is_written(acting);
    if (written)
        acting_name(acting);
    if (written && is_told_at_once(acting))
        call_publish_ahead(call);
    if (is_told_at_once(acting) && !acting->told) {
        call->telling = true;
        acting_tell(acting);
        call->telling = false;
    }
    if (written)
        acting_write(acting);
    else
        acting_fail(acting, CALL_DONE, ERROR_NONE);
}

static void acting_start(void *data)
{
    struct acting *acting = data;
    if (acting->call->core->archive)
        (acting->session ? note_write : acting_run)(acting);
    else
        acting_fail(acting, CALL_CONFLICT, ERROR_UNAVAILABLE); /* the process ends */
}

/* What is done while a step is told, and not written yet, comes after it. */
static void acting_queue(struct acting *acting)
{
    if (acting->call->telling)
        loop_defer(acting_start, acting);
    else
        (acting->session ? note_write : acting_run)(acting);
}

void call_act(struct call *call, const struct call_deed *deed, call_acted done, void *data)
{
    struct acting *acting = g_new0(struct acting, 1);
    acting->call = call_ref(call);
    acting->deed = *deed;
    if (deed->actor) {
        acting->actor = *deed->actor;
        acting->deed.actor = &acting->actor;
    }
    if (deed->target)
        acting->target = *deed->target;
    acting->deed.target = NULL;
    if (deed->guest)
        acting->guest = *deed->guest;
    acting->deed.guest = NULL;
    acting->next = json_incref((json_t *)(guintptr)deed->next);
    acting->deed.next = NULL;
    acting->address = g_strdup(deed->address);
    acting->deed.address = acting->address;
    /* Only read; the casts are for jansson. */
    acting->signal = json_incref((json_t *)(guintptr)deed->signal);
    acting->state = json_incref((json_t *)(guintptr)deed->state);
    acting->bound = json_incref((json_t *)(guintptr)deed->bound);
    acting->deed.bound = acting->bound;
    acting->done = done;
    acting->data = data;
    acting_queue(acting);
}

static bool party_is(const struct call_party *one, const struct call_party *other)
{
    return one->lost == other->lost && uuid_equal(&one->device.session, &other->device.session) &&
           uuid_equal(&one->device.credential, &other->device.credential);
}

static void note_write(struct acting *acting)
{
    acting_name(acting);
    acting_write(acting);
}

/* What was noted holds of the row that is there now, if that says of it what the old one did. */
static void note_again(struct acting *acting)
{
    struct call *call = acting->call;
    const struct call_machine was = call->machine;
    size_t members = json_object_size(call->session);
    bool changed = false;
    json_object_update_missing(call->session, acting->session);
    for (enum call_side side = 0; side < CALL_SIDES; side++) {
        struct call_party *party = &call->machine.party[side];
        const struct call_party *before = &acting->before.party[side];
        if (party_is(party, before) && !party_is(party, &acting->noted[side])) {
            *party = acting->noted[side];
            changed = true;
        }
    }
    if (call_is_final(was.state) || !(changed || json_object_size(call->session) > members)) {
        acting_fail(acting, CALL_SAME, ERROR_NONE);
        return;
    }
    acting->before = was;
    note_write(acting);
}

void call_note(struct call *call, const struct call_machine *before)
{
    struct acting *acting = g_new0(struct acting, 1);
    acting->call = call_ref(call);
    acting->deed.event = CALL_INFO;
    acting->before = *before;
    acting->step.side = CALL_NOBODY;
    acting->told = true;
    acting->session = json_deep_copy(call->session);
    memcpy(acting->noted, call->machine.party, sizeof acting->noted);
    acting_queue(acting);
}

struct call *call_began(struct core *core, const json_t *row)
{
    struct call *call = call_learn(core, row);
    call_publish(core, row);
    if (!call || call_is_final(call->machine.state))
        return NULL;
    call->ours = true;
    return call;
}
