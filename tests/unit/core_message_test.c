/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sending, arriving, marking: who is answered what, and who hears of it, once. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/change.h"
#include "bridge/core/mark.h"
#include "bridge/core/event.h"
#include "bridge/core/message.h"
#include "bridge/core/outbox.h"
#include "bridge/core/part.h"
#include "bridge/core/request.h"
#include "bridge/loop/loop.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

static struct core core;
static struct options *options;
static struct account *alice, *bob;
static struct uuid conversation;

struct listener {
    struct subscriber subscriber;
    GPtrArray *heard;             /* "type payload" */
    struct event_parties parties; /* of the last one */
};
static struct listener at_alice[2], at_bob;

static struct {
    unsigned count;
    unsigned status; /* of the last answer */
    char *text;
} answers;

static void deliver(struct subscriber *subscriber, struct event *event)
{
    struct listener *listener = (struct listener *)(void *)subscriber;
    g_ptr_array_add(listener->heard,
                    g_strconcat(event_type_name(event->type), " ", event->payload, NULL));
    listener->parties = event->parties;
}

static void answered(unsigned status, struct buffer *json)
{
    size_t length;
    answers.count++;
    answers.status = status;
    g_free(answers.text);
    answers.text = buffer_take(json, &length);
}

static void on_reply(struct request *request, unsigned status, struct buffer *json)
{
    answered(status, json);
    g_free(request);
}

static void on_fail(struct request *request, enum error_code code, struct buffer *problem)
{
    answered((unsigned)error_info(code)->http_status, problem);
    g_free(request);
}

static const struct request_transport transport = {.reply = on_reply, .fail = on_fail};

static struct request *request_new(void)
{
    struct request *request = g_new0(struct request, 1);
    request->transport = &transport;
    request->core = &core;
    request->account = alice;
    return request;
}

static struct account *learn(const char *name)
{
    g_autofree char *jid = g_strconcat(name, "@app.example.org", NULL);
    g_autofree char *json = g_strdup_printf("{\"username\":\"%s\"}", name);
    struct account_row row = {.jid = jid, .name = name, .facts = json, .hosted = true};
    uuid_generate(&row.id);
    return account_learn(core.accounts, &row);
}

static void listen_to(struct listener *listener, struct account *account)
{
    listener->subscriber.deliver = deliver;
    listener->heard = g_ptr_array_new_with_free_func(g_free);
    subscriber_add(&core, &listener->subscriber, account);
}

static void leave(struct listener *listener)
{
    subscriber_remove(&core, &listener->subscriber);
    g_clear_pointer(&listener->heard, g_ptr_array_unref);
}

static void start(void)
{
    memset(&core, 0, sizeof core);
    memset(&answers, 0, sizeof answers);
    loop_start();
    core.archive = (void *)&core; /* the fake one does not look at it */
    core.options = options = options_new();
    core.accounts = accounts_new();
    deliveries_init(&core);
    core.outbox = outbox_new(&core);
    uuid_generate(&conversation);
    alice = learn("alice");
    bob = learn("bob");
    listen_to(&at_alice[0], alice);
    listen_to(&at_alice[1], alice);
    listen_to(&at_bob, bob);
}

static void stop(void)
{
    core.archive = NULL;
    loop_stop();
    fake_clear();
    leave(&at_alice[0]);
    leave(&at_alice[1]);
    leave(&at_bob);
    outbox_free(core.outbox);
    deliveries_clear(&core);
    accounts_free(core.accounts);
    options_free(options);
    g_clear_pointer(&answers.text, g_free);
}

static struct message_write *send_message(const char *text, const char *client_id)
{
    struct message_draft draft = {
        .conversation = &conversation, .content = text, .client_id = client_id};
    message_send(request_new(), &draft);
    struct message_write *write = (struct message_write *)(void *)fake_take_write();
    ck_assert_ptr_nonnull(write);
    ck_assert_int_eq(write->write.kind, WRITE_MESSAGE);
    return write;
}

/* The change that waits to be written, or NULL. Delivered marks, which a timer may have put
 * between, are refused. */
static struct change_write *take_change(void)
{
    struct write *write;
    while ((write = fake_take_write()) && write->kind != WRITE_CHANGE)
        fake_refuse(write, ERROR_UNAVAILABLE);
    return (struct change_write *)(void *)write;
}

