/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of transitions, and the one function that walks it. */
#include "config.h"

#include <string.h>

#include "bridge/call/machine.h"

/* How somebody stands to a call. */
enum role {
    CALLER = 1 << 0,
    CALLER_OTHER = 1 << 1, /* another device of the caller's */
    CALLEE = 1 << 2,       /* while it rings: any device of the callee's */
    CALLEE_OTHER = 1 << 3,
    NEXT = 1 << 4, /* the device that the call is to move to */
    BRIDGE = 1 << 5,
    GUEST = 1 << 6, /* somebody else, who is asked to take the call over */
    ENDS = CALLER | CALLEE,
    ALL = CALLER | CALLER_OTHER | CALLEE | CALLEE_OTHER | NEXT
};

/* What has to hold besides. */
enum guard {
    ALWAYS,
    UNANSWERED,   /* no offer of the other side waits for an answer */
    RENEGOTIATES, /* the same, and there was an answer */
    ASKED         /* the other side's offer waits */
};

/* What it does to the negotiation. */
enum deed { NOTHING, KEEPS_OFFER, OFFERS, ANSWERS, ANSWERS_CALL, MOVES, MOVED, STAYS };

#define BOTH (CALL_TELL_CALLER | CALL_TELL_CALLEE)
#define PEER (1u << 31) /* whichever of the two did not do it */

static const struct transition {
    enum call_state state;
    enum call_event event;
    unsigned roles;
    enum guard guard;
    enum call_state next;
    unsigned effects;
    enum deed deed;
    enum call_reason reason;
} table[] = {
    {CALL_NEW, CALL_INITIATE, CALLER, ALWAYS, CALL_RINGING, CALL_TELL_CALLEE, NOTHING, 0},

    {CALL_RINGING, CALL_RING, CALLEE, ALWAYS, CALL_RINGING, CALL_TELL_CALLER, NOTHING, 0},
    {CALL_RINGING, CALL_ACCEPT, CALLEE, ALWAYS, CALL_ACTIVE,
     CALL_TELL_CALLER | CALL_TELL_CALLEE | CALL_TELL_OTHERS | CALL_RELEASE, ANSWERS_CALL, 0},
    {CALL_RINGING, CALL_DECLINE, CALLEE, ALWAYS, CALL_DECLINED, BOTH, NOTHING,
     CALL_REASON_DECLINED},
    {CALL_RINGING, CALL_END, CALLEE, ALWAYS, CALL_DECLINED, BOTH, NOTHING, CALL_REASON_DECLINED},
    {CALL_RINGING, CALL_END, CALLER | CALLER_OTHER, ALWAYS, CALL_MISSED, BOTH, NOTHING,
     CALL_REASON_CANCELLED},
    {CALL_RINGING, CALL_OFFER, CALLER, ALWAYS, CALL_RINGING, CALL_HOLD, KEEPS_OFFER, 0},
    {CALL_RINGING, CALL_CANDIDATE, CALLER, ALWAYS, CALL_RINGING, CALL_HOLD, NOTHING, 0},
    {CALL_RINGING, CALL_INFO, CALLER, ALWAYS, CALL_RINGING, 0, NOTHING, 0},
    {CALL_RINGING, CALL_BUSY, CALLEE | BRIDGE, ALWAYS, CALL_DECLINED, BOTH, NOTHING,
     CALL_REASON_BUSY},
    {CALL_RINGING, CALL_TAKE, CALLEE, ALWAYS, CALL_ENDED, BOTH, NOTHING, CALL_REASON_ELSEWHERE},
    {CALL_RINGING, CALL_TIMEOUT, BRIDGE, ALWAYS, CALL_MISSED, BOTH, NOTHING, CALL_REASON_NO_ANSWER},
    {CALL_RINGING, CALL_FAIL, CALLER | CALLEE | BRIDGE, ALWAYS, CALL_FAILED, BOTH, NOTHING,
     CALL_REASON_UNREACHABLE},

    {CALL_ACTIVE, CALL_OFFER, CALLER, UNANSWERED, CALL_ACTIVE, PEER, OFFERS, 0},
    {CALL_ACTIVE, CALL_OFFER, CALLEE, RENEGOTIATES, CALL_ACTIVE, PEER, OFFERS, 0},
    {CALL_ACTIVE, CALL_RESTART, ENDS, RENEGOTIATES, CALL_ACTIVE, PEER, OFFERS, 0},
    {CALL_ACTIVE, CALL_ANSWER, ENDS, ASKED, CALL_ACTIVE, PEER, ANSWERS, 0},
    {CALL_ACTIVE, CALL_CANDIDATE, ENDS, ALWAYS, CALL_ACTIVE, PEER, NOTHING, 0},
    {CALL_ACTIVE, CALL_INFO, ENDS, ALWAYS, CALL_ACTIVE, PEER, NOTHING, 0},
    {CALL_ACTIVE, CALL_TRANSFER, ENDS, ALWAYS, CALL_ACTIVE, CALL_TELL_OTHERS, MOVES, 0},
    {CALL_ACTIVE, CALL_ACCEPT, NEXT, ALWAYS, CALL_ACTIVE, PEER | CALL_TELL_OTHERS, MOVED, 0},
    {CALL_ACTIVE, CALL_ACCEPT, GUEST, ALWAYS, CALL_ENDED, BOTH, NOTHING, CALL_REASON_TRANSFERRED},
    {CALL_ACTIVE, CALL_DECLINE, GUEST, ALWAYS, CALL_ACTIVE, 0, STAYS, 0},
    {CALL_ACTIVE, CALL_PASS, ENDS, ALWAYS, CALL_ENDED, BOTH, NOTHING, CALL_REASON_TRANSFERRED},
    {CALL_ACTIVE, CALL_END, ALL, ALWAYS, CALL_ENDED, BOTH, NOTHING, CALL_REASON_HANGUP},
    {CALL_ACTIVE, CALL_FAIL, ENDS | BRIDGE, ALWAYS, CALL_FAILED, BOTH, NOTHING,
     CALL_REASON_CONNECTIVITY},
    {CALL_ACTIVE, CALL_TIMEOUT, BRIDGE, ALWAYS, CALL_STATES, BOTH, NOTHING, 0}, /* the timer says */
};

