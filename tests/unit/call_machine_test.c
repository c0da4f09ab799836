/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The call machine: every sequence of up to eight events by anybody, and the cases that have names.
 *
 * What may follow depends on nothing but the machine and what both sides have been told, so
 * sequences that lead to the same are walked on once: all of them are covered. */
#include "config.h"

#include <string.h>

#include "bridge/call/machine.h"
#include "tests/unit/unit.h"

#define DEPTH 8

enum person { FIRST, SECOND, SECOND_OTHER, STRANGER, PERSONS };

/* What one side knows, by what it was told or did itself. */
struct view {
    enum call_state state;
    enum call_reason reason;
    bool described; /* a description of media has reached it */
};

struct world {
    struct call_machine machine;
    struct view view[CALL_SIDES];
    bool accepted_by[PERSONS];
    bool held; /* the bridge keeps a description for the callee */
    unsigned endings;
};

static const enum call_event alphabet[] = {CALL_INITIATE, CALL_RING,      CALL_ACCEPT,
                                           CALL_DECLINE,  CALL_END,       CALL_OFFER,
                                           CALL_ANSWER,   CALL_CANDIDATE, CALL_RESTART};

static struct uuid id_of(unsigned number)
{
    struct uuid id = {0};
    memcpy(&id, &number, sizeof number);
    return id;
}

static struct call_actor actor_of(enum person person)
{
    struct call_actor actor = {.user = id_of(person == SECOND_OTHER ? 1 + SECOND : 1 + person)};
    actor.device.session = id_of(100 + person);
    actor.device.credential = id_of(200 + person);
    return actor;
}

/* A call from CALLER to the user CALLEE; the program makes its machines from rows. */
static void machine_begin(struct call_machine *machine, const struct call_actor *caller,
                          const struct uuid *callee)
{
    *machine = (struct call_machine){.moving = CALL_NOBODY, .offered = CALL_NOBODY};
    machine->party[CALL_CALLER].user = caller->user;
    machine->party[CALL_CALLER].device = caller->device;
    machine->party[CALL_CALLEE].user = *callee;
}

static void world_begin(struct world *world)
{
    memset(world, 0, sizeof *world); /* worlds are compared by octets */
    struct call_actor caller = actor_of(FIRST);
    struct uuid callee = actor_of(SECOND).user;
    struct call_machine machine;
    memset(&machine, 0, sizeof machine);
    machine_begin(&machine, &caller, &callee);
    memcpy(&world->machine, &machine, sizeof machine);
}

static bool is_description(enum call_event event)
{
    return event == CALL_OFFER || event == CALL_ANSWER || event == CALL_CANDIDATE ||
           event == CALL_RESTART;
}

static void tell(struct world *world, enum call_side side, enum call_event event)
{
    if (is_description(event)) {
        world->view[side].described = true;
    } else {
        world->view[side].state = world->machine.state;
        world->view[side].reason = world->machine.reason;
    }
}

static void check_refusal(const struct world *before, const struct world *after,
                          const struct call_step *step, enum person person)
{
    ck_assert_mem_eq(&before->machine, &after->machine, sizeof before->machine);
    ck_assert_uint_eq(step->effects, 0);
    ck_assert_int_eq(person == STRANGER, step->verdict == CALL_STRANGER);
}

static void check_step(const struct world *before, struct world *world, enum person person,
                       enum call_event event)
{
    const struct call_machine *machine = &world->machine;
    bool was_final = call_is_final(before->machine.state);
    ck_assert_int_ne(person, STRANGER);
    ck_assert_msg(!was_final, "%s after the end", call_event_name(event));
    world->endings += call_is_final(machine->state);
    if (event == CALL_ACCEPT)
        world->accepted_by[person] = true;
    if (event == CALL_ANSWER && (person == SECOND || person == SECOND_OTHER))
        ck_assert_msg(before->accepted_by[person], "an answer of a device that has not accepted");
    if (before->machine.state == CALL_ACTIVE && is_description(event) && person != FIRST)
        ck_assert_msg(before->accepted_by[person], "a signal of a device that has not accepted");
}

