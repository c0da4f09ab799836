/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `trestle backup-check`: whether a database and a store that were restored belong together and
 * have all that they say. Reads only; a bridge should not run meanwhile. */
#pragma once

#include "bridge/base/options.h"

/* FILES says how files are looked at: "all" (read whole), "sizes", or "none"; NULL: all. One line
 * for each part; the exit status of the program. */
int backup_check_run(const struct options *options, const char *files);
/* Why FILES is none of these, or NULL. Static. */
const char *backup_check_problem(const char *files);
