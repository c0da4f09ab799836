/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two instances in one process, with a wire between them that loses, garbles and forges. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/cluster/ask.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/loop/loop.h"
#include "tests/unit/unit.h"

static char shared[] = "shared", another[] = "another", names[3][2] = {"b", "a", "c"};
static struct options options[3] = {{.xmpp_secret = shared, .cluster_instance = names[0]},
                                    {.xmpp_secret = shared, .cluster_instance = names[1]},
                                    {.xmpp_secret = another, .cluster_instance = names[2]}};
static struct core cores[3];
static GQueue wire;    /* GBytes */
static bool cut;       /* nothing gets onto the wire */
static GString *heard; /* what handlers and watchers of cores[0] were told */

static bool publish(void *data, const char *bytes, size_t length)
{
    (void)data;
    if (!cut)
        g_queue_push_tail(&wire, g_bytes_new(bytes, length));
    return !cut;
}

static void reset(void *data)
{
    (void)data;
    g_string_append(heard, "reset ");
}

static void deliver(void)
{
    GBytes *bytes;
    while ((bytes = g_queue_pop_head(&wire))) {
        gsize length;
        const char *text = g_bytes_get_data(bytes, &length);
        for (size_t i = 0; i < G_N_ELEMENTS(cores); i++) {
            if (bus_instance(&cores[i]))
                bus_received(&cores[i], text, length);
        }
        g_bytes_unref(bytes);
    }
}

static void on_talk(struct core *core, const json_t *message, void *data)
{
    (void)data;
    ck_assert_ptr_nonnull(bus_sender(core));
    g_string_append_printf(heard, "%s ", json_string_value(json_object_get(message, "say")));
}

static void on_instance(struct core *core, const char *instance, bool here, void *data)
{
    (void)core;
    (void)data;
    g_string_append_printf(heard, "%c%c ", here ? '+' : '-', instance[0]);
}

static void begin(int count)
{
    struct bus_transport transport = {NULL, publish, reset};
    heard = g_string_new(NULL);
    cut = false;
    for (int i = 0; i < count; i++) {
        cores[i] = (struct core){.options = &options[i]};
        cores[i].accounts = accounts_new();
        bus_init(&cores[i], &transport);
        elsewhere_init(&cores[i]);
    }
    bus_subscribe(&cores[0], "talk", on_talk, NULL);
    bus_watch_instances(&cores[0], on_instance, NULL);
    for (int i = 0; i < count; i++)
        bus_up(&cores[i]);
    deliver();
}

static void finish(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cores); i++) {
        if (!bus_instance(&cores[i]))
            continue;
        bus_clear(&cores[i]);
        elsewhere_clear(&cores[i]);
        accounts_free(cores[i].accounts);
    }
    g_queue_clear_full(&wire, (GDestroyNotify)g_bytes_unref);
    g_string_free(heard, TRUE);
}

static void expect_heard(const char *wanted)
{
    ck_assert_str_eq(heard->str, wanted);
    g_string_truncate(heard, 0);
}

static void say(int from, const char *text)
{
    bus_publish(&cores[from], "talk", json_pack("{s:s}", "say", text));
}

START_TEST(alone_nothing_happens)
{
    struct core core = {.options = &options[0]};
    ck_assert(!bus_publish(&core, "talk", json_pack("{s:s}", "say", "x")));
    bus_subscribe(&core, "talk", on_talk, NULL);
    bus_watch_instances(&core, on_instance, NULL);
    ck_assert(!bus_is_heard(&core));
    ck_assert_uint_eq(bus_others(&core), 0);
    ck_assert_ptr_null(bus_instance(&core));
    bus_leave(&core);
    bus_clear(&core);
}
END_TEST

START_TEST(others_are_heard_once_and_in_order)
{
    begin(2);
    expect_heard("+a ");
    say(1, "one");
    say(0, "mine");
    say(1, "two");
    bus_publish(&cores[1], "other.topic", json_object());
    deliver();
    expect_heard("one two ");
    finish();
}
END_TEST

START_TEST(who_has_another_secret_is_not_one_of_us)
{
    begin(3);
    expect_heard("+a ");
    say(2, "let me in");
    deliver();
    expect_heard("");
    ck_assert_uint_eq(bus_others(&cores[0]), 1);
    finish();
}
END_TEST

START_TEST(a_garbled_message_is_dropped)
{
    begin(2);
    expect_heard("+a ");
    say(1, "intact");
    GBytes *message = g_queue_pop_head(&wire);
    gsize length;
    const char *text = g_bytes_get_data(message, &length);
    for (gsize i = 0; i < length; i++) {
        g_autofree char *garbled = g_memdup2(text, length);
        garbled[i] ^= 1;
        bus_received(&cores[0], garbled, length);
        garbled[i] ^= 1;
        if (i > 0) {
            g_autofree char *shorter = g_strndup(text, i);
            bus_received(&cores[0], shorter, i);
        }
    }
    expect_heard("");
    bus_received(&cores[0], text, length);
    expect_heard("intact ");
    g_bytes_unref(message);
    finish();
}
END_TEST