/* Alice and bob, as a write yields them. */
static GArray *members_new(void)
{
    const struct member members[] = {{alice->id, 4}, {bob->id, 5}};
    GArray *array = g_array_new(FALSE, FALSE, sizeof(struct member));
    return g_array_append_vals(array, members, G_N_ELEMENTS(members));
}

static void store(struct message_write *write, gint64 position)
{
    write->write.position = position;
    write->seq = 1;
    write->members = members_new();
    write->direct = true;
    fake_settle(&write->write, OUTCOME_DONE);
}

START_TEST(every_socket_of_every_member_hears_once)
{
    start();
    struct message_write *write = send_message("hello", "c1");
    ck_assert_uint_eq(answers.count, 0); /* nothing before the commit */
    ck_assert_uint_eq(at_bob.heard->len, 0);
    store(write, 7);
    ck_assert_uint_eq(answers.count, 1);
    ck_assert_uint_eq(answers.status, 201);
    ck_assert_uint_eq(at_alice[0].heard->len, 1); /* the sender's own sockets, too */
    ck_assert_uint_eq(at_alice[1].heard->len, 1);
    ck_assert_uint_eq(at_bob.heard->len, 1);
    const char *heard = g_ptr_array_index(at_bob.heard, 0);
    ck_assert(g_str_has_prefix(heard, "message.new {"));
    ck_assert_str_eq(heard + strlen("message.new "), answers.text);
    ck_assert_ptr_nonnull(strstr(answers.text, "\"client_id\":\"c1\""));
    ck_assert_ptr_nonnull(strstr(answers.text, "\"username\":\"alice\""));
    ck_assert_int_eq(core.position, 7);
    stop();
}
END_TEST

START_TEST(brief_answer_has_whole_numbers)
{
    start();
    struct message_draft draft = {
        .conversation = &conversation, .content = "hello", .client_id = "temp-1", .brief = true};
    message_send(request_new(), &draft);
    struct message_write *write = (struct message_write *)(void *)fake_take_write();
    store(write, 9);
    static const char wanted[] =
        "{\"id\":9,\"content\":\"hello\",\"sender_id\":4,\"receiver_id\":5,"
        "\"created_at\":\"";
    ck_assert(g_str_has_prefix(answers.text, wanted));
    ck_assert_ptr_nonnull(
        strstr(answers.text, "\"is_read\":false,\"client_id\":\"temp-1\",\"uuid\":\""));
    /* What sockets hear is the Message object all the same. */
    ck_assert_ptr_nonnull(strstr(g_ptr_array_index(at_bob.heard, 0), "\"sender_id\":\""));
    stop();
}
END_TEST

START_TEST(message_that_brings_a_conversation_back_is_followed_by_a_change)
{
    start();
    struct message_write *write = send_message("hello", "c1");
    write->awaited = true;
    struct message_write *second = send_message("hello", "c3"); /* of the same batch */
    second->awaited = true;
    store(write, 6);
    store(second, 7);
    ck_assert_uint_eq(at_bob.heard->len, 2);
    g_main_context_iteration(NULL, FALSE);
    struct change_write *change = take_change();
    ck_assert_ptr_nonnull(change);
    ck_assert_str_eq(change->name, "conversation_appear");
    char id[UUID_TEXT_SIZE];
    uuid_format(&conversation, id);
    g_autofree char *both = g_strdup_printf("{\"conversation_ids\":[\"%s\",\"%s\"]}", id, id);
    ck_assert_str_eq(change->arguments, both);
    ck_assert_ptr_null(take_change()); /* one change for both */
    change->write.position = 8;
    change->events = g_strdup_printf("[{\"position\":8,\"type\":\"conversation.new\",\"at\":0,"
                                     "\"payload\":{},\"users\":[\"%s\"]}]",
                                     bob->id_text);
    fake_settle(&change->write, OUTCOME_DONE);
    ck_assert(g_str_has_prefix(g_ptr_array_index(at_bob.heard, 2), "conversation.new {"));
    ck_assert_uint_eq(at_alice[0].heard->len, 2);
    store(send_message("hello", "c2"), 9);
    g_main_context_iteration(NULL, FALSE);
    ck_assert_ptr_null(take_change());
    stop();
}
END_TEST

