/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps of calls that meet another instance's, sockets that come back, who is shown in a call. The
 * database is this test: it answers each step. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/subscriber.h"
#include "bridge/base/options.h"
#include "bridge/call/act.h"
#include "bridge/call/timer.h"
#include "bridge/cluster/ask.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/loop/loop.h"
#include "bridge/presence/user_presence.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

#define CALL "00000000-0000-7000-8000-0000000000c1"
#define OTHER_CALL "00000000-0000-7000-8000-0000000000c2"
#define CONVERSATION "00000000-0000-7000-8000-0000000000d1"
#define ALICE "00000000-0000-7000-8000-0000000000a1"
#define BELLA "00000000-0000-7000-8000-0000000000a2"
#define TOKEN "00000000-0000-7000-8000-0000000000b1"
#define OTHER_TOKEN "00000000-0000-7000-8000-0000000000b2"
#define FIRST "00000000-0000-7000-8000-0000000000e1"
#define SECOND "00000000-0000-7000-8000-0000000000e2"
#define STEP "00000000-0000-7000-8000-0000000000f1"

struct submitted {
    json_t *arguments;
    change_done done;
    void *data;
};

/* A question to the other instances. */
struct asked {
    ask_done done;
    void *data;
};

static struct {
    struct options options;
    struct core core;
    GQueue submitted;
    bus_handler heard; /* topic call */
    bool others;       /* there are other instances */
    GQueue asking;     /* struct asked */
    struct account *account[2];
    struct subscriber socket[2]; /* Alice's */
    int in_call[2];              /* -1: not told */
    unsigned delivered;
    unsigned told, told_final;
    enum call_verdict verdict;
    unsigned done;
} t;

/* ---- What the rest of the program does here -------------------------------------------------- */

void change_submit(struct core *core, const char *name, const struct uuid *user, json_t *arguments,
                   change_done done, void *data)
{
    (void)core, (void)user;
    ck_assert_str_eq(name, "call_step");
    struct submitted *submitted = g_new0(struct submitted, 1);
    *submitted = (struct submitted){json_deep_copy(arguments), done, data};
    json_decref(arguments);
    g_queue_push_tail(&t.submitted, submitted);
}

bool change_succeeded(const struct change_result *result)
{
    return result->error == ERROR_NONE && result->outcome == OUTCOME_DONE;
}

void user_presence_set_in_call(struct core *core, const struct uuid *user, bool in_call)
{
    (void)core;
    for (int i = 0; i < 2; i++) {
        if (uuid_equal(user, &t.account[i]->id))
            t.in_call[i] = in_call;
    }
}

bool bus_publish(struct core *core, const char *topic, json_t *message)
{
    (void)core, (void)topic;
    json_decref(message);
    return false;
}

bool bus_is_heard(const struct core *core)
{
    (void)core;
    return false;
}

const char *bus_instance(const struct core *core)
{
    (void)core;
    return NULL;
}

void bus_subscribe(struct core *core, const char *topic, bus_handler handler, void *data)
{
    (void)core, (void)data;
    if (strcmp(topic, "call") == 0)
        t.heard = handler;
}

bool elsewhere_is_online(const struct core *core, const struct uuid *user)
{
    (void)core, (void)user;
    return false;
}

void elsewhere_watch(struct core *core, elsewhere_changed changed, void *data)
{
    (void)core, (void)changed, (void)data;
}

void bus_watch_instances(struct core *core, bus_changed changed, void *data)
{
    (void)core, (void)changed, (void)data;
}

bool elsewhere_is_used(const struct core *core)
{
    (void)core;
    return t.others;
}

void elsewhere_catch_up(struct core *core, void (*done)(struct core *core, void *data), void *data)
{
    (void)core, (void)done, (void)data;
}

void ask_serve(struct core *core, const char *topic, ask_answer served)
{
    (void)core, (void)topic, (void)served;
}

void ask_others(struct core *core, const char *topic, json_t *question, ask_done done, void *data)
{
    (void)core, (void)topic;
    struct asked *asked = g_new0(struct asked, 1);
    *asked = (struct asked){done, data};
    json_decref(question);
    g_queue_push_tail(&t.asking, asked);
}

/* ---- The world ------------------------------------------------------------------------------- */

