/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What server.c does for the other files of this folder. */
#pragma once

#include "bridge/http/exchange.h"

void connection_wait(struct http_server *server, struct connection *connection, enum wait wait);
void connection_trust(struct http_server *server,
                      struct connection *connection); /* somebody signed in */
void server_want_run(struct http_server *server);
void server_note_starved(
    struct http_server *server); /* logs once, until a second has passed without */