/* Whoever can read and write Redis keeps what was said, and says it again later. */
START_TEST(what_was_heard_is_not_heard_again)
{
    begin(2);
    expect_heard("+a ");
    say(1, "one");
    say(1, "two");
    g_autoptr(GBytes) one = g_queue_pop_head(&wire);
    g_autoptr(GBytes) two = g_queue_pop_head(&wire);
    gsize length;
    const char *text = g_bytes_get_data(two, &length);
    bus_received(&cores[0], text, length);
    expect_heard("two ");
    for (int gone = 0; gone < 2; gone++) {
        bus_received(&cores[0], text, length);
        bus_received(&cores[0], g_bytes_get_data(one, NULL), g_bytes_get_size(one));
        expect_heard("");
        if (gone)
            break;
        bus_leave(&cores[1]);
        deliver();
        expect_heard("-a ");
    }
    finish();
}
END_TEST

START_TEST(a_message_of_long_ago_brings_no_instance_back)
{
    begin(2);
    say(1, "old");
    g_autoptr(GBytes) old = g_queue_pop_head(&wire);
    finish();
    clock_advance(600 * G_USEC_PER_SEC);
    begin(1);
    bus_received(&cores[0], g_bytes_get_data(old, NULL), g_bytes_get_size(old));
    expect_heard("");
    ck_assert_uint_eq(bus_others(&cores[0]), 0);
    finish();
}
END_TEST

START_TEST(too_large_is_not_sent)
{
    begin(2);
    g_autofree char *large = g_strnfill(BUS_MESSAGE_MAX, 'x');
    ck_assert(!bus_publish(&cores[1], "talk", json_pack("{s:s}", "say", large)));
    ck_assert(g_queue_is_empty(&wire));
    finish();
}
END_TEST

START_TEST(good_bye_is_final)
{
    begin(2);
    bus_leave(&cores[1]);
    say(1, "a last word");
    deliver();
    expect_heard("+a -a a last word ");
    ck_assert_uint_eq(bus_others(&cores[0]), 0);
    finish();
}
END_TEST

/* ---- Who has sockets where ------------------------------------------------------------------- */

static const struct uuid alice_id = {{1, 2, 3}};

static struct account *learn(int instance)
{
    struct account_row row = {.id = alice_id, .jid = "alice@app.example.org", .facts = "{}"};
    return account_learn(cores[instance].accounts, &row);
}

static void on_elsewhere(struct core *core, const struct uuid *user, bool online, void *data)
{
    (void)core;
    (void)data;
    ck_assert(uuid_equal(user, &alice_id));
    g_string_append(heard, online ? "online " : "offline ");
}

START_TEST(users_elsewhere_are_known)
{
    begin(2);
    elsewhere_watch(&cores[0], on_elsewhere, NULL);
    expect_heard("+a ");
    ck_assert(elsewhere_is_ours(&cores[0], &alice_id));
    elsewhere_tell(&cores[1], learn(1), true);
    elsewhere_tell(&cores[1], learn(1), true);
    deliver();
    expect_heard("online ");
    ck_assert(elsewhere_is_online(&cores[0], &alice_id));
    ck_assert(!elsewhere_is_online(&cores[1], &alice_id));
    /* "a" comes before "b", so it is for the other one to speak. */
    ck_assert(!elsewhere_is_ours(&cores[0], &alice_id));
    elsewhere_tell(&cores[0], learn(0), true);
    deliver();
    ck_assert(elsewhere_is_ours(&cores[1], &alice_id));
    elsewhere_tell(&cores[1], learn(1), false);
    deliver();
    expect_heard("offline ");
    ck_assert(elsewhere_is_ours(&cores[0], &alice_id));
    finish();
}
END_TEST

START_TEST(users_go_with_their_instance)
{
    begin(2);
    elsewhere_watch(&cores[0], on_elsewhere, NULL);
    elsewhere_tell(&cores[1], learn(1), true);
    deliver();
    bus_leave(&cores[1]);
    deliver();
    expect_heard("+a online offline -a ");
    finish();
}
END_TEST

/* An instance says good-bye before its sockets close: what it says of them then takes no place for
 * ever. */
