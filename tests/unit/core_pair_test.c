/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pairs in memory: asked for once, and never older than what was forgotten. */
#include "config.h"

#include <string.h>

#include "bridge/core/core.h"
#include "bridge/core/pair.h"
#include "bridge/loop/loop.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

#define TALK "00000000-0000-7000-8000-000000000001"
#define ALICE_ID "00000000-0000-7000-8000-00000000000a"
#define BELLA_ID "00000000-0000-7000-8000-00000000000b"

static struct core core;
static struct uuid talk, alice;
static struct {
    unsigned calls;
    bool found, live;
} told;

static void start(void)
{
    memset(&core, 0, sizeof core);
    memset(&told, 0, sizeof told);
    core.archive = (void *)&core; /* the fake one does not look at it */
    uuid_parse(TALK, &talk);
    uuid_parse(ALICE_ID, &alice);
    loop_start();
    pairs_init(&core);
}

static void stop(void)
{
    core.archive = NULL;
    fake_clear();
    pairs_clear(&core);
    loop_stop();
}

static void on_pair(struct pair *pair, enum error_code error, void *data)
{
    (void)data;
    ck_assert_int_eq(error, ERROR_NONE);
    told.calls++;
    told.found = pair != NULL;
    told.live = pair && pair->live;
}

static void ask(void)
{
    struct pair_key key = {.conversation = &talk};
    pair_read(&core, &key, on_pair, NULL);
}

static void answer(const char *live)
{
    const char *cells[] = {TALK, ALICE_ID, "1", "alice@app.example.org",
                           "t",  BELLA_ID, "2", "bella@app.example.org",
                           "t",  live,     "f"};
    ck_assert_int_eq(fake_asked(), QUERY_PAIR_BY_CONVERSATION);
    fake_answer(1, G_N_ELEMENTS(cells), cells);
}

START_TEST(what_was_read_is_known_until_it_is_forgotten)
{
    start();
    ask();
    ask(); /* joins */
    answer("t");
    ck_assert_uint_eq(told.calls, 2);
    ck_assert(told.live);
    ck_assert_ptr_nonnull(pair_known(&core, &talk));
    pairs_forget(&core, &alice);
    ck_assert_ptr_null(pair_known(&core, &talk));
    stop();
}
END_TEST

START_TEST(an_answer_older_than_a_block_is_not_remembered)
{
    start();
    ask();
    pairs_forget(&core, &alice);
    answer("t");
    ck_assert_uint_eq(told.calls, 1);
    ck_assert(told.found);
    ck_assert_ptr_null(pair_known(&core, &talk));
    ask();
    answer("f");
    ck_assert(told.found && !told.live);
    ck_assert(!pair_known(&core, &talk)->live);
    stop();
}
END_TEST

START_TEST(who_asks_after_a_change_gets_a_newer_answer)
{
    start();
    ask();
    pair_forget(&core, &talk);
    ask(); /* does not join */
    ck_assert_uint_eq(told.calls, 0);
    answer("t"); /* the older one */
    ck_assert_ptr_null(pair_known(&core, &talk));
    answer("f");
    ck_assert_uint_eq(told.calls, 2);
    ck_assert(!pair_known(&core, &talk)->live);
    stop();
}
END_TEST

UNIT_MAIN("core_pair", what_was_read_is_known_until_it_is_forgotten,
          an_answer_older_than_a_block_is_not_remembered,
          who_asks_after_a_change_gets_a_newer_answer)