static void check_world(const struct world *world)
{
    const struct view *callee = &world->view[CALL_CALLEE];
    ck_assert_uint_le(world->endings, 1);
    ck_assert_uint_eq(world->endings, call_is_final(world->machine.state));
    if (callee->described)
        ck_assert_msg(world->accepted_by[SECOND] || world->accepted_by[SECOND_OTHER],
                      "a description has come before the callee has accepted");
    if (!call_is_final(world->machine.state))
        return;
    for (int side = 0; side < CALL_SIDES; side++) {
        ck_assert_int_eq(world->view[side].state, world->machine.state);
        ck_assert_int_eq(world->view[side].reason, world->machine.reason);
        ck_assert_int_ne(world->view[side].reason, CALL_REASON_NONE);
    }
    ck_assert_int_eq(call_timer_of(&world->machine), CALL_TIMER_NONE);
}

/* One event in WORLD, with all that must hold. PERSON PERSONS: the clock. */
static void world_step(struct world *world, enum person person, enum call_event event)
{
    struct world before = *world;
    struct call_actor actor = actor_of(person);
    struct call_step step = call_machine_step(&world->machine, person == PERSONS ? NULL : &actor,
                                              event, CALL_REASON_NONE);
    if (step.verdict != CALL_DONE) {
        check_refusal(&before, world, &step, person);
        return;
    }
    check_step(&before, world, person, event);
    world->held = world->held || ((step.effects & CALL_HOLD) && is_description(event));
    if (step.effects & CALL_TELL_CALLER)
        tell(world, CALL_CALLER, event);
    if (step.effects & CALL_TELL_CALLEE)
        tell(world, CALL_CALLEE, event);
    if ((step.effects & CALL_RELEASE) && world->held) {
        world->view[CALL_CALLEE].described = true;
        world->held = false;
    }
    check_world(world);
}

static void world_enter(GHashTable *seen, GQueue *next, const struct world *world)
{
    GBytes *key = g_bytes_new(world, sizeof *world);
    if (g_hash_table_add(seen, g_bytes_ref(key)))
        g_queue_push_tail(next, g_bytes_ref(key));
    g_bytes_unref(key);
}

static void world_walk(GHashTable *seen, GQueue *next, const struct world *from)
{
    for (int person = 0; person < PERSONS; person++) {
        for (size_t i = 0; i < G_N_ELEMENTS(alphabet); i++) {
            struct world world = *from;
            world_step(&world, person, alphabet[i]);
            world_enter(seen, next, &world);
        }
        struct world world = *from; /* nobody can play the clock */
        world_step(&world, person, CALL_TIMEOUT);
        ck_assert_mem_eq(&world, from, sizeof world);
    }
    struct world world = *from;
    world_step(&world, PERSONS, CALL_TIMEOUT);
    world_enter(seen, next, &world);
}

START_TEST(walks_every_sequence)
{
    GHashTable *seen =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    GQueue level = G_QUEUE_INIT;
    struct world start;
    world_begin(&start);
    world_enter(seen, &level, &start);
    bool ended[CALL_STATES] = {false};
    for (int depth = 0; depth < DEPTH; depth++) {
        GQueue next = G_QUEUE_INIT;
        GBytes *key;
        while ((key = g_queue_pop_head(&level))) {
            const struct world *world = g_bytes_get_data(key, NULL);
            ended[world->machine.state] = true;
            world_walk(seen, &next, world);
            g_bytes_unref(key);
        }
        level = next;
    }
    GBytes *key;
    while ((key = g_queue_pop_head(&level)))
        g_bytes_unref(key);
    for (int state = CALL_NEW; state < CALL_STATES; state++)
        ck_assert_msg(ended[state], "%s was never reached", call_state_name(state));
    g_hash_table_unref(seen);
}
END_TEST

/* ---- Cases with a name ----------------------------------------------------------------------- */

static struct call_machine machine;

static struct call_step does(enum person person, enum call_event event)
{
    struct call_actor actor = actor_of(person);
    return call_machine_step(&machine, person == PERSONS ? NULL : &actor, event, CALL_REASON_NONE);
}

