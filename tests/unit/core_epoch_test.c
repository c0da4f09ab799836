/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of those who are here when the database has another log. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/session.h"
#include "bridge/core/core.h"
#include "bridge/core/epoch.h"
#include "bridge/core/event.h"
#include "bridge/core/relation.h"
#include "bridge/loop/loop.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

#define ALICE "00000000-0000-7000-8000-00000000000a"
#define TOKEN "00000000-0000-4000-8000-0000000000aa"

static struct core core;
static struct account *alice;
static struct subscriber socket_;
static gint64 started_at;
static unsigned closed;

static void deliver(struct subscriber *subscriber, struct event *event)
{
    (void)subscriber;
    (void)event;
}

static void revoked(struct subscriber *subscriber)
{
    closed++;
    subscriber_remove(&core, subscriber);
}

static void start_anew(struct subscriber *subscriber, gint64 position)
{
    (void)subscriber;
    started_at = position;
}

static void take(const char *epoch, gint64 position, const char *past, enum log_change change)
{
    struct log_state log = {epoch, position, past, change};
    epoch_take(&core, &log);
}

static void start(void)
{
    memset(&core, 0, sizeof core);
    started_at = closed = 0;
    core.archive = (void *)&core; /* the fake one does not look at it */
    core.epoch = g_strdup("");
    core.past = g_strdup("");
    loop_start();
    core.accounts = accounts_new();
    core.sessions = sessions_new(NULL, core.accounts, NULL, NULL);
    relations_init(&core);
    take("one", 100, "", LOG_OTHER);
    struct account_row row = {.jid = "alice@app.example.org",
                              .name = "Alice",
                              .facts = "{}",
                              .number = 1,
                              .hosted = true};
    uuid_parse(ALICE, &row.id);
    alice = account_learn(core.accounts, &row);
    socket_ = (struct subscriber){
        .deliver = deliver, .revoked = revoked, .start_anew = start_anew, .grant = {.issued = 5}};
    uuid_parse(TOKEN, &socket_.grant.credential);
    subscriber_add(&core, &socket_, alice);
}

static void stop(void)
{
    if (closed == 0)
        subscriber_remove(&core, &socket_);
    core.archive = NULL;
    fake_clear();
    relations_clear(&core);
    sessions_free(core.sessions);
    accounts_free(core.accounts);
    g_free(core.epoch);
    g_free(core.past);
    loop_stop();
}

/* state, position of revocations, created_at */
static void answer(const char *state, const char *created)
{
    const char *cells[] = {state, "7", created};
    ck_assert_int_eq(fake_asked(), QUERY_SESSION_CHECK);
    ck_assert_str_eq(fake_value(0), ALICE);
    ck_assert_str_eq(fake_value(1), TOKEN);
    ck_assert_str_eq(fake_value(2), "5");
    fake_answer(1, G_N_ELEMENTS(cells), cells);
}

START_TEST(the_first_log_and_a_continued_one_disturb_nobody)
{
    start();
    ck_assert_int_eq(core.position, 100);
    core.position = 120;
    take("one", 125, "", LOG_SAME);
    take("two", 130, "one:130", LOG_CONTINUED);
    ck_assert_str_eq(core.epoch, "two");
    ck_assert_str_eq(core.past, "one:130");
    ck_assert_int_eq(core.position, 120);
    ck_assert_int_eq(started_at, 0);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    stop();
}
END_TEST

START_TEST(who_may_stay_starts_anew_where_the_other_log_stands)
{
    start();
    unsigned before = core.log;
    take("two", 80, "one:80", LOG_OTHER);
    ck_assert_int_eq(core.position, 80);
    ck_assert_uint_ne(core.log, before);
    ck_assert_int_eq(started_at, 80);
    unsigned related = alice->related;
    answer("0", "1");
    ck_assert_uint_eq(closed, 0);
    ck_assert_uint_ne(alice->related, related); /* contacts, blocks are read anew */
    stop();
}
END_TEST

START_TEST(who_is_not_there_or_signed_out_has_to_go)
{
    static const struct {
        const char *state, *created;
    } rows[] = {{"0", NULL}, {"1", "1"}, {"2", "1"}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        start();
        take("two", 80, "one:80", LOG_OTHER);
        answer(rows[i].state, rows[i].created);
        ck_assert_uint_eq(closed, 1);
        stop();
    }
}
END_TEST

START_TEST(who_cannot_be_asked_about_has_to_go)
{
    start();
    take("two", 80, "one:80", LOG_OTHER);
    fake_fail(ERROR_INTERNAL);
    ck_assert_uint_eq(closed, 1);
    stop();
}
END_TEST

START_TEST(who_could_not_be_asked_about_yet_is_asked_about_again)
{
    start();
    take("two", 80, "one:80", LOG_OTHER);
    fake_fail(ERROR_UNAVAILABLE);
    ck_assert_uint_eq(closed, 0);
    answer("0", "1");
    ck_assert_uint_eq(closed, 0);
    ck_assert_int_eq(fake_asked(), QUERY_MAX);
    stop();
}
END_TEST

START_TEST(who_can_never_be_asked_about_has_to_go_in_the_end)
{
    start();
    take("two", 80, "one:80", LOG_OTHER);
    for (int i = 0; i < 100 && fake_asked() != QUERY_MAX; i++)
        fake_fail(ERROR_UNAVAILABLE);
    ck_assert_uint_eq(closed, 1);
    stop();
}
END_TEST

UNIT_MAIN("core_epoch", the_first_log_and_a_continued_one_disturb_nobody,
          who_may_stay_starts_anew_where_the_other_log_stands,
          who_is_not_there_or_signed_out_has_to_go, who_cannot_be_asked_about_has_to_go,
          who_could_not_be_asked_about_yet_is_asked_about_again,
          who_can_never_be_asked_about_has_to_go_in_the_end)