/* What is so already when it is asked for again. */
static const struct {
    enum call_state state;
    enum call_event event;
    unsigned roles;
} repetitions[] = {
    {CALL_ACTIVE, CALL_ACCEPT, CALLEE}, {CALL_ENDED, CALL_END, ALL},
    {CALL_DECLINED, CALL_END, ALL},     {CALL_MISSED, CALL_END, ALL},
    {CALL_FAILED, CALL_END, ALL},       {CALL_DECLINED, CALL_DECLINE, CALLEE | CALLEE_OTHER},
    {CALL_ACTIVE, CALL_RING, CALLEE},
};

static const struct {
    unsigned seconds;
    enum call_state next;
    enum call_reason reason;
} timers[CALL_TIMERS] = {
    [CALL_TIMER_RING] = {45, CALL_MISSED, CALL_REASON_NO_ANSWER},
    [CALL_TIMER_OFFER] = {20, CALL_FAILED, CALL_REASON_TIMEOUT},
    [CALL_TIMER_CONNECT] = {30, CALL_FAILED, CALL_REASON_CONNECTIVITY},
    [CALL_TIMER_GUEST] = {45, CALL_ACTIVE, CALL_REASON_NONE}, /* nothing comes of it */
    [CALL_TIMER_LOST] = {30, CALL_ENDED, CALL_REASON_GONE},
    [CALL_TIMER_LONG] = {24 * 3600, CALL_ENDED, CALL_REASON_EXPIRED},
};

/* ---- Who it is ------------------------------------------------------------------------------- */

static bool device_is_none(const struct call_device *device)
{
    return uuid_is_nil(&device->session) && uuid_is_nil(&device->credential);
}

static bool devices_match(const struct call_device *one, const struct call_device *other, bool lost)
{
    bool sessions = !uuid_is_nil(&one->session) && !uuid_is_nil(&other->session);
    bool credentials =
        !uuid_is_nil(&one->credential) && uuid_equal(&one->credential, &other->credential);
    if (sessions && uuid_equal(&one->session, &other->session))
        return true;
    return credentials && (!sessions || lost);
}

bool call_device_matches(const struct call_party *party, const struct call_device *device)
{
    return device_is_none(&party->device) || devices_match(&party->device, device, party->lost);
}

enum call_side call_side_of(const struct call_machine *machine, const struct uuid *user)
{
    enum call_side side = CALL_CALLER;
    while (side < CALL_SIDES && !uuid_equal(&machine->party[side].user, user))
        side++;
    return side;
}

enum call_side call_other_side(enum call_side side)
{
    return side == CALL_CALLER ? CALL_CALLEE : CALL_CALLER;
}

bool call_is_guest(const struct call_machine *machine, const struct uuid *user)
{
    return machine->state == CALL_ACTIVE && !uuid_is_nil(&machine->guest) &&
           uuid_equal(&machine->guest, user);
}