static struct uuid uuid_of(const char *text)
{
    struct uuid id;
    ck_assert(uuid_parse(text, &id));
    return id;
}

static void deliver(struct subscriber *subscriber, struct event *event)
{
    (void)subscriber, (void)event;
    t.delivered++;
}

static void set_up(void)
{
    memset(&t, 0, sizeof t);
    t.core.options = &t.options;
    t.core.archive = (struct archive *)(void *)&t; /* never looked into */
    t.core.accounts = accounts_new();
    static const char *const ids[] = {ALICE, BELLA}, *const jids[] = {"alice@here", "bella@here"};
    for (int i = 0; i < 2; i++) {
        struct account_row row = {
            .id = uuid_of(ids[i]), .jid = jids[i], .facts = "{}", .hosted = true};
        t.account[i] = account_ref(account_learn(t.core.accounts, &row));
        t.in_call[i] = -1;
    }
    static const char *const sessions[] = {FIRST, SECOND};
    for (int i = 0; i < 2; i++)
        t.socket[i] = (struct subscriber){.deliver = deliver,
                                          .session = uuid_of(sessions[i]),
                                          .grant.credential = uuid_of(TOKEN)};
    loop_start();
    calls_start(&t.core);
}

static void turn(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

static void tear_down(void)
{
    turn();
    calls_stop(&t.core);
    ck_assert_uint_eq(t.submitted.length, 0);
    call_set_peer(NULL);
    for (int i = 0; i < 2; i++) {
        g_clear_pointer(&t.account[i]->subscribers, g_ptr_array_unref);
        account_unref(t.account[i]);
    }
    accounts_free(t.core.accounts);
    loop_stop();
}

static void socket_open(int i)
{
    struct account *account = t.account[0];
    if (!account->subscribers)
        account->subscribers = g_ptr_array_new();
    g_ptr_array_add(account->subscribers, &t.socket[i]);
    call_subscriber_changed(&t.core, &t.socket[i], account, true);
    turn();
}

static void socket_close(int i)
{
    struct account *account = t.account[0];
    g_ptr_array_remove(account->subscribers, &t.socket[i]);
    if (account->subscribers->len == 0)
        g_clear_pointer(&account->subscribers, g_ptr_array_unref);
    call_subscriber_changed(&t.core, &t.socket[i], account, false);
    turn();
}

/* The row of Alice's call to Bella, who is on XMPP unless HOSTED. STEP made it; NULL: none. */
static json_t *row_new(const char *id, int version, const char *status, const char *step)
{
    bool open = strcmp(status, "ringing") == 0 || strcmp(status, "active") == 0;
    json_t *live =
        json_pack("{s:s?, s:{s:s, s:s, s:b}, s:{s:s, s:s}, s:[], s:{}, s:n, s:n}", "step", step,
                  "caller", "session", FIRST, "credential", TOKEN, "lost", 0, "callee", "session",
                  SECOND, "credential", OTHER_TOKEN, "held", "peer", "moving", "offered");
    if (strcmp(status, "ringing") == 0)
        json_object_del(live, "callee");
    if (!open) {
        json_decref(live);
        live = json_null();
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:i, s:o, s:I, s:{s:s, s:s, s:b}, "
                     "s:{s:s, s:s, s:b}}",
                     "id", id, "conversation_id", CONVERSATION, "sid", id, "call_type", "audio",
                     "status", status, "silent", 0, "version", version, "live", live, "due",
                     (json_int_t)0, "caller", "id", ALICE, "jid", "alice@here", "hosted", 1,
                     "callee", "id", BELLA, "jid", "bella@here", "hosted", 1);
}

static struct call *learn(json_t *row)
{
    struct call *call = call_learn(&t.core, row);
    json_decref(row);
    return call;
}

static const json_t *asked(const char *name)
{
    const struct submitted *first = g_queue_peek_head(&t.submitted);
    ck_assert_ptr_nonnull(first);
    return json_object_get(first->arguments, name);
}

static const char *asked_text(const char *name)
{
    return json_string_value(asked(name));
}

static const json_t *asked_live(const char *name)
{
    return json_object_get(asked("live"), name);
}

/* Answers the oldest step; ROW is taken. */
static void answer(enum write_outcome outcome, json_t *row)
{
    struct submitted *first = g_queue_pop_head(&t.submitted);
    ck_assert_ptr_nonnull(first);
    json_t *json = json_pack("{s:o}", "row", row);
    struct change_result result = {.outcome = outcome, .json = json};
    first->done(&result, first->data);
    json_decref(json);
    json_decref(first->arguments);
    g_free(first);
}

/* Writes the oldest step, as the database does. */
static void write_it(void)
{
    json_t *row =
        row_new(CALL, (int)json_integer_value(asked("version")) + 1, asked_text("status"), NULL);
    json_object_set_new(row, "live", json_deep_copy(asked("live")));
    answer(OUTCOME_DONE, row);
}

static void acted(struct call *call, const struct call_outcome *outcome, void *data)
{
    (void)call, (void)data;
    t.verdict = outcome->verdict;
    t.done++;
}

static struct call_actor alice(void)
{
    return (struct call_actor){uuid_of(ALICE), {uuid_of(FIRST), uuid_of(TOKEN)}};
}

static struct call_actor bella(void)
{
    return (struct call_actor){uuid_of(BELLA), {uuid_of(SECOND), uuid_of(OTHER_TOKEN)}};
}

static void act(enum call_event event, const struct call_actor *actor, json_t *signal)
{
    struct uuid id = uuid_of(CALL);
    struct call_deed deed = {.event = event, .actor = actor, .signal = signal};
    call_act(call_peek(&id), &deed, acted, NULL);
    json_decref(signal);
}

static json_t *offer(const char *sdp)
{
    return json_pack("{s:s, s:{s:s}}", "type", "offer", "data", "sdp", sdp);
}

static json_t *candidate(void)
{
    return json_pack("{s:s, s:{}}", "type", "candidate", "data");
}

/* ---- Tests ----------------------------------------------------------------------------------- */

START_TEST(user_is_found_when_another_call_of_theirs_goes)
{
    struct uuid user = uuid_of(ALICE);
    struct call *old = call_ref(learn(row_new(CALL, 1, "ringing", NULL)));
    struct call *new = learn(row_new(OTHER_CALL, 1, "ringing", NULL));
    call_forget(old);
    memset(&old->person[CALL_CALLER].id, 0, sizeof(struct uuid)); /* as when it is freed */
    ck_assert_ptr_eq(call_of_user(&user), new);
    call_unref(old);
}
END_TEST

START_TEST(presence_is_that_of_the_call_they_are_in)
{
    learn(row_new(CALL, 2, "active", STEP));
    ck_assert_int_eq(t.in_call[0], true);
    learn(row_new(OTHER_CALL, 1, "declined", NULL));
    ck_assert_int_eq(t.in_call[0], true);
    learn(row_new(CALL, 3, "ended", NULL));
    ck_assert_int_eq(t.in_call[0], false);
    json_t *silent = row_new(OTHER_CALL, 1, "missed", NULL);
    json_object_set_new(silent, "silent", json_true());
    t.in_call[1] = -1;
    learn(silent);
    ck_assert_int_eq(t.in_call[1], -1);
}
END_TEST

START_TEST(steps_behind_one_that_lost_are_decided_anew)
{
    struct call_actor by = alice();
    learn(row_new(CALL, 1, "active", NULL));
    act(CALL_OFFER, &by, offer("one"));
    act(CALL_OFFER, &by, offer("two"));
    ck_assert_uint_eq(t.submitted.length, 2);
    ck_assert(json_is_null(asked("after")));
    g_autofree char *step = g_strdup(json_string_value(asked_live("step")));
    const struct submitted *second = g_queue_peek_tail(&t.submitted);
    ck_assert_str_eq(json_string_value(json_object_get(second->arguments, "after")), step);

    answer(OUTCOME_CONFLICT, row_new(CALL, 2, "active", STEP)); /* of another instance */
    answer(OUTCOME_CONFLICT, row_new(CALL, 2, "active", STEP));
    ck_assert_uint_eq(t.submitted.length, 2);
    ck_assert_uint_eq(t.done, 0);
    ck_assert_int_eq(json_integer_value(asked("version")), 2);
    ck_assert_str_eq(asked_text("after"), STEP);
    ck_assert_str_eq(json_string_value(asked_live("offered")), "caller");
    write_it();
    ck_assert_int_eq(json_integer_value(asked("version")), 3);
    write_it();
    ck_assert_uint_eq(t.done, 2);
    ck_assert_int_eq(t.verdict, CALL_DONE);
}
END_TEST

START_TEST(call_that_is_over_stays_so)
{
    struct call_actor by = alice();
    learn(row_new(CALL, 2, "active", STEP));
    act(CALL_OFFER, &by, offer("one"));
    answer(OUTCOME_CONFLICT, row_new(CALL, 3, "ended", NULL));
    ck_assert_uint_eq(t.done, 1);
    ck_assert_int_eq(t.verdict, CALL_CONFLICT);
    struct uuid id = uuid_of(CALL);
    ck_assert_ptr_null(call_peek(&id));
}
END_TEST

START_TEST(late_timeout_does_not_end_what_was_accepted)
{
    learn(row_new(CALL, 1, "ringing", NULL));
    act(CALL_TIMEOUT, NULL, NULL);
    ck_assert_str_eq(asked_text("status"), "missed");
    answer(OUTCOME_CONFLICT, row_new(CALL, 2, "active", STEP));
    ck_assert_uint_eq(t.submitted.length, 0);
    ck_assert_int_eq(t.verdict, CALL_CONFLICT);
    struct uuid id = uuid_of(CALL);
    ck_assert_int_eq(call_peek(&id)->machine.state, CALL_ACTIVE);
}
END_TEST

START_TEST(held_offer_is_kept_when_another_step_was_faster)
{
    struct call_actor by = alice();
    learn(row_new(CALL, 1, "ringing", NULL));
    act(CALL_OFFER, &by, offer("one"));
    ck_assert_uint_eq(json_array_size(asked_live("held")), 1);
    answer(OUTCOME_CONFLICT, row_new(CALL, 2, "ringing", STEP));
    ck_assert_uint_eq(json_array_size(asked_live("held")), 1);
    ck_assert(json_is_true(asked_live("offer_held")));
    write_it();
    ck_assert_int_eq(t.verdict, CALL_DONE);
}
END_TEST

START_TEST(what_was_told_is_not_told_again)
{
    struct call_actor by = bella();
    json_t *row = row_new(CALL, 2, "active", STEP);
    json_object_set_new(json_object_get(row, "live"), "negotiated", json_true());
    socket_open(0);
    learn(row);
    act(CALL_OFFER, &by, offer("one"));
    ck_assert_uint_eq(t.delivered, 1);
    row = row_new(CALL, 3, "active", NULL);
    json_object_set_new(json_object_get(row, "live"), "negotiated", json_true());
    answer(OUTCOME_CONFLICT, row);
    ck_assert_str_eq(json_string_value(asked_live("offered")), "callee");
    write_it();
    ck_assert_uint_eq(t.delivered, 1);
}
END_TEST

static void caller_is(const char *session, bool lost)
{
    const json_t *caller = asked_live("caller");
    ck_assert_str_eq(json_string_value(json_object_get(caller, "session")), session);
    ck_assert_int_eq(json_is_true(json_object_get(caller, "lost")), lost);
}

START_TEST(callers_socket_may_be_another_one_while_it_rings)
{
    socket_open(0);
    learn(row_new(CALL, 1, "ringing", NULL));
    socket_close(0);
    caller_is(FIRST, true);
    write_it();
    socket_open(1);
    caller_is(SECOND, false);
    write_it();
}
END_TEST

START_TEST(socket_that_came_before_the_old_one_went_takes_over)
{
    socket_open(0);
    learn(row_new(CALL, 2, "active", STEP));
    socket_open(1);
    ck_assert_uint_eq(t.submitted.length, 0);
    socket_close(0);
    caller_is(SECOND, false);
    write_it();
    ck_assert_uint_eq(t.submitted.length, 0);
}
END_TEST

START_TEST(socket_that_came_before_the_call_was_read_takes_over)
{
    t.account[1]->subscribers = g_ptr_array_new(); /* Bella's, so that nobody misses her */
    struct subscriber hers = t.socket[1];
    hers.grant.credential = uuid_of(OTHER_TOKEN);
    g_ptr_array_add(t.account[1]->subscribers, &hers);
    socket_open(1);
    call_check_sides(learn(row_new(CALL, 2, "active", STEP)), NULL, NULL);
    caller_is(SECOND, false);
    write_it();
    ck_assert_uint_eq(t.submitted.length, 0);
}
END_TEST

static void found(struct call *call, enum error_code error, void *data)
{
    (void)data;
    ck_assert(call && error == ERROR_NONE);
    t.done++;
}

static void others_say(enum ask_result result)
{
    g_autofree struct asked *asked = g_queue_pop_head(&t.asking);
    ck_assert_ptr_nonnull(asked);
    asked->done(&t.core, result, asked->data);
}

START_TEST(socket_is_lost_only_when_no_other_instance_has_it)
{
    t.others = true;
    call_check_sides(learn(row_new(CALL, 2, "active", STEP)), found, NULL);
    ck_assert_uint_eq(t.asking.length, 2);
    others_say(ASK_YES);
    ck_assert_uint_eq(t.done, 0); /* one has not been told of */
    others_say(ASK_YES);
    ck_assert_uint_eq(t.done, 1);
    ck_assert_uint_eq(t.submitted.length, 0);
    struct uuid id = uuid_of(CALL);
    call_check_sides(call_peek(&id), found, NULL);
    others_say(ASK_NO);
    others_say(ASK_YES);
    ck_assert_uint_eq(t.done, 2);
    caller_is(FIRST, true);
    write_it();
    ck_assert_uint_eq(t.submitted.length, 0);
}
END_TEST

START_TEST(socket_here_is_found_when_another_instance_lost_its)
{
    json_t *row = row_new(CALL, 3, "active", STEP);
    json_object_set_new(json_object_get(json_object_get(row, "live"), "caller"), "lost",
                        json_true());
    socket_open(1);
    t.heard(&t.core, row, NULL);
    json_decref(row);
    caller_is(SECOND, false);
    write_it();
}
END_TEST

START_TEST(loss_is_noted_on_the_row_that_is_there)
{
    socket_open(0);
    learn(row_new(CALL, 2, "active", NULL));
    socket_close(0);
    answer(OUTCOME_CONFLICT, row_new(CALL, 3, "active", STEP));
    caller_is(FIRST, true);
    ck_assert_str_eq(asked_text("after"), STEP);
    write_it();
}
END_TEST

START_TEST(between_offer_and_answer_only_the_row_is_written)
{
    struct call_actor a = alice(), b = bella();
    struct subscriber hers = t.socket[1];
    hers.grant.credential = uuid_of(OTHER_TOKEN);
    socket_open(0);
    t.account[1]->subscribers = g_ptr_array_new();
    g_ptr_array_add(t.account[1]->subscribers, &hers);
    learn(row_new(CALL, 2, "active", STEP));
    act(CALL_OFFER, &a, offer("offered"));
    for (unsigned i = 0; i < 20; i++) {
        act(CALL_CANDIDATE, &a, candidate());
        act(CALL_CANDIDATE, &b, candidate());
    }
    act(CALL_ANSWER, &b, offer("answered"));
    ck_assert_uint_eq(t.delivered, 42); /* before anything is written */
    ck_assert_uint_eq(fake_questions(), 0);
    ck_assert_uint_eq(fake_writes(), 0);
    ck_assert_uint_eq(t.submitted.length, 2);
    ck_assert_str_eq(asked_text("event"), "offer");
    write_it();
    ck_assert_str_eq(asked_text("event"), "answer");
    write_it();
    ck_assert_uint_eq(t.submitted.length + fake_questions(), 0);
}
END_TEST

/* ---- A peer on XMPP -------------------------------------------------------------------------- */

static void peer_told(struct call *call, const struct call_deed *deed,
                      const struct call_machine *before)
{
    (void)before;
    t.told++;
    t.told_final += call_is_final(call->machine.state);
    if (deed->event == CALL_OFFER)
        json_object_set_new(call->session, "local", json_string("offered"));
}

static void peer_refuses(struct call *call, const struct call_deed *deed,
                         const struct call_machine *before)
{
    static const struct call_deed fail = {.event = CALL_FAIL};
    (void)before;
    t.told++;
    t.told_final += call_is_final(call->machine.state);
    if (deed->event == CALL_OFFER)
        call_act(call, &fail, NULL, NULL);
}

/* Bella, on XMPP, accepts a call with an early offer and two candidates. */
static void accept_early(const struct call_peer *peer)
{
    json_t *row = row_new(CALL, 1, "ringing", NULL);
    json_object_set_new(json_object_get(row, "callee"), "hosted", json_false());
    json_object_set_new(json_object_get(row, "live"), "offer_held", json_true());
    json_object_set_new(json_object_get(row, "live"), "held",
                        json_pack("[o, o, o]", offer("one"), candidate(), candidate()));
    struct call_actor by = bella();
    call_set_peer(peer);
    struct call *call = learn(row);
    struct call_deed deed = {.event = CALL_ACCEPT, .actor = &by, .address = "bella@there/phone"};
    call_act(call, &deed, acted, NULL);
}

static json_t *row_of_peer(int version, const char *status, const char *step)
{
    json_t *row = row_new(CALL, version, status, step);
    json_object_set_new(json_object_get(row, "callee"), "hosted", json_false());
    return row;
}

START_TEST(early_offer_is_remembered)
{
    static const struct call_peer peer = {.told = peer_told};
    accept_early(&peer);
    write_it();
    ck_assert_str_eq(json_string_value(json_object_get(asked_live("peer"), "local")), "offered");
    ck_assert_uint_eq(json_array_size(asked_live("held")), 0);
    answer(OUTCOME_CONFLICT, row_of_peer(3, "active", STEP));
    ck_assert_str_eq(json_string_value(json_object_get(asked_live("peer"), "local")), "offered");
    write_it();
}
END_TEST

START_TEST(peers_address_is_kept_when_another_step_was_faster)
{
    static const struct call_peer peer = {.told = peer_told};
    accept_early(&peer);
    answer(OUTCOME_CONFLICT, row_of_peer(2, "ringing", STEP));
    ck_assert_str_eq(json_string_value(json_object_get(asked_live("peer"), "full")),
                     "bella@there/phone");
    write_it();
}
END_TEST

START_TEST(early_offer_that_cannot_be_used_ends_it_once)
{
    static const struct call_peer peer = {.told = peer_refuses};
    accept_early(&peer);
    write_it();
    ck_assert_uint_eq(t.told, 1);
    ck_assert_str_eq(asked_text("status"), "failed");
    write_it();
    ck_assert_uint_eq(t.told, 2);
    ck_assert_uint_eq(t.told_final, 1);
}
END_TEST

START_TEST(what_is_done_while_a_step_is_told_comes_after_it)
{
    static const struct call_peer peer = {.told = peer_refuses};
    struct call_actor by = alice();
    call_set_peer(&peer);
    learn(row_of_peer(2, "active", STEP));
    act(CALL_OFFER, &by, offer("one"));
    turn();
    ck_assert_str_eq(asked_text("status"), "active");
    g_autofree char *step = g_strdup(json_string_value(asked_live("step")));
    write_it();
    ck_assert_str_eq(asked_text("status"), "failed");
    ck_assert_str_eq(asked_text("after"), step);
    write_it();
    ck_assert_uint_eq(t.told_final, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        user_is_found_when_another_call_of_theirs_goes,
        presence_is_that_of_the_call_they_are_in,
        steps_behind_one_that_lost_are_decided_anew,
        call_that_is_over_stays_so,
        late_timeout_does_not_end_what_was_accepted,
        held_offer_is_kept_when_another_step_was_faster,
        what_was_told_is_not_told_again,
        callers_socket_may_be_another_one_while_it_rings,
        socket_that_came_before_the_old_one_went_takes_over,
        socket_that_came_before_the_call_was_read_takes_over,
        socket_is_lost_only_when_no_other_instance_has_it,
        between_offer_and_answer_only_the_row_is_written,
        socket_here_is_found_when_another_instance_lost_its,
        loss_is_noted_on_the_row_that_is_there,
        early_offer_is_remembered,
        peers_address_is_kept_when_another_step_was_faster,
        early_offer_that_cannot_be_used_ends_it_once,
        what_is_done_while_a_step_is_told_comes_after_it,
    };
    Suite *suite = suite_create("call_act");
    TCase *tcase = tcase_create("call_act");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
