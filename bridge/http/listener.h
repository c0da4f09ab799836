/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listening sockets. */
#pragma once

#include <glib.h>

/* A non-blocking listening TCP socket on the numeric ADDRESS (IPv4 or IPv6); PORT 0 picks a free
 * one. -1 and *error if that cannot be had. */
int listener_open(const char *address, unsigned port, GError **error);

/* The port a socket is bound to. */
unsigned listener_port(int fd);
