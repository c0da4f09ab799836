/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The API listener: HTTP/1.1 requests to operations, and WebSocket handshakes, on the main loop. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct core;
struct http_server;
struct websocket_upgrade;

/* Listens on [http] listen and port and serves core->operations (which, like CORE, must outlive the
 * server; UPGRADE is copied, NULL: no WebSockets). NULL and *error if it cannot listen. */
struct http_server *http_server_new(struct core *core, const struct websocket_upgrade *upgrade,
                                    GError **error);

/* Stops accepting, closes idle connections, and calls DONE once, later: when no request is running
 * any more, or after MILLISECONDS. DONE may free the server. */
void http_server_stop(struct http_server *server, guint milliseconds, void (*done)(void *data),
                      void *data);

/* Cuts every connection. Requests whose handlers have not answered yet stay valid until they do.
 * Not from inside of a handler. NULL is fine. */
void http_server_free(struct http_server *server);

/* Serves the web client of http.web_root (empty: none) from now on. False and *error: what was
 * served stays. */
bool http_server_renew_pages(struct http_server *server, const struct options *options,
                             GError **error);

unsigned http_server_port(const struct http_server *server);
