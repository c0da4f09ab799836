/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who gets something, as configuration writes it: "on", "off", or a share of users as "25%". */
#pragma once

#include <stdbool.h>

#define ROLLOUT_ALL 100

/* *ret_percent is 0 to ROLLOUT_ALL. False, and it untouched, if TEXT is none of the three. */
bool rollout_parse(const char *text, unsigned *ret_percent);
