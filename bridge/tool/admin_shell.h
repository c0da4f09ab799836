/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `trestle admin`: commands of administrators, given to the service that runs. */
#pragma once

struct options;

/* WORDS, ended by NULL: the command and its fields, NAME=VALUE; none: lists the commands. Prints
 * the answer on stdout and complaints on stderr; returns the exit status. */
int admin_shell_run(const struct options *options, char **words);