static void begin(void)
{
    struct call_actor caller = actor_of(FIRST);
    struct uuid callee = actor_of(SECOND).user;
    machine_begin(&machine, &caller, &callee);
    ck_assert_int_eq(does(FIRST, CALL_INITIATE).verdict, CALL_DONE);
}

START_TEST(rings_then_offers)
{
    begin();
    ck_assert_int_eq(call_timer_of(&machine), CALL_TIMER_RING);
    ck_assert_uint_eq(does(SECOND_OTHER, CALL_RING).effects, CALL_TELL_CALLER);
    struct call_step step = does(SECOND, CALL_ACCEPT);
    ck_assert_uint_eq(step.effects,
                      CALL_TELL_CALLER | CALL_TELL_CALLEE | CALL_TELL_OTHERS | CALL_RELEASE);
    ck_assert_int_eq(call_timer_of(&machine), CALL_TIMER_OFFER);
    ck_assert_int_eq(does(SECOND, CALL_ANSWER).verdict, CALL_CONFLICT);
    ck_assert_uint_eq(does(FIRST, CALL_OFFER).effects, CALL_TELL_CALLEE);
    ck_assert_int_eq(call_timer_of(&machine), CALL_TIMER_CONNECT);
    ck_assert_int_eq(does(SECOND_OTHER, CALL_ANSWER).verdict, CALL_FORBIDDEN);
    ck_assert_int_eq(does(STRANGER, CALL_ANSWER).verdict, CALL_STRANGER);
    ck_assert_int_eq(does(SECOND, CALL_OFFER).verdict, CALL_CONFLICT);
    ck_assert_uint_eq(does(SECOND, CALL_ANSWER).effects, CALL_TELL_CALLER);
    ck_assert_int_eq(call_timer_of(&machine), CALL_TIMER_LONG);
    ck_assert_uint_eq(does(SECOND, CALL_RESTART).effects, CALL_TELL_CALLER);
    ck_assert_int_eq(does(FIRST, CALL_RESTART).verdict, CALL_CONFLICT);
    ck_assert_uint_eq(does(FIRST, CALL_ANSWER).effects, CALL_TELL_CALLEE);
    ck_assert_uint_eq(does(SECOND_OTHER, CALL_END).effects, CALL_TELL_CALLER | CALL_TELL_CALLEE);
    ck_assert_int_eq(machine.reason, CALL_REASON_HANGUP);
    ck_assert_int_eq(does(FIRST, CALL_END).verdict, CALL_SAME);
}
END_TEST

START_TEST(holds_an_early_offer)
{
    begin();
    ck_assert_uint_eq(does(FIRST, CALL_OFFER).effects, CALL_HOLD);
    ck_assert_uint_eq(does(FIRST, CALL_CANDIDATE).effects, CALL_HOLD);
    ck_assert(does(SECOND, CALL_ACCEPT).effects & CALL_RELEASE);
    ck_assert_int_eq(machine.offered, CALL_CALLER);
    ck_assert_int_eq(does(SECOND, CALL_ANSWER).verdict, CALL_DONE);
}
END_TEST

START_TEST(one_device_accepts)
{
    begin();
    ck_assert_int_eq(does(SECOND_OTHER, CALL_ACCEPT).verdict, CALL_DONE);
    ck_assert_int_eq(does(SECOND, CALL_ACCEPT).verdict, CALL_CONFLICT);
    ck_assert_int_eq(does(SECOND_OTHER, CALL_ACCEPT).verdict, CALL_SAME);
    ck_assert_int_eq(does(SECOND, CALL_DECLINE).verdict, CALL_CONFLICT);
}
END_TEST

START_TEST(another_client_answers)
{
    begin();
    ck_assert_int_eq(does(SECOND, CALL_TAKE).verdict, CALL_DONE);
    ck_assert_int_eq(machine.state, CALL_ENDED);
    ck_assert_int_eq(machine.reason, CALL_REASON_ELSEWHERE);
    begin();
    ck_assert_int_eq(does(FIRST, CALL_TAKE).verdict, CALL_CONFLICT);
    ck_assert_int_eq(does(SECOND_OTHER, CALL_ACCEPT).verdict, CALL_DONE);
    ck_assert_int_eq(does(SECOND, CALL_TAKE).verdict, CALL_FORBIDDEN); /* it was slower */
    ck_assert_int_eq(machine.state, CALL_ACTIVE);
}
END_TEST

