/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers to what SQL did not do. */
#include "config.h"

#include "bridge/account/limit.h"
#include "bridge/core/refusal.h"

static enum limit outcome_limit(enum write_outcome outcome)
{
    switch (outcome) {
#define TRESTLE_OUTCOME(symbol, number, error, limit)                                              \
    case OUTCOME_##symbol:                                                                         \
        return LIMIT_##limit;
#include "bridge/archive/outcome.def"
    }
    return LIMIT_NONE;
}

void refusal_answer(struct request *request, enum write_outcome outcome,
                    const struct field_problem *why)
{
    enum limit limit = outcome_limit(outcome);
    enum error_code code = outcome_error(outcome);
    if (limit != LIMIT_NONE)
        request_fail_limited(request, limit);
    else if (why && code == ERROR_UNPROCESSABLE)
        request_fail_field(request, why);
    else
        request_fail(request, code, why ? why->detail : NULL);
}
