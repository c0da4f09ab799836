/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `trestle serve`: the daemon until it is told to stop. Returns the exit status. */
#pragma once

#include "bridge/base/options.h"

int serve_run(const struct options *options);
