/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After a run: does the database hold what was acknowledged? A run that fails has no figure. */
#pragma once

#include <stdbool.h>

#include "tests/bench/send.h"

struct check_result {
    uint64_t stored;     /* rows with a client_id of this run */
    uint64_t missing;    /* acknowledged, but not stored with that id, seq and client_id */
    uint64_t repeated;   /* client_ids stored more than once */
    uint64_t gaps;       /* conversations whose seq is not 1..n */
    uint64_t unexpected; /* stored, but neither acknowledged nor possibly in flight */
};

/* Blocking. False: the database could not be asked. */
bool check_run(const struct send_run *run, struct check_result *ret_result);
bool check_passed(const struct check_result *result);