static unsigned role_of(const struct call_machine *machine, const struct call_actor *actor,
                        enum call_side side)
{
    if (!actor)
        return BRIDGE;
    if (side == CALL_NOBODY)
        return call_is_guest(machine, &actor->user) ? GUEST : 0;
    if (call_device_matches(&machine->party[side], &actor->device))
        return side == CALL_CALLER ? CALLER : CALLEE;
    if (machine->moving == side && devices_match(&machine->next, &actor->device, false))
        return NEXT;
    return side == CALL_CALLER ? CALLER_OTHER : CALLEE_OTHER;
}

/* ---- The step -------------------------------------------------------------------------------- */

static bool guard_holds(const struct call_machine *machine, enum guard guard, enum call_side side)
{
    switch (guard) {
    case UNANSWERED:
        return machine->offered == CALL_NOBODY || machine->offered == side;
    case RENEGOTIATES:
        return machine->negotiated && machine->offered != call_other_side(side);
    case ASKED:
        return machine->offered == call_other_side(side);
    case ALWAYS:
    default:
        return true;
    }
}

static void moving_end(struct call_machine *machine)
{
    machine->moving = CALL_NOBODY;
    machine->next = (struct call_device){0};
    machine->guest = (struct uuid){0};
}

static void device_move(struct call_machine *machine, enum call_side side,
                        const struct call_device *device)
{
    machine->party[side].device = *device;
    machine->party[side].lost = false;
    moving_end(machine);
}

static void deed_do(struct call_machine *machine, enum deed deed, enum call_side side,
                    const struct call_device *device)
{
    switch (deed) {
    case KEEPS_OFFER:
        machine->held = true;
        break;
    case OFFERS:
        machine->offered = side;
        break;
    case ANSWERS:
        machine->offered = CALL_NOBODY;
        machine->negotiated = true;
        break;
    case ANSWERS_CALL:
        device_move(machine, side, device);
        machine->offered = machine->held ? CALL_CALLER : CALL_NOBODY;
        machine->held = false;
        break;
    case MOVES:
        machine->moving = side;
        break;
    case MOVED: /* what was offered was offered to, or by, the device that is left behind */
        device_move(machine, side, device);
        machine->offered = CALL_NOBODY;
        break;
    case STAYS:
        moving_end(machine);
        break;
    case NOTHING:
    default:
        break;
    }
}

static unsigned effects_of(const struct transition *row, enum call_side side)
{
    unsigned effects = row->effects & ~PEER;
    if (row->effects & PEER)
        effects |= side == CALL_CALLER ? CALL_TELL_CALLEE : CALL_TELL_CALLER;
    return effects;
}

static void state_enter(struct call_machine *machine, const struct transition *row,
                        enum call_reason reason)
{
    enum call_timer timer = call_timer_of(machine);
    bool by_timer = row->next == CALL_STATES;
    machine->state = by_timer ? timers[timer].next : row->next;
    if (by_timer && machine->state == CALL_ACTIVE)
        moving_end(machine);
    if (!call_is_final(machine->state))
        return;
    enum call_reason usual = by_timer ? timers[timer].reason : row->reason;
    machine->reason = reason != CALL_REASON_NONE ? reason : usual;
    moving_end(machine);
    machine->offered = CALL_NOBODY;
    machine->held = false;
}

static const struct transition *transition_find(const struct call_machine *machine,
                                                enum call_event event, unsigned role,
                                                enum call_side side)
{
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        const struct transition *row = &table[i];
        if (row->state == machine->state && row->event == event && (row->roles & role) &&
            guard_holds(machine, row->guard, side))
            return row;
    }
    return NULL;
}

/* Why there is no transition. */
static enum call_verdict verdict_of(const struct call_machine *machine, enum call_event event,
                                    unsigned role)
{
    if (role == 0 || role == GUEST) /* who may accept or decline, and knows of nothing else */
        return CALL_STRANGER;
    for (size_t i = 0; i < G_N_ELEMENTS(repetitions); i++) {
        if (repetitions[i].state == machine->state && repetitions[i].event == event &&
            (repetitions[i].roles & role))
            return CALL_SAME;
    }
    bool by_other = role & (CALLER_OTHER | CALLEE_OTHER | NEXT);
    bool answers = event == CALL_ACCEPT || event == CALL_DECLINE; /* another one was faster */
    return by_other && machine->state == CALL_ACTIVE && !answers ? CALL_FORBIDDEN : CALL_CONFLICT;
}

