/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `trestle migrate`: brings the database to the schema of this version. Returns the exit status. */
#pragma once

#include "bridge/base/options.h"

int migrate_run(const struct options *options);
