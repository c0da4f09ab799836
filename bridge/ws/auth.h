/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signing in on a socket. */
#pragma once

#include "bridge/ws/socket.h"

/* Strings are borrowed. CURSOR: where to resume right behind hello, or NULL; ID is JSON or
 * NULL. */
void auth_begin(struct ws_socket *socket, const struct credentials *credentials, const char *cursor,
                const char *id);
/* A newer token on a socket that is signed in: ack, or error and all stays as it is. */
void auth_renew(struct ws_socket *socket, const char *token, const char *id);
