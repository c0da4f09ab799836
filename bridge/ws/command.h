/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From text frames to operations and back to ack and error frames. */
#pragma once

#include <glib.h>
#include <stddef.h>

struct core;
struct ws_socket;

/* type → const struct operation *, of all operations that are commands. */
GHashTable *command_table_new(const struct core *core);

/* A whole text message of the client, valid UTF-8. */
void command_receive(struct ws_socket *socket, const char *text, size_t length);