START_TEST(repetition_is_answered_and_not_told_again)
{
    start();
    struct message_write *write = send_message("hello", "c1");
    fake_settle(&write->write, OUTCOME_REPEATED);
    ck_assert_uint_eq(answers.status, 200);
    ck_assert_uint_eq(at_bob.heard->len, 0);
    stop();
}
END_TEST

START_TEST(refusals_have_their_codes)
{
    start();
    fake_settle(&send_message("x", "c")->write, OUTCOME_UNPROCESSABLE);
    ck_assert_uint_eq(answers.status, 422);
    ck_assert_ptr_nonnull(strstr(answers.text, "/client_id"));
    fake_settle(&send_message("x", NULL)->write, OUTCOME_NOT_FOUND);
    ck_assert_uint_eq(answers.status, 404);
    fake_refuse(&send_message("x", NULL)->write, ERROR_UNAVAILABLE);
    ck_assert_uint_eq(answers.status, 503);
    ck_assert_ptr_null(strstr(answers.text, "not known"));
    struct message_write *lost = send_message("x", NULL);
    lost->write.uncertain = true;
    fake_refuse(&lost->write, ERROR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(answers.text, "not known"));
    ck_assert_uint_eq(answers.count, 4);
    ck_assert_uint_eq(at_bob.heard->len, 0);
    stop();
}
END_TEST

static gint64 left_of_strangers(void)
{
    struct limit_state state;
    limiter_look(core.limiter, &alice->id, LIMIT_STRANGERS, &state);
    return state.remaining;
}

START_TEST(messages_to_strangers_are_counted_alone)
{
    start();
    g_free(options->limits_strangers);
    options->limits_strangers = g_strdup("2/3600");
    core.limiter = limiter_new(options);
    struct message_write *write = send_message("to a friend", NULL);
    ck_assert_int_eq(left_of_strangers(), 1); /* it might be one */
    store(write, 1);
    ck_assert_int_eq(left_of_strangers(), 2);
    fake_settle(&send_message("x", NULL)->write, OUTCOME_REFUSED);
    fake_refuse(&send_message("x", NULL)->write, ERROR_UNAVAILABLE);
    ck_assert_int_eq(left_of_strangers(), 2);
    for (int i = 0; i < 2; i++) {
        write = send_message("to a stranger", NULL);
        ck_assert(!write->limited);
        write->unanswered = true;
        store(write, 2 + i);
    }
    ck_assert_int_eq(left_of_strangers(), 0);
    write = send_message("to a friend", NULL);
    ck_assert(write->limited);
    store(write, 4);
    ck_assert_uint_eq(answers.status, 201);
    fake_settle(&send_message("to a stranger", NULL)->write, OUTCOME_STRANGERS);
    ck_assert_uint_eq(answers.status, 429);
    ck_assert_ptr_nonnull(strstr(answers.text, "strangers"));
    ck_assert_int_eq(left_of_strangers(), 0);
    g_clear_pointer(&core.limiter, limiter_free);
    stop();
}
END_TEST

START_TEST(held_message_is_told_to_the_sender_alone)
{
    start();
    struct message_write *write = send_message("hello", "c1");
    write->unaccepted = true;
    store(write, 7);
    ck_assert_uint_eq(answers.status, 201);
    ck_assert_uint_eq(at_alice[0].heard->len, 1);
    ck_assert_uint_eq(at_bob.heard->len, 0);
    ck_assert_int_eq(core.position, 7);
    stop();
}
END_TEST

START_TEST(closed_profile_is_told_to_the_sender_alone)
{
    start();
    struct message_write *write = send_message("hello", "c1");
    write->shown_facts = fake_user("closed@app.example.org");
    write->closed_to = g_array_new(FALSE, FALSE, sizeof(struct uuid));
    g_array_append_val(write->closed_to, bob->id);
    store(write, 7);
    ck_assert_ptr_nonnull(strstr(answers.text, "\"username\":\"alice\""));
    ck_assert_uint_eq(at_alice[0].heard->len, 1);
    ck_assert_uint_eq(at_alice[1].heard->len, 1);
    ck_assert_uint_eq(at_bob.heard->len, 1);
    ck_assert_ptr_nonnull(strstr(g_ptr_array_index(at_alice[1].heard, 0), "\"alice\""));
    ck_assert_ptr_nonnull(
        strstr(g_ptr_array_index(at_bob.heard, 0), "\"jid\":\"closed@app.example.org\""));
    ck_assert_ptr_null(strstr(g_ptr_array_index(at_bob.heard, 0), "alice"));
    ck_assert_int_eq(core.position, 7);
    stop();
}
END_TEST

