/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The running daemon: everything wired together, in start and stop order. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct daemon;
struct options;

/* Starts every part; listeners that cannot be opened and keys that cannot be read are errors, a
 * database or XMPP server that is away is not: they are tried until they are there. */
struct daemon *daemon_new(const struct options *options, GError **error);

/* Takes the keys of tokens, and what tokens must say, from OPTIONS, which are read anew. What was
 * let in by a key that is there no more has to sign in again. False, and all stays as it was, if
 * there is no good key. */
bool daemon_renew_keys(struct daemon *daemon, const struct options *options);

/* Takes the secrets that other services ask for, and the keys of the store, from OPTIONS, which
 * must live until the next ones are given or the daemon is freed. */
void daemon_renew_secrets(struct daemon *daemon, const struct options *options);

/* Switches features on or off as OPTIONS say. */
void daemon_renew_features(struct daemon *daemon, const struct options *options);

/* Reads the web client of OPTIONS anew; the present one stays if that cannot be read. */
void daemon_renew_pages(struct daemon *daemon, const struct options *options);

/* Stops accepting, tells sockets to go away, drains at most five seconds, then calls DONE. */
void daemon_stop(struct daemon *daemon, void (*done)(void *data), void *data);
void daemon_free(struct daemon *daemon);
