/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What two users see of each other is what the database says in the end, in whatever order changes
 * come, their news are heard, reads begin, see the database, and are answered. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/feature.h"
#include "bridge/core/registry.h"
#include "bridge/loop/loop.h"
#include "bridge/presence/announce.h"
#include "bridge/presence/attendee.h"
#include "bridge/presence/watch.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

extern const struct feature feature_audience;

enum { ALICE, BELLA, USERS };

static const char *const ids[USERS] = {"00000000-0000-7000-8000-00000000000a",
                                       "00000000-0000-7000-8000-00000000000b"};
static const char *const jids[USERS] = {"alice@app.example.org", "bella@app.example.org"};

static struct core core;
static struct account *accounts[USERS];
static struct subscriber sockets[USERS];
static bool sees[USERS];  /* what the user's sockets were told of the other, last */
static bool shows[USERS]; /* the truth: the other may see the user */
static GArray *snapshots; /* bool[USERS] of each question: the truth when it was asked */

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
    if (event->type == EVENT_PRESENCE && uuid_equal(&event->parties.actor, &accounts[!user]->id))
        sees[user] = event->active;
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
    partners_advance(core.audience);
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

static void hear(int user, enum event_type type)
{
    struct event event = {.type = type, .position = 1};
    feature_audience.publishing(&core, &event, &accounts[user]->id, 1);
}

static void change(void)
{
    shows[ALICE] = !shows[ALICE];
    hear(ALICE, shows[ALICE] ? EVENT_CONVERSATION_NEW : EVENT_CONVERSATION_REMOVED);
}

static void settle(void)
{
    for (int i = 0; i < 5; i++) {
        begin_reads();
        while (fake_questions() > 0)
            answer(0, true);
    }
}

static void start(void)
{
    memset(&core, 0, sizeof core);
    core.archive = (void *)&core; /* the fake one does not look at it */
    snapshots = g_array_new(FALSE, FALSE, sizeof(bool));
    loop_start();
    accounts_init(&core);
    feature_audience.start(&core);
    core.subscriber_changed = feature_audience.subscriber_changed;
    for (int i = 0; i < USERS; i++) {
        struct account_row row = {.jid = jids[i], .json = "{}", .number = i + 1, .hosted = true};
        uuid_parse(ids[i], &row.id);
        accounts[i] = account_ref(account_learn(&core, &row));
        sockets[i] = (struct subscriber){.deliver = deliver, .revoked = revoked};
        sees[i] = false;
        shows[i] = true;
    }
}

static void come(int user)
{
    subscriber_add(&core, &sockets[user], accounts[user]);
    note_questions();
}

static void stop(void)
{
    for (int i = 0; i < USERS; i++)
        subscriber_remove(&core, &sockets[i]);
    core.archive = NULL;
    fake_clear();
    feature_audience.stop(&core);
    for (int i = 0; i < USERS; i++)
        account_unref(accounts[i]);
    accounts_clear(&core);
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

enum { CHANGE, HEAR_OTHER, BEGIN, ANSWER_OLDEST_OLD, ANSWER_OLDEST_NEW, ANSWER_NEWEST_OLD, STEPS };

static void step(unsigned what)
{
    if (what == CHANGE)
        change();
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
    try_all(6, true);
}
END_TEST

START_TEST(likewise_while_they_come)
{
    try_all(5, false);
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

UNIT_MAIN("audience", an_overtaken_answer_changes_nothing,
          two_see_what_is_so_in_the_end_in_every_order, likewise_while_they_come,
          a_read_of_the_other_side_between_two_changes)