START_TEST(blocks_have_their_codes)
{
    start();
    fake_settle(&send_message("x", NULL)->write, OUTCOME_REFUSED);
    ck_assert_uint_eq(answers.status, 403);
    ck_assert_ptr_nonnull(strstr(answers.text, "\"refused\""));
    fake_settle(&send_message("x", NULL)->write, OUTCOME_CONFLICT);
    ck_assert_uint_eq(answers.status, 409);
    ck_assert_uint_eq(at_bob.heard->len, 0);
    stop();
}
END_TEST

START_TEST(quiet_mark_is_told_to_the_reader_alone)
{
    start();
    message_read(request_new(), &conversation, NULL);
    struct mark_write *mark = (struct mark_write *)(void *)fake_take_write();
    mark->members = members_new();
    fake_settle(&mark->write, OUTCOME_DONE);
    ck_assert_uint_eq(answers.status, 200);
    ck_assert_uint_eq(at_alice[0].heard->len, 1);
    ck_assert_uint_eq(at_bob.heard->len, 0);
    stop();
}
END_TEST

START_TEST(late_write_is_answered_once_and_still_told)
{
    start();
    struct message_write *write = send_message("x", "c");
    write->write.late(&write->write);
    ck_assert_uint_eq(answers.status, 503);
    store(write, 3);
    ck_assert_uint_eq(answers.count, 1);
    ck_assert_uint_eq(at_bob.heard->len, 1);
    struct message_write *other = send_message("x", "d");
    other->write.late(&other->write);
    fake_refuse(&other->write, ERROR_UNAVAILABLE);
    ck_assert_uint_eq(answers.count, 2);
    stop();
}
END_TEST

START_TEST(keys_are_per_sender_and_per_id)
{
    start();
    struct message_write *one = send_message("x", "c"), *same = send_message("y", "c"),
                         *other = send_message("x", "d"), *none = send_message("x", NULL);
    ck_assert(uuid_equal(&one->dedupe, &same->dedupe));
    ck_assert(!uuid_equal(&one->dedupe, &other->dedupe));
    ck_assert(uuid_equal(&none->dedupe, &none->id));
    struct request *request = request_new();
    request->account = bob;
    struct message_draft draft = {.conversation = &conversation, .content = "x", .client_id = "c"};
    message_send(request, &draft);
    struct message_write *bobs = (struct message_write *)(void *)fake_take_write();
    ck_assert(!uuid_equal(&one->dedupe, &bobs->dedupe));
    struct message_write *all[] = {one, same, other, none, bobs};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        fake_refuse(&all[i]->write, ERROR_UNAVAILABLE);
    stop();
}
END_TEST

static enum error_code arrival_error;

static void arrival_done(enum error_code error, void *data)
{
    (*(unsigned *)data)++;
    arrival_error = error;
}

static struct message_write *arrive(unsigned *calls, const char *body, const char *origin)
{
    struct message_arrival arrival = {.from = "romeo@example.org",
                                      .to = alice->jid,
                                      .address = "romeo@example.org/phone",
                                      .body = body,
                                      .foreign_id = "f1",
                                      .origin_id = origin,
                                      .stanza = "<message/>",
                                      .receipt = true};
    message_arrived(&core, &arrival, arrival_done, calls);
    return (struct message_write *)(void *)fake_take_write();
}

/* As arrive(), from RESOURCE and with an id of its own; NULL: none. */
static struct message_write *arrive_as(const char *resource, const char *id, const char *origin)
{
    g_autofree char *address = g_strconcat("romeo@example.org/", resource, NULL);
    struct message_arrival arrival = {.from = "romeo@example.org",
                                      .to = alice->jid,
                                      .address = address,
                                      .body = "hello",
                                      .foreign_id = id,
                                      .origin_id = origin,
                                      .stanza = "<message/>"};
    message_arrived(&core, &arrival, NULL, NULL);
    struct message_write *write = (struct message_write *)(void *)fake_take_write();
    ck_assert_ptr_nonnull(write);
    return write;
}

