/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of strangers that [spam] hook_url is asked about before they are stored: SQL says which
 * (OUTCOME_ASKED, see spam_pass()), here they wait for the answer, and are written again with it.
 * What comes meanwhile for the same conversation waits behind, so that its order stays. */
#pragma once

struct core;

void judge_start(struct core *core);
void judge_stop(struct core *core);
