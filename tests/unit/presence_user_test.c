/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What two users see of each other is what the database says in the end, in whatever order changes
 * come, their news are heard, reads begin, see the database, and are answered. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/feature.h"
#include "bridge/loop/loop.h"
#include "bridge/presence/announce.h"
#include "bridge/presence/user_presence_part.h"
#include "bridge/presence/user_presence.h"
#include "bridge/presence/watch.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

extern const struct feature feature_user_presence;

enum { ALICE, BELLA, USERS };

static const char *const ids[USERS] = {"00000000-0000-7000-8000-00000000000a",
                                       "00000000-0000-7000-8000-00000000000b"};
static const char *const jids[USERS] = {"alice@app.example.org", "bella@app.example.org"};

static struct core cores[2];
static bool several; /* each user has sockets at an instance of their own */
static struct options options = {.xmpp_secret = (char[]){"shared"}};
static GQueue wire; /* GBytes *: on their way between instances */
static GQueue news; /* struct event *: of the log, on their way to the other instance */
static struct account *accounts[USERS];
static struct subscriber sockets[USERS];
static bool sees[USERS]; /* what the user's sockets were told of the other, last */
static bool sees_away[USERS];
static bool shows[USERS]; /* the truth: the other may see the user */
static bool away;         /* Alice is */
static GArray *snapshots; /* bool[USERS] of each question: the truth when it was asked */

static struct core *home(int user)
{
    return &cores[several ? user : ALICE];
}

/* ---- What the rest of the program does here -------------------------------------------------- */

bool announce_is_online(const struct core *its_core, const struct account *account)
{
    (void)its_core;
    return account->subscribers != NULL;
}

void announce_again(struct core *its_core, struct account *account)
{
    (void)its_core, (void)account;
}

void watch_add(struct core *its_core, const struct account *account,
               const struct watch_contact *contact)
{
    (void)its_core, (void)account, (void)contact;
}

void watch_remove(struct core *its_core, const struct uuid *user, const char *jid)
{
    (void)its_core, (void)user, (void)jid;
}

void watch_remove_all(struct core *its_core, const struct uuid *user)
{
    (void)its_core, (void)user;
}

bool watch_status(const struct core *its_core, const struct uuid *user, const char *jid,
                  struct status *ret_status)
{
    (void)its_core, (void)user, (void)jid, (void)ret_status;
    return false;
}

static void deliver(struct subscriber *subscriber, struct event *event)
{
    int user = subscriber == &sockets[ALICE] ? ALICE : BELLA;
    if (event->type != EVENT_PRESENCE || !uuid_equal(&event->parties.actor, &accounts[!user]->id))
        return;
    sees[user] = event->active;
    sees_away[user] = strstr(event->payload, "\"away\":true") != NULL;
}

static void revoked(struct subscriber *subscriber)
{
    (void)subscriber;
}

/* ---- The world ------------------------------------------------------------------------------- */

static void note_questions(void)
{
    while (snapshots->len < fake_questions() * USERS)
        g_array_append_vals(snapshots, shows, USERS);
}

static void begin_reads(void)
{
    clock_advance(RELOAD_DELAY);
    for (int i = 0; i <= several; i++) {
        status_advance(&user_presences_of(&cores[i])->pacer, clock_monotonic());
        partners_advance(user_presences_of(&cores[i]));
    }
    note_questions();
}

/* Answers the question with that NUMBER: as the database was when it was asked, or is NOW. */
static void answer(unsigned number, bool now)
{
    bool truth[USERS];
    memcpy(truth, now ? shows : &g_array_index(snapshots, bool, number *USERS), sizeof truth);
    g_array_remove_range(snapshots, number * USERS, USERS);
    fake_prefer(number);
    ck_assert_int_eq(fake_asked(), QUERY_PRESENCE_PARTNERS);
    int user = strcmp(fake_value(0), ids[ALICE]) == 0 ? ALICE : BELLA;
    const char *own = truth[user] ? "t" : "f", *others = truth[!user] ? "t" : "f";
    const char *cells[] = {ids[!user], "2",    jids[!user], "t", own, own,
                           others,     others, NULL,        "f", "f", "1"};
    fake_answer(1, G_N_ELEMENTS(cells), cells);
    note_questions(); /* it may have begun another */
}

static void publish_to(struct core *core, const struct event *event)
{
    feature_user_presence.part->publishing(core, event, &event->parties.actor, 1);
}