static bool is_repetition(struct message_write *write, const struct message_write *first)
{
    bool same =
        uuid_equal(&write->dedupe, &first->dedupe) || uuid_equal(&write->earlier, &first->dedupe);
    fake_refuse(&write->write, ERROR_UNAVAILABLE);
    return same;
}

START_TEST(repetitions_by_id_end_with_the_resource_and_after_a_while)
{
    start();
    struct message_write *first = arrive_as("phone", "counted-1", NULL);
    ck_assert(is_repetition(arrive_as("phone", "counted-1", NULL), first));
    ck_assert(!is_repetition(arrive_as("laptop", "counted-1", NULL), first));
    ck_assert(!is_repetition(arrive_as("phone", "counted-2", NULL), first));
    clock_advance(590 * G_USEC_PER_SEC);
    ck_assert(is_repetition(arrive_as("phone", "counted-1", NULL), first));
    clock_advance((gint64)3600 * G_USEC_PER_SEC);
    ck_assert(!is_repetition(arrive_as("phone", "counted-1", NULL), first));
    struct message_write *named = arrive_as("phone", "x", "an-origin-id");
    clock_advance((gint64)30 * 3600 * G_USEC_PER_SEC);
    ck_assert(is_repetition(arrive_as("laptop", "y", "an-origin-id"), named));
    struct message_write *counted = arrive_as("phone", "17", "17");
    ck_assert(!is_repetition(arrive_as("phone", "17", "17"), counted));
    fake_refuse(&first->write, ERROR_UNAVAILABLE);
    fake_refuse(&named->write, ERROR_UNAVAILABLE);
    fake_refuse(&counted->write, ERROR_UNAVAILABLE);
    stop();
}
END_TEST

/* A message with an event behind it, and nothing after. */
static void write_behind(const char *text, gint64 position)
{
    struct message_write *write = send_message(text, NULL);
    write->events =
        g_strdup_printf("[{\"position\":%" G_GINT64_FORMAT ",\"type\":\"conversation.new\","
                        "\"at\":0,\"payload\":{},\"users\":[\"%s\"]}]",
                        position + 1, bob->id_text);
    store(write, position);
}

START_TEST(arrival_is_told_and_its_receipt_queued)
{
    start();
    unsigned calls = 0;
    struct message_write *write = arrive(&calls, "hi", "o1");
    ck_assert_int_eq(write->write.kind, WRITE_RECEIVE);
    ck_assert(write->receipt);
    write->sender_facts = fake_user("romeo@example.org");
    uuid_generate(&write->sender);
    store(write, 9);
    ck_assert_uint_eq(calls, 1);
    ck_assert_int_eq(arrival_error, ERROR_NONE);
    ck_assert_uint_eq(at_alice[0].heard->len, 1);
    ck_assert_ptr_nonnull(strstr(g_ptr_array_index(at_alice[0].heard, 0), "romeo@example.org"));
    stop();
}
END_TEST

/* A batch of sent messages and one of arrivals are on their way together: what the first batch
 * added besides its two messages lies before the arrival. */
START_TEST(what_a_message_brings_with_it_keeps_its_place_in_the_log)
{
    start();
    unsigned calls = 0;
    struct message_write *first = send_message("one", NULL);
    struct message_write *second = send_message("two", NULL);
    struct message_write *arrival = arrive(&calls, "three", NULL);
    first->events = g_strdup_printf(
        "[{\"position\":9,\"type\":\"conversation.new\",\"at\":0,\"payload\":{},\"users\":[\"%s\"]}"
        ","
        "{\"position\":10,\"type\":\"request.new\",\"at\":0,\"payload\":{},\"users\":[\"%s\"]}]",
        bob->id_text, bob->id_text);
    arrival->sender_facts = fake_user("romeo@example.org");
    arrival->sender = alice->id;
    store(first, 7);
    store(second, 8);
    ck_assert_uint_eq(at_bob.heard->len, 2);
    store(arrival, 11);
    ck_assert_uint_eq(at_bob.heard->len, 5);
    static const char *const order[] = {"message.new", "message.new", "conversation.new",
                                        "request.new", "message.new"};
    for (guint i = 0; i < at_bob.heard->len; i++)
        ck_assert(g_str_has_prefix(g_ptr_array_index(at_bob.heard, i), order[i]));
    write_behind("four", 12);
    ck_assert_uint_eq(at_bob.heard->len, 6);
    loop_stop(); /* turns once more */
    ck_assert_uint_eq(at_bob.heard->len, 7);
    stop();
}
END_TEST

