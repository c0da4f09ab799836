/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who looks online, and what is announced when sockets come and go. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/presence/online.h"
#include "tests/unit/unit.h"

#define GRACE 30

static struct online *online;
static struct account *alice, *bob;

static struct account *new_account(const char *jid)
{
    struct account *account = g_new0(struct account, 1);
    account->references = 1;
    uuid_generate(&account->id);
    account->jid = g_strdup(jid);
    return account;
}

static void setup(void)
{
    online = online_new(GRACE);
    alice = new_account("alice@app.example.org");
    bob = new_account("bob@app.example.org");
}

static void teardown(void)
{
    online_free(online);
    ck_assert_int_eq(alice->references, 1);
    ck_assert_int_eq(bob->references, 1);
    account_unref(alice);
    account_unref(bob);
}

/* The next announcement is of WHO, and says AVAILABLE. */
static void assert_announced(const struct account *who, bool available)
{
    struct online_notice notice;
    ck_assert(online_next(online, &notice));
    ck_assert_ptr_eq(notice.account, who);
    ck_assert_int_eq(notice.available, available);
    account_unref(notice.account);
}

static void assert_quiet(void)
{
    struct online_notice notice;
    ck_assert_uint_eq(online_waiting(online), 0);
    ck_assert(!online_next(online, &notice));
}

START_TEST(first_socket_is_announced_once)
{
    setup();
    ck_assert(!online_is_shown(online, alice));
    online_connected(online, alice);
    ck_assert(online_is_shown(online, alice));
    ck_assert(!online_is_shown(online, bob));
    assert_announced(alice, true);
    assert_quiet();
    teardown();
}
END_TEST

START_TEST(last_socket_is_announced_after_the_grace)
{
    setup();
    online_connected(online, alice);
    assert_announced(alice, true);
    online_disconnected(online, alice, 100);
    online_expire(online, 100 + GRACE - 1);
    ck_assert(online_is_shown(online, alice));
    assert_quiet();
    online_expire(online, 100 + GRACE);
    ck_assert(!online_is_shown(online, alice));
    struct online_notice notice;
    ck_assert(online_next(online, &notice));
    ck_assert(!notice.available);
    ck_assert_int_eq(notice.left, 100);
    account_unref(notice.account);
    assert_quiet();
    teardown();
}
END_TEST

START_TEST(reconnect_within_the_grace_is_no_news)
{
    setup();
    online_connected(online, alice);
    assert_announced(alice, true);
    online_disconnected(online, alice, 100);
    online_connected(online, alice);
    online_expire(online, 1000);
    ck_assert(online_is_shown(online, alice));
    assert_quiet();
    teardown();
}
END_TEST

START_TEST(grace_counts_from_the_latest_loss)
{
    setup();
    online_connected(online, alice);
    assert_announced(alice, true);
    online_disconnected(online, alice, 100);
    online_connected(online, alice);
    online_disconnected(online, alice, 120);
    online_expire(online, 100 + GRACE);
    ck_assert(online_is_shown(online, alice));
    online_expire(online, 120 + GRACE);
    assert_announced(alice, false);
    assert_quiet();
    teardown();
}
END_TEST

/* Nothing was sent meanwhile (link down): only how things stand now is told. */
START_TEST(what_is_told_is_the_latest)
{
    setup();
    online_connected(online, alice);
    online_disconnected(online, alice, 0);
    online_expire(online, GRACE);
    assert_announced(alice, false);
    assert_quiet();
    online_connected(online, alice);
    online_disconnected(online, alice, 0);
    online_expire(online, GRACE);
    online_connected(online, alice);
    assert_announced(alice, true);
    assert_quiet();
    teardown();
}
END_TEST

START_TEST(everybody_shown_is_repeated)
{
    setup();
    online_connected(online, alice);
    online_connected(online, bob);
    struct online_notice notice;
    for (int i = 0; i < 2; i++) {
        ck_assert(online_next(online, &notice));
        account_unref(notice.account);
    }
    online_disconnected(online, bob, 0); /* still shown */
    online_repeat(online);
    online_repeat(online);
    ck_assert_uint_eq(online_waiting(online), 2);
    teardown();
}
END_TEST

START_TEST(news_come_before_repetitions)
{
    setup();
    online_connected(online, alice);
    assert_announced(alice, true);
    online_repeat(online);
    online_connected(online, bob);
    assert_announced(bob, true);
    assert_announced(alice, true);
    teardown();
}
END_TEST

START_TEST(returned_notice_comes_again)
{
    setup();
    struct online_notice notice;
    online_connected(online, alice);
    ck_assert(online_next(online, &notice));
    online_return(online, &notice);
    assert_announced(alice, true);
    online_disconnected(online, alice, 7);
    online_expire(online, 7 + GRACE);
    ck_assert(online_next(online, &notice));
    online_return(online, &notice);
    ck_assert(!online_is_shown(online, alice));
    ck_assert(online_next(online, &notice));
    ck_assert(!notice.available);
    ck_assert_int_eq(notice.left, 7);
    account_unref(notice.account);
    assert_quiet();
    teardown();
}
END_TEST

START_TEST(returned_notice_that_is_untrue_by_now_is_dropped)
{
    setup();
    struct online_notice notice;
    online_connected(online, alice);
    assert_announced(alice, true);
    online_disconnected(online, alice, 0);
    online_expire(online, GRACE);
    ck_assert(online_next(online, &notice));
    online_connected(online, alice);
    online_return(online, &notice);
    assert_announced(alice, true);
    assert_quiet();
    teardown();
}
END_TEST

START_TEST(recovered_user_goes_unless_a_socket_comes)
{
    setup();
    online_recovered(online, alice, 0);
    online_recovered(online, bob, 0);
    ck_assert(online_is_shown(online, alice));
    assert_quiet();
    online_connected(online, bob);
    online_expire(online, GRACE);
    assert_announced(alice, false);
    assert_quiet();
    ck_assert(online_is_shown(online, bob));
    teardown();
}
END_TEST

START_TEST(renewed_user_is_announced_again_if_shown)
{
    setup();
    online_renew(online, alice);
    assert_quiet();
    online_connected(online, alice);
    online_renew(online, alice);
    assert_announced(alice, true);
    assert_quiet();
    online_renew(online, alice);
    online_renew(online, alice);
    assert_announced(alice, true);
    assert_quiet();
    online_disconnected(online, alice, 0);
    online_renew(online, alice);
    online_expire(online, GRACE);
    assert_announced(alice, false);
    online_renew(online, alice);
    assert_quiet();
    teardown();
}
END_TEST

UNIT_MAIN("online", renewed_user_is_announced_again_if_shown, first_socket_is_announced_once,
          last_socket_is_announced_after_the_grace, reconnect_within_the_grace_is_no_news,
          grace_counts_from_the_latest_loss, what_is_told_is_the_latest,
          everybody_shown_is_repeated, news_come_before_repetitions, returned_notice_comes_again,
          returned_notice_that_is_untrue_by_now_is_dropped,
          recovered_user_goes_unless_a_socket_comes)
