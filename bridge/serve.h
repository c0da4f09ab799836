/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two subcommands that are the daemon's own; both return the exit status. */
#pragma once

#include "bridge/base/options.h"

int serve_run(const struct options *options);
int migrate_run(const struct options *options);