/* Who stored it may have died before it said what follows. */
START_TEST(repetition_brings_the_conversation_into_the_list_all_the_same)
{
    start();
    struct message_write *write = send_message("hello", "c1");
    write->awaited = true;
    fake_settle(&write->write, OUTCOME_REPEATED);
    unsigned calls = 0;
    struct message_write *arrival = arrive(&calls, "hi", "o1");
    arrival->awaited = true;
    fake_settle(&arrival->write, OUTCOME_REPEATED);
    g_main_context_iteration(NULL, FALSE);
    struct change_write *change = take_change();
    ck_assert_ptr_nonnull(change);
    ck_assert_str_eq(change->name, "conversation_appear");
    ck_assert_uint_eq(strlen(change->arguments), strlen("{'conversation_ids':['','']}") + 2 * 36);
    fake_settle(&change->write, OUTCOME_DONE);
    ck_assert_uint_eq(at_bob.heard->len, 0);
    stop();
}
END_TEST

static gint64 grown;

static void note_growth(struct core *grower, gint64 newest)
{
    (void)grower;
    grown = newest;
}

static const struct part growth = {.name = "growth", .outbox_grew = note_growth};

static void change_with(const char *events, const char *follows)
{
    change_submit(&core, "react", &alice->id, NULL, NULL, NULL);
    struct change_write *change = take_change();
    ck_assert_ptr_nonnull(change);
    change->write.position = core.position + 1;
    change->events = g_strdup(events);
    change->follows = g_strdup(follows);
    fake_settle(&change->write, OUTCOME_DONE);
}

START_TEST(other_instances_are_told_what_a_change_puts_into_the_outbox)
{
    static const struct event_router router = {0};
    start();
    part_add(&core, &growth, NULL);
    grown = 0;
    change_with(NULL, "{\"outbox\":7}");
    ck_assert_int_eq(grown, 0); /* there are none */
    core.router = &router;
    change_with(NULL, "{}");
    ck_assert_int_eq(grown, 0);
    change_with(NULL, "{\"outbox\":9}");
    core.router = NULL;
    ck_assert_int_eq(grown, 9);
    part_remove(&core, &growth);
    stop();
}
END_TEST

START_TEST(what_a_change_tells_names_the_parties)
{
    start();
    g_autofree char *events =
        g_strdup_printf("[{\"position\":1,\"type\":\"message.reaction\",\"at\":0,\"payload\":{},"
                        "\"actor\":4,\"peer\":5,\"many\":false,\"users\":[\"%s\"]},"
                        "{\"position\":1,\"type\":\"message.reaction\",\"at\":0,\"payload\":{},"
                        "\"actor\":4,\"peer\":null,\"many\":true,\"users\":[\"%s\"]}]",
                        bob->id_text, alice->id_text);
    change_with(events, NULL);
    const struct event_parties *two = &at_bob.parties, *many = &at_alice[0].parties;
    ck_assert_uint_eq(at_bob.heard->len, 1);
    ck_assert_uint_eq(at_alice[0].heard->len, 1);
    ck_assert(two->actor_number == 4 && two->peer_number == 5 && !two->many);
    ck_assert(many->actor_number == 4 && many->peer_number == 0 && many->many);
    stop();
}
END_TEST

START_TEST(arrival_that_was_not_stored_is_an_error)
{
    start();
    unsigned calls = 0;
    fake_settle(&arrive(&calls, "hi", "o1")->write, OUTCOME_NOT_FOUND);
    ck_assert_int_eq(arrival_error, ERROR_NOT_FOUND);
    fake_settle(&arrive(&calls, "other text", "o1")->write, OUTCOME_UNPROCESSABLE);
    ck_assert_int_eq(arrival_error, ERROR_UNPROCESSABLE);
    fake_refuse(&arrive(&calls, "hi", "o1")->write, ERROR_UNAVAILABLE);
    ck_assert_int_eq(arrival_error, ERROR_UNAVAILABLE);
    ck_assert_uint_eq(calls, 3);
    ck_assert_uint_eq(at_alice[0].heard->len, 0);
    stop();
}
END_TEST

