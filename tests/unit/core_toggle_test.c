/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who has a feature: all, nobody, or the same share of users each time. */
#include "config.h"

#include "bridge/base/id.h"
#include "bridge/base/options.h"
#include "bridge/base/rollout.h"
#include "bridge/core/core.h"
#include "bridge/core/toggle.h"
#include "tests/unit/unit.h"

#define USERS 2000

static struct core core;

/* What is off unless it is switched on. */
#define OFF TOGGLE_BIT(TOGGLE_ANALYTICS)

static bool switch_to(const char *search, const char *groups)
{
    g_autoptr(trestle_options) options = options_new();
    g_free(options->features_search);
    g_free(options->features_groups);
    options->features_search = g_strdup(search);
    options->features_groups = g_strdup(groups);
    return toggles_read(&core.toggles, options);
}

static struct uuid user(unsigned number)
{
    struct uuid id = {{0}};
    id.bytes[0] = (unsigned char)(number >> 8);
    id.bytes[1] = (unsigned char)number;
    return id;
}

static unsigned users_with(enum toggle toggle)
{
    unsigned count = 0;
    for (unsigned i = 0; i < USERS; i++) {
        struct uuid id = user(i);
        count += toggle_is_on(&core, toggle, &id);
    }
    return count;
}

START_TEST(what_configuration_may_say)
{
    static const struct {
        const char *text;
        int percent; /* -1: refused */
    } rows[] = {{"on", 100},  {"off", 0},    {"0%", 0},    {"25%", 25}, {"100%", 100},
                {"101%", -1}, {"1000%", -1}, {"25", -1},   {"%", -1},   {"", -1},
                {"ON", -1},   {"-1%", -1},   {"25 %", -1}, {"2.5%", -1}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        unsigned percent = 7;
        bool good = rollout_parse(rows[i].text, &percent);
        ck_assert_msg(good == (rows[i].percent >= 0), "%s", rows[i].text);
        ck_assert_int_eq((int)percent, good ? rows[i].percent : 7);
    }
}
END_TEST

START_TEST(every_switch_has_an_option)
{
    core.toggles = (struct toggles){{0}};
    ck_assert_uint_eq(toggles_off(&core, NULL), 0); /* when nothing was read */
    ck_assert(switch_to("on", "on"));
    ck_assert(!switch_to("on", "on"));
    for (enum toggle toggle = TOGGLE_NONE + 1; toggle < TOGGLE_MAX; toggle++)
        ck_assert_ptr_nonnull(toggle_name(toggle));
    ck_assert_uint_eq(toggles_off(&core, NULL), OFF);
}
END_TEST

START_TEST(off_is_off_for_all)
{
    ck_assert(switch_to("off", "on"));
    ck_assert(!switch_to("off", "on"));
    ck_assert_uint_eq(users_with(TOGGLE_SEARCH), 0);
    ck_assert_uint_eq(users_with(TOGGLE_GROUPS), USERS);
    ck_assert_uint_eq(users_with(TOGGLE_NONE), USERS);
    ck_assert(!toggle_is_on(&core, TOGGLE_SEARCH, NULL));
    ck_assert_uint_eq(toggles_off(&core, NULL), TOGGLE_BIT(TOGGLE_SEARCH) | OFF);
    switch_to("on", "on");
    ck_assert_uint_eq(users_with(TOGGLE_SEARCH), USERS);
}
END_TEST

START_TEST(a_share_is_about_that_many_and_grows)
{
    bool first[USERS];
    unsigned same = 0;
    switch_to("25%", "25%");
    for (unsigned i = 0; i < USERS; i++) {
        struct uuid id = user(i);
        first[i] = toggle_is_on(&core, TOGGLE_SEARCH, &id);
        same += first[i] == toggle_is_on(&core, TOGGLE_GROUPS, &id);
    }
    ck_assert_uint_gt(users_with(TOGGLE_SEARCH), USERS / 5);
    ck_assert_uint_lt(users_with(TOGGLE_SEARCH), USERS * 3 / 10);
    ck_assert_msg(same < USERS * 3 / 4, "each switch has users of its own");
    ck_assert_msg(toggle_is_on(&core, TOGGLE_SEARCH, NULL), "it is on for somebody");
    switch_to("50%", "on");
    for (unsigned i = 0; i < USERS; i++) {
        struct uuid id = user(i);
        ck_assert(!first[i] || toggle_is_on(&core, TOGGLE_SEARCH, &id));
    }
}
END_TEST

UNIT_MAIN("core_toggle", what_configuration_may_say, every_switch_has_an_option, off_is_off_for_all,
          a_share_is_about_that_many_and_grows)
