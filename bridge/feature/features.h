/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of features and views of it. */
#pragma once

#include "bridge/core/feature.h"

/* All of them, NULL-terminated, in the order in which stanzas are offered. */
extern const struct feature *const features[];

/* Their operation tables, stanza tables and kinds of jobs, NULL-terminated, static. */
const struct operation *const *features_operations(void);
const struct stanza_handler *const *features_stanzas(void);
const struct job_kind *const *features_jobs(void);