struct call_step call_machine_step(struct call_machine *machine, const struct call_actor *actor,
                                   enum call_event event, enum call_reason reason)
{
    enum call_side side = actor ? call_side_of(machine, &actor->user) : CALL_NOBODY;
    unsigned role = role_of(machine, actor, side);
    const struct transition *row = transition_find(machine, event, role, side);
    if (!row)
        return (struct call_step){verdict_of(machine, event, role), 0, side};
    struct call_step step = {CALL_DONE, effects_of(row, side), side};
    if ((role & ENDS) && machine->party[side].lost && machine->state == CALL_ACTIVE)
        device_move(machine, side, &actor->device); /* it is there again, by another socket */
    deed_do(machine, row->deed, side, actor ? &actor->device : NULL);
    state_enter(machine, row, reason);
    return step;
}

bool call_is_final(enum call_state state)
{
    return state >= CALL_ENDED;
}

/* ---- Timers ---------------------------------------------------------------------------------- */

enum call_timer call_timer_of(const struct call_machine *machine)
{
    if (machine->state == CALL_RINGING)
        return CALL_TIMER_RING;
    if (machine->state != CALL_ACTIVE)
        return CALL_TIMER_NONE;
    if (machine->party[CALL_CALLER].lost || machine->party[CALL_CALLEE].lost)
        return CALL_TIMER_LOST;
    if (!uuid_is_nil(&machine->guest))
        return CALL_TIMER_GUEST;
    if (!machine->negotiated)
        return machine->offered == CALL_NOBODY ? CALL_TIMER_OFFER : CALL_TIMER_CONNECT;
    return machine->connecting ? CALL_TIMER_CONNECT : CALL_TIMER_LONG;
}

unsigned call_timer_seconds(enum call_timer timer, unsigned ring, unsigned connect)
{
    if ((timer == CALL_TIMER_RING || timer == CALL_TIMER_GUEST) && ring > 0)
        return ring;
    if (timer == CALL_TIMER_CONNECT && connect > 0)
        return connect;
    return timers[timer].seconds;
}

/* ---- Names ----------------------------------------------------------------------------------- */

static const char *const states[CALL_STATES] = {
    [CALL_NEW] = "new",      [CALL_RINGING] = "ringing",   [CALL_ACTIVE] = "active",
    [CALL_ENDED] = "ended",  [CALL_DECLINED] = "declined", [CALL_MISSED] = "missed",
    [CALL_FAILED] = "failed"};

static const char *const reasons[CALL_REASONS] = {[CALL_REASON_HANGUP] = "hangup",
                                                  [CALL_REASON_CANCELLED] = "cancelled",
                                                  [CALL_REASON_DECLINED] = "declined",
                                                  [CALL_REASON_BUSY] = "busy",
                                                  [CALL_REASON_NO_ANSWER] = "no_answer",
                                                  [CALL_REASON_TIMEOUT] = "timeout",
                                                  [CALL_REASON_CONNECTIVITY] = "connectivity",
                                                  [CALL_REASON_GONE] = "gone",
                                                  [CALL_REASON_EXPIRED] = "expired",
                                                  [CALL_REASON_UNREACHABLE] = "unreachable",
                                                  [CALL_REASON_UNSUPPORTED] = "unsupported",
                                                  [CALL_REASON_SECURITY] = "security",
                                                  [CALL_REASON_APPLICATION] = "bad_description",
                                                  [CALL_REASON_ELSEWHERE] = "answered_elsewhere",
                                                  [CALL_REASON_TRANSFERRED] = "transferred"};

static const char *const events[CALL_EVENTS] = {
    [CALL_INITIATE] = "initiate", [CALL_RING] = "ring",
    [CALL_ACCEPT] = "accept",     [CALL_DECLINE] = "decline",
    [CALL_END] = "end",           [CALL_OFFER] = "offer",
    [CALL_ANSWER] = "answer",     [CALL_CANDIDATE] = "candidate",
    [CALL_RESTART] = "restart",   [CALL_TIMEOUT] = "timeout",
    [CALL_FAIL] = "fail",         [CALL_BUSY] = "busy",
    [CALL_TRANSFER] = "transfer", [CALL_PASS] = "pass",
    [CALL_INFO] = "info",         [CALL_TAKE] = "taken"};

const char *call_state_name(enum call_state state)
{
    return states[state];
}

enum call_state call_state_find(const char *name)
{
    enum call_state state = 0;
    while (state < CALL_STATES && g_strcmp0(states[state], name) != 0)
        state++;
    return state;
}

const char *call_reason_name(enum call_reason reason)
{
    return reasons[reason];
}

enum call_reason call_reason_find(const char *name)
{
    for (enum call_reason reason = 1; name && reason < CALL_REASONS; reason++) {
        if (strcmp(reasons[reason], name) == 0)
            return reason;
    }
    return CALL_REASON_NONE;
}

const char *call_event_name(enum call_event event)
{
    return events[event];
}

bool call_tie_is_ours(const char *ours, const char *theirs)
{
    return strcmp(ours, theirs) < 0;
}