START_TEST(times_out)
{
    static const struct {
        unsigned steps;
        enum call_timer timer;
        enum call_state state;
        enum call_reason reason;
    } cases[] = {{0, CALL_TIMER_RING, CALL_MISSED, CALL_REASON_NO_ANSWER},
                 {1, CALL_TIMER_OFFER, CALL_FAILED, CALL_REASON_TIMEOUT},
                 {2, CALL_TIMER_CONNECT, CALL_FAILED, CALL_REASON_CONNECTIVITY},
                 {3, CALL_TIMER_LONG, CALL_ENDED, CALL_REASON_EXPIRED},
                 {4, CALL_TIMER_LOST, CALL_ENDED, CALL_REASON_GONE}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        begin();
        if (cases[i].steps > 0)
            does(SECOND, CALL_ACCEPT);
        if (cases[i].steps > 1)
            does(FIRST, CALL_OFFER);
        if (cases[i].steps > 2)
            does(SECOND, CALL_ANSWER);
        machine.party[CALL_CALLEE].lost = cases[i].steps > 3;
        ck_assert_int_eq(call_timer_of(&machine), cases[i].timer);
        ck_assert_int_eq(does(PERSONS, CALL_TIMEOUT).verdict, CALL_DONE);
        ck_assert_int_eq(machine.state, cases[i].state);
        ck_assert_int_eq(machine.reason, cases[i].reason);
    }
    ck_assert_uint_eq(call_timer_seconds(CALL_TIMER_RING, 0, 0), 45);
    ck_assert_uint_eq(call_timer_seconds(CALL_TIMER_RING, 60, 7), 60);
    ck_assert_uint_eq(call_timer_seconds(CALL_TIMER_CONNECT, 60, 7), 7);
    ck_assert_uint_eq(call_timer_seconds(CALL_TIMER_OFFER, 60, 7), 20);
}
END_TEST

START_TEST(goes_on_by_another_socket)
{
    begin();
    does(SECOND, CALL_ACCEPT);
    does(FIRST, CALL_OFFER);
    does(SECOND, CALL_ANSWER);
    struct call_actor again = actor_of(SECOND);
    again.device.session = id_of(77);
    ck_assert_int_eq(call_machine_step(&machine, &again, CALL_CANDIDATE, 0).verdict,
                     CALL_FORBIDDEN);
    machine.party[CALL_CALLEE].lost = true;
    ck_assert_int_eq(does(SECOND_OTHER, CALL_CANDIDATE).verdict, CALL_FORBIDDEN);
    ck_assert_int_eq(call_machine_step(&machine, &again, CALL_RESTART, 0).verdict, CALL_DONE);
    ck_assert(!machine.party[CALL_CALLEE].lost);
    ck_assert_int_eq(does(SECOND, CALL_CANDIDATE).verdict, CALL_FORBIDDEN);
    /* REST does not say by which socket it comes: the credential decides. */
    again.device.session = (struct uuid){0};
    ck_assert_int_eq(call_machine_step(&machine, &again, CALL_CANDIDATE, 0).verdict, CALL_DONE);
}
END_TEST

START_TEST(moves_to_another_device)
{
    begin();
    does(SECOND, CALL_ACCEPT);
    does(FIRST, CALL_OFFER);
    does(SECOND, CALL_ANSWER);
    ck_assert_int_eq(does(SECOND_OTHER, CALL_TRANSFER).verdict, CALL_FORBIDDEN);
    ck_assert_int_eq(does(SECOND, CALL_TRANSFER).verdict, CALL_DONE);
    machine.next = actor_of(SECOND_OTHER).device;
    ck_assert_int_eq(does(SECOND, CALL_CANDIDATE).verdict, CALL_DONE);
    ck_assert_uint_eq(does(SECOND_OTHER, CALL_ACCEPT).effects, CALL_TELL_CALLER | CALL_TELL_OTHERS);
    ck_assert_int_eq(does(SECOND, CALL_CANDIDATE).verdict, CALL_FORBIDDEN);
    ck_assert_int_eq(does(SECOND_OTHER, CALL_RESTART).verdict, CALL_DONE);
}
END_TEST

