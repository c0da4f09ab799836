/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of features and views of it. */
#pragma once

#include "bridge/core/feature.h"

struct dispatch;

/* All of them, NULL-terminated. */
extern const struct feature *const features[];

/* Their operation tables, outgoing stanzas, contents of messages, kinds of entries and of
 * jobs, NULL-terminated, static. */
const struct operation *const *features_operations(void);
const struct outgoing *const *features_outgoing(void);
const struct content *const *features_contents(void);
const struct entry_kind *const *features_entries(void);
const struct job_kind *const *features_jobs(void);

/* Starts and stops them, in their order. */
void features_start(struct core *core);
void features_stop(struct core *core);

/* Adds their stanza handlers to DISPATCH; false and *ERROR as dispatch_add() has it. */
bool features_dispatch(struct dispatch *dispatch, GError **error);
