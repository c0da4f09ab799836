/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The same commands for whoever is at the shell of this machine: a socket in the file system, at
 * which `trestle admin` asks. The kernel says who asks; root may, and the user as whom the daemon
 * runs.
 *
 * A client sends a JSON object in one line, { "command": NAME, "fields": { NAME: [TEXT] } }, and
 * gets one: { "reply": … } or { "problem": … }; without a command { "commands": [{ "command",
 * "name", "fields" }] }. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct core;

/* Listens at the option [admin] socket; nothing to do when it is empty. False and a line in the log
 * when that cannot be: the daemon works without it. */
bool shell_start(struct core *core);
void shell_stop(void);

#define SHELL_REQUEST_MAX 262144