/* The other instance hears of it later. */
static void hear(int user, enum event_type type)
{
    struct event event = {.type = type, .position = 1, .parties.actor = accounts[user]->id};
    publish_to(home(user), &event);
    if (several)
        g_queue_push_tail(&news, g_memdup2(&event, sizeof event));
}

static void carry(void)
{
    GBytes *bytes;
    while ((bytes = g_queue_pop_head(&wire))) {
        gsize length;
        const char *text = g_bytes_get_data(bytes, &length);
        for (int i = 0; i < 2; i++)
            bus_received(&cores[i], text, length);
        g_bytes_unref(bytes);
    }
    struct event *event;
    while ((event = g_queue_pop_head(&news))) {
        publish_to(uuid_equal(&event->parties.actor, &accounts[ALICE]->id) ? home(BELLA)
                                                                           : home(ALICE),
                   event);
        g_free(event);
    }
}

static void change(void)
{
    shows[ALICE] = !shows[ALICE];
    hear(ALICE, shows[ALICE] ? EVENT_CONVERSATION_NEW : EVENT_CONVERSATION_REMOVED);
}

static void go_away(void)
{
    struct user_presences *presences = user_presences_of(home(ALICE));
    struct user_presence *presence = user_presence_find(presences, &accounts[ALICE]->id);
    away = !away;
    user_presence_choose(presence, STATUS_ONLINE, away);
    user_presence_refresh(presences, presence);
}

static void settle(void)
{
    for (int i = 0; i < 5; i++) {
        carry();
        begin_reads();
        while (fake_questions() > 0)
            answer(0, true);
    }
    carry();
}

static bool publish(void *data, const char *bytes, size_t length)
{
    (void)data;
    g_queue_push_tail(&wire, g_bytes_new(bytes, length));
    return true;
}

static void reset(void *data)
{
    (void)data;
}

static void core_start(struct core *core)
{
    struct bus_transport transport = {NULL, publish, reset};
    *core = (struct core){.options = &options,
                          .archive = (void *)core /* the fake one does not look at it */};
    core->accounts = accounts_new();
    if (several) {
        bus_init(core, &transport);
        elsewhere_init(core);
    }
    feature_user_presence.start(core);
}

static void start(void)
{
    snapshots = g_array_new(FALSE, FALSE, sizeof(bool));
    loop_start();
    for (int i = 0; i <= several; i++)
        core_start(&cores[i]);
    for (int i = 0; several && i < 2; i++)
        bus_up(&cores[i]);
    away = false;
    for (int i = 0; i < USERS; i++) {
        struct account_row row = {.jid = jids[i], .facts = "{}", .number = i + 1, .hosted = true};
        uuid_parse(ids[i], &row.id);
        accounts[i] = account_ref(account_learn(home(i)->accounts, &row));
        sockets[i] = (struct subscriber){.deliver = deliver, .revoked = revoked};
        sees[i] = sees_away[i] = false;
        shows[i] = true;
    }
    carry();
}

static void come(int user)
{
    subscriber_add(home(user), &sockets[user], accounts[user]);
    elsewhere_tell(home(user), accounts[user], true);
    note_questions();
}

static void core_stop(struct core *core)
{
    core->archive = NULL;
    fake_clear();
    feature_user_presence.stop(core);
    if (several) {
        elsewhere_clear(core);
        bus_clear(core);
    }
    accounts_free(core->accounts);
}

static void stop(void)
{
    for (int i = 0; i < USERS; i++) {
        subscriber_remove(home(i), &sockets[i]);
        account_unref(accounts[i]);
    }
    for (int i = 0; i <= several; i++)
        core_stop(&cores[i]);
    g_queue_clear_full(&wire, (GDestroyNotify)g_bytes_unref);
    g_queue_clear_full(&news, g_free);
    loop_stop();
    g_array_unref(snapshots);
}

static void assert_truth(unsigned order)
{
    settle();
    ck_assert_msg(sees[BELLA] == shows[ALICE] && sees[ALICE] == shows[BELLA],
                  "order %u: bella sees %d instead of %d, alice %d instead of %d", order,
                  sees[BELLA], shows[ALICE], sees[ALICE], shows[BELLA]);
}

/* ---- Orders ---------------------------------------------------------------------------------- */

enum {
    CHANGE,
    BEGIN,
    ANSWER_OLDEST_OLD,
    ANSWER_OLDEST_NEW,
    ANSWER_NEWEST_OLD,
    GO_AWAY,
    HEAR_OTHER,         /* alone only */
    CARRY = HEAR_OTHER, /* several only */
    STEPS
};