/* The callee asks the stranger to take the call over. */
static void guest_ask(void)
{
    begin();
    does(SECOND, CALL_ACCEPT);
    does(FIRST, CALL_OFFER);
    does(SECOND, CALL_ANSWER);
    ck_assert_int_eq(does(SECOND, CALL_TRANSFER).verdict, CALL_DONE);
    machine.guest = actor_of(STRANGER).user; /* as who asks for it says */
    ck_assert_int_eq(call_timer_of(&machine), CALL_TIMER_GUEST);
}

START_TEST(guest_takes_the_call_over)
{
    for (enum call_event event = 0; event < CALL_EVENTS; event++) {
        guest_ask();
        struct call_machine before = machine;
        struct call_step step = does(STRANGER, event);
        if (event == CALL_ACCEPT || event == CALL_DECLINE)
            continue;
        ck_assert_msg(step.verdict == CALL_STRANGER, "%s", call_event_name(event));
        ck_assert_mem_eq(&machine, &before, sizeof machine);
    }
    guest_ask();
    struct call_step step = does(STRANGER, CALL_ACCEPT);
    ck_assert_uint_eq(step.effects, CALL_TELL_CALLER | CALL_TELL_CALLEE);
    ck_assert_int_eq(machine.state, CALL_ENDED);
    ck_assert_int_eq(machine.reason, CALL_REASON_TRANSFERRED);
    ck_assert_int_eq(does(STRANGER, CALL_ACCEPT).verdict, CALL_STRANGER);
}
END_TEST

START_TEST(guest_is_one_only_while_asked)
{
    static const struct {
        enum person person;
        enum call_event event;
    } ends[] = {{STRANGER, CALL_DECLINE},
                {PERSONS, CALL_TIMEOUT},
                {SECOND, CALL_TRANSFER},
                {FIRST, CALL_END}};
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        guest_ask();
        ck_assert_int_eq(does(ends[i].person, ends[i].event).verdict, CALL_DONE);
        if (ends[i].event == CALL_TRANSFER)
            machine.guest = (struct uuid){0}; /* it goes to a device now */
        ck_assert_int_eq(does(STRANGER, CALL_ACCEPT).verdict, CALL_STRANGER);
        ck_assert_int_eq(machine.state, ends[i].event == CALL_END ? CALL_ENDED : CALL_ACTIVE);
        if (machine.state == CALL_ACTIVE)
            ck_assert_int_eq(call_timer_of(&machine), CALL_TIMER_LONG);
    }
    guest_ask();
    ck_assert_int_eq(does(SECOND_OTHER, CALL_PASS).verdict, CALL_FORBIDDEN);
    ck_assert_int_eq(does(FIRST, CALL_PASS).verdict, CALL_DONE);
    ck_assert_int_eq(machine.reason, CALL_REASON_TRANSFERRED);
}
END_TEST

START_TEST(names_and_ties)
{
    for (enum call_state state = 0; state < CALL_STATES; state++)
        ck_assert_int_eq(call_state_find(call_state_name(state)), state);
    for (enum call_reason reason = 1; reason < CALL_REASONS; reason++)
        ck_assert_int_eq(call_reason_find(call_reason_name(reason)), reason);
    ck_assert_int_eq(call_reason_find("none such"), CALL_REASON_NONE);
    ck_assert(call_tie_is_ours("a1", "b1"));
    ck_assert(!call_tie_is_ours("b1", "a1"));
}
END_TEST

UNIT_MAIN("call_machine", walks_every_sequence, rings_then_offers, holds_an_early_offer,
          one_device_accepts, another_client_answers, times_out, goes_on_by_another_socket,
          moves_to_another_device, guest_takes_the_call_over, guest_is_one_only_while_asked,
          names_and_ties)
