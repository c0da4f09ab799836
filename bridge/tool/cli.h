/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Command line: finds the subcommand, reads its options and the configuration, runs it. */
#pragma once

enum { EXIT_USAGE = 2 };

struct options;

/* Returns the exit status: 0, 1 when the command failed, EXIT_USAGE when it was called wrongly.
 * SERVE is the daemon, and returns its exit status. */
int cli_run(int argc, char **argv, int (*serve)(const struct options *options));
