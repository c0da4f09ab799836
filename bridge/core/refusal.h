/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one way from an outcome in SQL to an answer; see archive/outcome.def. */
#pragma once

#include "bridge/archive/outcome.h"
#include "bridge/core/request.h"

/* Answers REQUEST, which came to OUTCOME and so was not done, with the error and the limit of its
 * row. WHY may be NULL; its detail, and for OUTCOME_UNPROCESSABLE its pointer, are told. */
void refusal_answer(struct request *request, enum write_outcome outcome,
                    const struct field_problem *why);
