/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Switches of features: on, off, or on for a share of users, who are chosen by a hash of switch and
 * user id: the same ones at each instance and after each start, others for each switch, and all of
 * a smaller share are in a larger one. SIGHUP reads them again. */
#pragma once

#include <stdbool.h>

struct core;
struct options;
struct uuid;

enum toggle {
    TOGGLE_NONE, /* cannot be switched: always on */
#define TRESTLE_TOGGLE(symbol, name) TOGGLE_##symbol,
#include "bridge/core/toggle.def"
    TOGGLE_MAX
};

#define TOGGLE_BIT(toggle) (1u << (toggle))

struct toggles {
    unsigned withheld[TOGGLE_MAX]; /* from how many of a hundred; 0: all have it */
};

const char *toggle_name(enum toggle toggle);

/* Reads them from OPTIONS, whose values have been checked. True: they have changed. */
bool toggles_read(struct toggles *toggles, const struct options *options);

/* Whether TOGGLE is on for USER. NULL (nobody has said who it is, or the app's backend): whether it
 * is on for anybody. */
bool toggle_is_on(const struct core *core, enum toggle toggle, const struct uuid *user);

/* Those that are off for USER, as TOGGLE_BIT(…) | …; 0 is the common case. */
unsigned toggles_off(const struct core *core, const struct uuid *user);
