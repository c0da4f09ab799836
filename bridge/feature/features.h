/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of features and views of it. */
#pragma once

#include "bridge/feature/feature.h"

/* Their operation tables and stanza tables, NULL-terminated, static. */
const struct operation *const *features_operations(void);
const struct stanza_handler *const *features_stanzas(void);
