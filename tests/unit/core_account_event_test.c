/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry of accounts and its bounds; events reach who listens, also who leaves meanwhile. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "tests/unit/unit.h"

static struct core core;

static struct account *learn_as(unsigned number, const char *jid, const char *json)
{
    struct account_row row = {.jid = jid, .name = "n", .facts = json, .hosted = true};
    for (size_t at = 0; at < sizeof row.id.bytes; at += sizeof number)
        memcpy(row.id.bytes + at, &number, sizeof number); /* whichever part is hashed */
    return account_learn(core.accounts, &row);
}

static struct account *learn(unsigned number)
{
    g_autofree char *jid = g_strdup_printf("u%u@app.example.org", number);
    return learn_as(number, jid, "{}");
}

START_TEST(registry_finds_and_refreshes)
{
    core.accounts = accounts_new();
    struct account *account = learn(1);
    ck_assert_ptr_eq(account_find_jid(core.accounts, "u1@app.example.org"), account);
    ck_assert_str_eq(account->full_jid, "u1@app.example.org/rest");
    ck_assert_ptr_eq(learn_as(1, "u1@app.example.org", "{\"name\":\"two\"}"), account);
    ck_assert_ptr_nonnull(strstr(account->json, "\"name\":\"two\""));
    ck_assert_ptr_null(account_find_jid(core.accounts, "u2@app.example.org"));
    accounts_free(core.accounts);
}
END_TEST

START_TEST(registry_drops_only_what_nobody_uses)
{
    core.accounts = accounts_new();
    struct account *used = account_ref(learn(0));
    for (unsigned i = 1; i <= 100000; i++)
        learn(i);
    ck_assert_uint_le(g_hash_table_size(core.accounts->by_id), 100000);
    ck_assert_uint_eq(g_hash_table_size(core.accounts->by_id),
                      g_hash_table_size(core.accounts->by_jid));
    ck_assert_ptr_eq(account_find_jid(core.accounts, "u0@app.example.org"), used);
    accounts_free(core.accounts);
    ck_assert_str_eq(used->jid, "u0@app.example.org"); /* outlives the registry */
    account_unref(used);
}
END_TEST

/* After a restore an address may belong to another id. */
START_TEST(address_that_changed_hands_survives_its_first_owner)
{
    core.accounts = accounts_new();
    learn_as(1, "alice@app.example.org", "{}");
    struct account *second = account_ref(learn_as(2, "alice@app.example.org", "{}"));
    for (unsigned i = 10; i < 100010; i++)
        learn(i); /* the first one is dropped */
    ck_assert_ptr_eq(account_find_jid(core.accounts, "alice@app.example.org"), second);
    account_unref(second);
    accounts_free(core.accounts);
}
END_TEST

static struct subscriber listeners[4];
static unsigned heard;
static unsigned leaving; /* listeners[…] that the first to hear removes, as bits */

static void deliver(struct subscriber *subscriber, struct event *event)
{
    (void)event;
    (void)subscriber;
    heard++;
    for (unsigned i = 0; i < G_N_ELEMENTS(listeners); i++) {
        if (leaving & 1u << i)
            subscriber_remove(&core, &listeners[i]);
    }
    leaving = 0;
}

START_TEST(listeners_may_leave_while_they_are_told)
{
    for (unsigned gone = 0; gone < 16; gone++) {
        core.accounts = accounts_new();
        struct account *account = learn(1);
        for (size_t i = 0; i < G_N_ELEMENTS(listeners); i++) {
            listeners[i] = (struct subscriber){.deliver = deliver};
            subscriber_add(&core, &listeners[i], account);
        }
        struct buffer payload = BUFFER_INIT(100);
        buffer_append_string(&payload, "{}");
        g_autoptr(trestle_event) event = event_new(EVENT_MESSAGE_NEW, 1, 0, &payload);
        heard = 0;
        leaving = gone;
        event_deliver(account, event);
        ck_assert_uint_ge(heard, 1);
        ck_assert_uint_le(heard, 4);
        leaving = 15;
        event_deliver(account, event);
        for (size_t i = 0; i < G_N_ELEMENTS(listeners); i++)
            subscriber_remove(&core, &listeners[i]);
        ck_assert_ptr_null(account->subscribers);
        ck_assert_int_eq(account->references, 1);
        event_deliver(account, event);
        accounts_free(core.accounts);
    }
}
END_TEST

START_TEST(types_have_names_both_ways)
{
    for (enum event_type type = 0; type < EVENT_TYPE_MAX; type++)
        ck_assert_int_eq(event_type_from_name(event_type_name(type)), type);
    ck_assert_int_eq(event_type_from_name("message"), EVENT_TYPE_MAX);
    ck_assert_int_eq(event_type_from_name(""), EVENT_TYPE_MAX);
}
END_TEST

UNIT_MAIN("core_account_event", registry_finds_and_refreshes, registry_drops_only_what_nobody_uses,
          address_that_changed_hands_survives_its_first_owner,
          listeners_may_leave_while_they_are_told, types_have_names_both_ways)