START_TEST(deliveries_are_gathered_into_the_newest)
{
    start();
    struct uuid messages[3];
    for (size_t i = 0; i < 3; i++) {
        uuid_generate(&messages[i]);
        delivery_note(&core, &conversation, &bob->id, &messages[i]);
    }
    delivery_note(&core, &conversation, &alice->id, &messages[0]);
    ck_assert_uint_eq(fake_writes(), 0);
    while (fake_writes() == 0)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_uint_eq(fake_writes(), 2);
    for (int i = 0; i < 2; i++) {
        struct mark_write *mark = (struct mark_write *)(void *)fake_take_write();
        bool of_bob = uuid_equal(&mark->user, &bob->id);
        ck_assert(!mark->read);
        ck_assert(uuid_equal(&mark->message, &messages[of_bob ? 2 : 0]));
        mark->members = members_new();
        mark->tells = true;
        fake_settle(&mark->write, OUTCOME_DONE);
    }
    /* Each hears of the other's, not of what they were handed themselves. */
    ck_assert_uint_eq(at_bob.heard->len, 1);
    stop();
}
END_TEST

START_TEST(reading_is_answered_and_told)
{
    start();
    message_read(request_new(), &conversation, NULL);
    struct mark_write *mark = (struct mark_write *)(void *)fake_take_write();
    ck_assert(mark->read && uuid_is_nil(&mark->message));
    mark->members = members_new();
    mark->seq = 12;
    mark->unread = 3;
    mark->tells = true;
    fake_settle(&mark->write, OUTCOME_DONE);
    ck_assert_uint_eq(answers.status, 200);
    ck_assert_ptr_nonnull(strstr(answers.text, "\"last_read_seq\":12,\"unread_count\":3"));
    ck_assert_uint_eq(at_bob.heard->len, 1);
    ck_assert(g_str_has_prefix(g_ptr_array_index(at_bob.heard, 0), "message.read "));
    message_read(request_new(), &conversation, NULL);
    fake_settle(fake_take_write(), OUTCOME_REPEATED);
    ck_assert_uint_eq(answers.count, 2);
    ck_assert_uint_eq(at_bob.heard->len, 1);
    message_read(request_new(), &conversation, NULL);
    struct write *late = fake_take_write();
    late->late(late);
    ck_assert_uint_eq(answers.status, 503);
    fake_settle(late, OUTCOME_NOT_FOUND);
    ck_assert_uint_eq(answers.count, 3);
    stop();
}
END_TEST

START_TEST(bounce_is_told_to_the_sender_once)
{
    start();
    struct uuid id;
    uuid_generate(&id);
    for (int i = 0; i < 2; i++) {
        message_failed(&core, "romeo@example.org", &id, "item-not-found");
        struct failure_write *failure = (struct failure_write *)(void *)fake_take_write();
        failure->sender = alice->id;
        fake_settle(&failure->write, i == 0 ? OUTCOME_DONE : OUTCOME_REPEATED);
    }
    ck_assert_uint_eq(at_alice[0].heard->len, 1);
    ck_assert_uint_eq(at_bob.heard->len, 0);
    ck_assert_ptr_nonnull(
        strstr(g_ptr_array_index(at_alice[0].heard, 0), "\"xmpp_condition\":\"item-not-found\""));
    stop();
}
END_TEST

UNIT_MAIN("core_message", messages_to_strangers_are_counted_alone, brief_answer_has_whole_numbers,
          message_that_brings_a_conversation_back_is_followed_by_a_change,
          every_socket_of_every_member_hears_once, repetition_is_answered_and_not_told_again,
          repetition_brings_the_conversation_into_the_list_all_the_same,
          other_instances_are_told_what_a_change_puts_into_the_outbox,
          what_a_change_tells_names_the_parties, refusals_have_their_codes,
          held_message_is_told_to_the_sender_alone, closed_profile_is_told_to_the_sender_alone,
          blocks_have_their_codes, quiet_mark_is_told_to_the_reader_alone,
          late_write_is_answered_once_and_still_told, keys_are_per_sender_and_per_id,
          repetitions_by_id_end_with_the_resource_and_after_a_while,
          what_a_message_brings_with_it_keeps_its_place_in_the_log,
          arrival_is_told_and_its_receipt_queued, arrival_that_was_not_stored_is_an_error,
          deliveries_are_gathered_into_the_newest, reading_is_answered_and_told,
          bounce_is_told_to_the_sender_once)
