/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What contacts' resources come to, and at which pace it is told. */
#include "config.h"

#include "bridge/presence/contact_presence.h"
#include "tests/unit/unit.h"

#define SECOND G_USEC_PER_SEC
#define HOME "bob@example.org/home"
#define PHONE "bob@example.org/phone"

static struct contact_presences *contacts;
static struct contact_presence *bob;
static struct uuid alice, bob_id;
static gint64 now;
static unsigned told;
static struct status last;

static void tell(const struct contact_presence *contact, void *data)
{
    (void)data;
    told++;
    last = contact->shown.told;
}

static void setup(void)
{
    now = 1000 * SECOND;
    told = 0;
    uuid_generate(&alice);
    uuid_generate(&bob_id);
    contacts = contact_presences_new(tell, NULL, now);
    bob = contact_presence_watch(contacts, &alice, "bob@example.org", &bob_id, 7);
    ck_assert_ptr_nonnull(bob);
}

static void teardown(void)
{
    contact_presences_free(contacts);
}

static void pass(gint64 microseconds)
{
    now += microseconds;
    contact_presences_advance(contacts, now);
}

static void come(const char *full_jid, bool away, bool in_call)
{
    struct available_resource resource = {(char *)(guintptr)full_jid, away, in_call, NULL, NULL};
    contact_presence_available(contacts, bob, &resource, 0, now);
    pass(3 * SECOND);
}

static void go(const char *full_jid, gint64 last_seen)
{
    contact_presence_unavailable(contacts, bob, full_jid, last_seen, now);
    pass(3 * SECOND);
}

static void assert_told(unsigned count, enum status_kind kind, bool away)
{
    ck_assert_uint_eq(told, count);
    ck_assert_int_eq(last.kind, kind);
    ck_assert_int_eq(last.away, away);
}

START_TEST(resources_are_added_up)
{
    setup();
    come(HOME, true, false);
    assert_told(1, STATUS_ONLINE, true);
    come(PHONE, false, false);
    assert_told(2, STATUS_ONLINE, false);
    come(PHONE, true, true);
    assert_told(3, STATUS_IN_CALL, true);
    go(PHONE, 5 * SECOND);
    assert_told(4, STATUS_ONLINE, true);
    go(HOME, 6 * SECOND);
    assert_told(5, STATUS_OFFLINE, false);
    ck_assert_int_eq(last.last_seen, 6 * SECOND);
    teardown();
}
END_TEST

START_TEST(a_bare_address_means_all_resources)
{
    setup();
    come(HOME, false, false);
    come(PHONE, false, false);
    go("bob@example.org", 0);
    assert_told(2, STATUS_OFFLINE, false);
    teardown();
}
END_TEST

START_TEST(repetitions_are_no_news)
{
    setup();
    come(HOME, false, false);
    come(HOME, false, false);
    come(PHONE, false, false);
    ck_assert_uint_eq(told, 1);
    teardown();
}
END_TEST

START_TEST(flapping_is_told_at_a_pace_and_ends_with_the_truth)
{
    setup();
    struct available_resource resource = {(char *)(guintptr)HOME, false, false, NULL, NULL};
    for (int i = 0; i < 100; i++) {
        if (i % 2 == 0)
            contact_presence_available(contacts, bob, &resource, 0, now);
        else
            contact_presence_unavailable(contacts, bob, HOME, now, now);
        pass(SECOND / 10);
    }
    ck_assert_uint_le(told, 6);
    pass(3 * SECOND);
    ck_assert_int_eq(last.kind, STATUS_OFFLINE);
    teardown();
}
END_TEST

START_TEST(a_link_that_comes_back_soon_is_no_news)
{
    setup();
    come(HOME, false, false);
    contact_presence_available(
        contacts, bob,
        &(struct available_resource){.full_jid = (char *)(guintptr)PHONE, .in_call = true}, 0, now);
    ck_assert_uint_eq(told, 2);
    contact_presences_unknown(contacts, now); /* within the pace */
    ck_assert(!bob->known);
    contact_presence_available(
        contacts, bob,
        &(struct available_resource){.full_jid = (char *)(guintptr)PHONE, .in_call = true}, 0, now);
    pass(5 * SECOND);
    ck_assert_uint_eq(told, 2);
    contact_presences_unknown(contacts, now);
    pass(5 * SECOND);
    assert_told(3, STATUS_OFFLINE, false);
    ck_assert_int_eq(last.last_seen, 0);
    teardown();
}
END_TEST

START_TEST(last_seen_is_of_somebody_who_is_not_there)
{
    setup();
    go("bob@example.org", 0);
    ck_assert_uint_eq(told, 0);
    contact_presence_last_seen(contacts, bob, 9 * SECOND, now);
    assert_told(1, STATUS_OFFLINE, false);
    ck_assert_int_eq(last.last_seen, 9 * SECOND);
    come(HOME, false, false);
    ck_assert_int_eq(last.last_seen, 0);
    contact_presence_last_seen(contacts, bob, 10 * SECOND, now);
    ck_assert_uint_eq(told, 2);
    teardown();
}
END_TEST

START_TEST(resources_are_bounded)
{
    setup();
    for (int i = 0; i < 100; i++) {
        g_autofree char *jid = g_strdup_printf("bob@example.org/%d", i);
        come(jid, false, false);
    }
    ck_assert_uint_eq(bob->resources->len, AVAILABLE_RESOURCES_MAX);
    go("bob@example.org", 0);
    ck_assert_uint_eq(bob->resources->len, 0);
    teardown();
}
END_TEST

START_TEST(who_is_not_watched_is_not_there)
{
    setup();
    come(HOME, false, false);
    contact_presence_unwatch(contacts, &alice, "bob@example.org", true);
    assert_told(2, STATUS_OFFLINE, false);
    ck_assert_ptr_null(contact_presence_find(contacts, &alice, "bob@example.org"));
    bob = contact_presence_watch(contacts, &alice, "bob@example.org", &bob_id, 7);
    come(HOME, false, false);
    contact_presences_unwatch_all(contacts, &alice);
    ck_assert_uint_eq(told, 3); /* the user has gone: nobody to tell */
    contact_presences_unwatch_all(contacts, &alice);
    teardown();
}
END_TEST

UNIT_MAIN("contact", resources_are_added_up, a_bare_address_means_all_resources,
          repetitions_are_no_news, flapping_is_told_at_a_pace_and_ends_with_the_truth,
          a_link_that_comes_back_soon_is_no_news, last_seen_is_of_somebody_who_is_not_there,
          resources_are_bounded, who_is_not_watched_is_not_there)
