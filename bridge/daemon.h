/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The running daemon: everything wired together, in start and stop order. */
#pragma once

#include <glib.h>

struct daemon;
struct options;

/* Starts every part; listeners that cannot be opened and keys that cannot be read are errors, a
 * database or XMPP server that is away is not: they are tried until they are there. */
struct daemon *daemon_new(const struct options *options, GError **error);

/* Stops accepting, tells sockets to go away, drains at most five seconds, then calls DONE. */
void daemon_stop(struct daemon *daemon, void (*done)(void *data), void *data);
void daemon_free(struct daemon *daemon);