static void step(unsigned what)
{
    if (what == CHANGE)
        change();
    else if (what == GO_AWAY)
        go_away();
    else if (what == CARRY && several)
        carry();
    else if (what == HEAR_OTHER)
        hear(BELLA, EVENT_CONVERSATION_UPDATED);
    else if (what == BEGIN)
        begin_reads();
    else if (fake_questions() > 0)
        answer(what == ANSWER_NEWEST_OLD ? fake_questions() - 1 : 0, what == ANSWER_OLDEST_NEW);
}

static void try_all(unsigned length, bool both_here)
{
    unsigned orders = 1;
    for (unsigned i = 0; i < length; i++)
        orders *= STEPS;
    for (unsigned order = 0; order < orders; order++) {
        start();
        come(ALICE);
        if (both_here) {
            come(BELLA);
            settle();
        }
        for (unsigned i = 0, rest = order; i < length; i++, rest /= STEPS) {
            if (i == 1 && !both_here)
                come(BELLA);
            step(rest % STEPS);
        }
        assert_truth(order);
        stop();
    }
}

START_TEST(two_see_what_is_so_in_the_end_in_every_order)
{
    try_all(5, true);
}
END_TEST

START_TEST(likewise_at_two_instances)
{
    several = true;
    try_all(4, true);
    several = false;
}
END_TEST

START_TEST(likewise_while_they_come_to_two_instances)
{
    several = true;
    try_all(4, false);
    several = false;
}
END_TEST

START_TEST(likewise_while_they_come)
{
    try_all(4, false);
}
END_TEST

/* Two changes between two reads of Alice's, and in between a read of Bella's. */
START_TEST(a_read_of_the_other_side_between_two_changes)
{
    start();
    come(ALICE);
    come(BELLA);
    settle();
    hear(BELLA, EVENT_CONVERSATION_UPDATED);
    shows[ALICE] = false;
    begin_reads();
    answer(0, true);
    ck_assert(!sees[BELLA]);
    shows[ALICE] = true;
    hear(ALICE, EVENT_CONVERSATION_NEW);
    begin_reads();
    answer(0, true);
    ck_assert(sees[BELLA]);
    stop();
}
END_TEST

/* A read that began before another is answered behind it. */
START_TEST(an_overtaken_answer_changes_nothing)
{
    start();
    come(ALICE);
    come(BELLA);
    settle();
    hear(BELLA, EVENT_CONVERSATION_UPDATED);
    begin_reads();
    change();
    begin_reads();
    answer(1, true);
    ck_assert(!sees[BELLA]);
    answer(0, false);
    ck_assert(!sees[BELLA]);
    stop();
}
END_TEST

static unsigned greetings;

static void count_greeting(struct subscriber *subscriber, struct event *event)
{
    (void)subscriber;
    greetings += event->type == EVENT_PRESENCE;
}

/* Of a user whose partners are known; the first of the two has gone before its turn came. */
START_TEST(another_socket_is_greeted_once)
{
    start();
    come(ALICE);
    come(BELLA);
    settle();
    greetings = 0;
    struct subscriber more[2];
    for (int i = 0; i < 2; i++) {
        more[i] = (struct subscriber){.deliver = count_greeting, .revoked = revoked};
        subscriber_add(home(BELLA), &more[i], accounts[BELLA]);
        if (i == 0)
            subscriber_remove(home(BELLA), &more[i]);
    }
    while (greetings == 0)
        g_main_context_iteration(NULL, TRUE);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    ck_assert_uint_eq(greetings, 1);
    subscriber_remove(home(BELLA), &more[1]);
    stop();
}
END_TEST

/* What is owed to a socket is forgotten with all the rest. */
START_TEST(the_end_comes_before_the_greeting)
{
    start();
    come(ALICE);
    come(BELLA);
    settle();
    greetings = 0;
    struct subscriber more = {.deliver = count_greeting, .revoked = revoked};
    subscriber_add(home(BELLA), &more, accounts[BELLA]);
    subscriber_remove(home(BELLA), &more);
    stop();
    ck_assert_uint_eq(greetings, 0);
}
END_TEST

UNIT_MAIN("presences", an_overtaken_answer_changes_nothing, another_socket_is_greeted_once,
          the_end_comes_before_the_greeting, two_see_what_is_so_in_the_end_in_every_order,
          likewise_while_they_come, likewise_at_two_instances,
          likewise_while_they_come_to_two_instances, a_read_of_the_other_side_between_two_changes)
