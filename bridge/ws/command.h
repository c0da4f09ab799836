/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From text frames to operations and back to ack and error frames. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "bridge/account/limit.h"

struct account;
struct core;
struct field;
struct operation;
struct ws_socket;

/* type → const struct operation *, of all operations that are commands. */
GHashTable *command_table_new(const struct core *core);

/* A command of the socket itself, no operation. */
struct command_builtin {
    const char *type;
    const struct field *fields;
    const char *answers; /* types of the frames that answer it, separated by spaces */
    const char *summary;
    const char *ack; /* type of the payload when an ack answers it (view/schema.def); or NULL */
};

/* All of them, ended by a row without type. Static. */
const struct command_builtin *command_builtins(void);

/* Takes one of LIMIT from the bucket of ACCOUNT, who sends on SOCKET; false if there is none left.
 */
bool command_take(const struct ws_socket *socket, const struct account *account, enum limit limit);

/* A whole text message of the client, valid UTF-8. */
void command_receive(struct ws_socket *socket, const char *text, size_t length);
