/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What option values must satisfy together; each for itself is of its type (options_type.h). Inside
 * bridge/base only. Messages name section and option, never the value. */
#pragma once

#include "bridge/base/options.h"

/* Before secret files are read: required options, and those that exclude each other. Also makes up
 * what follows from another option. */
bool options_check_given(struct options *options, GError **error);
/* After they are read: everything else. */
bool options_check_values(struct options *options, GError **error);
