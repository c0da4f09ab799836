/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What option values must satisfy beyond their type and bounds; inside bridge/base only. Messages
 * name section and option, never the value. */
#pragma once

#include "bridge/base/options.h"

/* Before secret files are read: required options, and those that exclude each other. Also brings
 * domains to lower case and localhost to its number. */
bool options_check_given(struct options *options, GError **error);
/* After secret files are read: everything else. */
bool options_check_values(struct options *options, GError **error);
