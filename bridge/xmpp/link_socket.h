/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The TCP connection under a component link. */
#pragma once

#include <glib.h>

/* A connected or connecting non-blocking socket, or -1 with *ret_problem, static text. HOST is a
 * numeric address, or localhost. */
int link_socket_open(const char *host, guint16 port_number, const char **ret_problem);
