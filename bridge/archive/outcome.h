/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What writes and changes in SQL come to; see outcome.def. */
#pragma once

#include "bridge/base/error.h"

enum write_outcome {
#define TRESTLE_OUTCOME(symbol, number, error, limit) OUTCOME_##symbol = number,
#include "bridge/archive/outcome.def"
};

/* The error that OUTCOME means; ERROR_NONE: it was done, now or before. ERROR_INTERNAL: SQL says
 * what this program does not know. */
enum error_code outcome_error(enum write_outcome outcome);
