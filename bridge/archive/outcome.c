/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The errors of outcomes. */
#include "config.h"

#include "bridge/archive/outcome.h"

enum error_code outcome_error(enum write_outcome outcome)
{
    switch (outcome) {
#define TRESTLE_OUTCOME(symbol, number, error, limit)                                              \
    case OUTCOME_##symbol:                                                                         \
        return error;
#include "bridge/archive/outcome.def"
    }
    return ERROR_INTERNAL;
}