START_TEST(whoever_has_left_takes_no_place)
{
    begin(2);
    for (int i = 0; i < BUS_INSTANCES_MAX + 1; i++) {
        bus_leave(&cores[1]);
        deliver();
        elsewhere_tell(&cores[1], learn(1), false);
        deliver();
        bus_clear(&cores[1]);
        elsewhere_clear(&cores[1]);
        bus_init(&cores[1], &(struct bus_transport){NULL, publish, reset});
        elsewhere_init(&cores[1]);
        bus_up(&cores[1]);
        deliver();
    }
    elsewhere_tell(&cores[1], learn(1), true);
    deliver();
    ck_assert(elsewhere_is_online(&cores[0], &alice_id));
    /* Nor what it says to one that comes just then. */
    bus_leave(&cores[1]);
    deliver();
    elsewhere_tell(&cores[1], learn(1), true);
    deliver();
    ck_assert(!elsewhere_is_online(&cores[0], &alice_id));
    finish();
}
END_TEST

static void ignore(struct subscriber *subscriber, struct event *event)
{
    (void)subscriber;
    (void)event;
}

START_TEST(what_was_missed_is_told_again)
{
    begin(2);
    elsewhere_watch(&cores[0], on_elsewhere, NULL);
    expect_heard("+a ");
    struct subscriber subscriber = {.deliver = ignore};
    cut = true;
    subscriber_add(&cores[1], &subscriber, learn(1));
    cut = false;
    bus_down(&cores[0]);
    bus_up(&cores[0]);
    deliver();
    expect_heard("+a online ");
    /* The other way round: somebody left meanwhile. */
    cut = true;
    subscriber_remove(&cores[1], &subscriber);
    cut = false;
    bus_down(&cores[1]);
    bus_up(&cores[1]);
    deliver();
    expect_heard("+a offline ");
    finish();
}
END_TEST

/* ---- Questions ------------------------------------------------------------------------------- */

static bool answer_even(struct core *core, const json_t *question)
{
    (void)core;
    return json_integer_value(json_object_get(question, "number")) % 2 == 0;
}

static void on_asked(struct core *core, enum ask_result result, void *data)
{
    static const char *const words[] = {"no ", "yes ", "unknown "};
    (void)data;
    ck_assert_ptr_eq(core, &cores[0]);
    g_string_append(heard, words[result]);
}

static void ask(int number)
{
    ask_others(&cores[0], "even", json_pack("{s:i}", "number", number), on_asked, NULL);
}

static void begin_asking(int count)
{
    loop_start();
    begin(count);
    for (int i = 0; i < count; i++) {
        ask_init(&cores[i]);
        ask_serve(&cores[i], "even", answer_even);
    }
    g_string_truncate(heard, 0);
}

static void finish_asking(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cores); i++) {
        if (bus_instance(&cores[i]))
            ask_clear(&cores[i]);
    }
    finish();
    loop_stop();
}

/* Until what was asked stands on the wire. */
static void turn(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        continue;
}

START_TEST(all_others_are_asked)
{
    begin_asking(2);
    ask(2);
    turn();
    ck_assert_uint_eq(wire.length, 0); /* there may be others who have not been heard yet */
    clock_advance(G_USEC_PER_SEC);
    ck_assert_uint_eq(bus_settling(&cores[0]), 0);
    ask(2);
    ask(3);
    turn();
    expect_heard("");
    say(1, "before it answers");
    deliver();
    expect_heard("before it answers yes no ");
    finish_asking();
}
END_TEST

START_TEST(whoever_does_not_answer_is_not_waited_for)
{
    begin_asking(2);
    clock_advance(G_USEC_PER_SEC);
    cut = true;
    ask(2); /* cannot be sent */
    turn();
    expect_heard("unknown ");
    cut = false;
    ask(2);
    turn();
    bus_leave(&cores[1]);
    GBytes *question = g_queue_pop_head(&wire); /* is lost */
    g_bytes_unref(question);
    deliver();
    expect_heard("-a no ");
    ask(2); /* nobody is left */
    turn();
    expect_heard("no ");
    bus_down(&cores[0]);
    ask(2);
    turn();
    expect_heard("unknown ");
    finish_asking();
}
END_TEST

START_TEST(what_is_asked_ends_with_the_process)
{
    struct core alone = {.options = &options[0]};
    begin_asking(2);
    ask(2);
    finish_asking();
    ck_assert(!bus_instance(&cores[0]));
    ask_init(&alone);
    ask_clear(&alone);
}
END_TEST

UNIT_MAIN("bus", alone_nothing_happens, others_are_heard_once_and_in_order,
          who_has_another_secret_is_not_one_of_us, a_garbled_message_is_dropped,
          what_was_heard_is_not_heard_again, a_message_of_long_ago_brings_no_instance_back,
          too_large_is_not_sent, good_bye_is_final, users_elsewhere_are_known,
          users_go_with_their_instance, whoever_has_left_takes_no_place,
          what_was_missed_is_told_again, all_others_are_asked,
          whoever_does_not_answer_is_not_waited_for, what_is_asked_ends_with_the_process)
