/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of stanzas that wait for the session of their account. */
#pragma once

#include "bridge/job/job.h"

struct core;

/* TEXT, a stanza, does not reach its account's session, for CONDITION: a message counts as
 * bounced, anything else is dropped. */
void bound_waiting_failed(struct core *core, const char *text, const char *condition);

/* What has waited for too long. */
extern const struct job_kind bound_jobs[];
