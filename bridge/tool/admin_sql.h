/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The few statements that the command line runs by itself, over one blocking connection; the daemon
 * never uses this. */
#pragma once

#include <glib.h>
#include <libpq-fe.h>
#include <stdbool.h>

#include "bridge/base/options.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGconn, PQfinish)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGresult, PQclear)

/* Whether libpq can read the URI. When it cannot, its own message quotes it, password and all:
 * nobody must hand it such a one. */
bool admin_sql_uri_is_good(const char *uri);
/* What libpq says, on one line and with a hint where there is one; caller frees. */
char *admin_sql_explain(const char *message);

/* To the database. Waits at most five seconds. NULL and *ret_problem (caller frees) when there is
 * no connection. */
PGconn *admin_sql_connect(const struct options *options, char **ret_problem);
/* The same to URI. */
PGconn *admin_sql_connect_to(const char *uri, char **ret_problem);
/* Tries what writes need, and takes it back: why it does not work, or NULL; caller frees. */
char *admin_sql_try_write(PGconn *connection);

/* The single value that STATEMENT yields; NULL when it fails or yields NULL. Caller frees. */
char *admin_sql_value(PGconn *connection, const char *statement);

/* NULL when done, else what went wrong; caller frees. HASH has 32 bytes, SCOPES commas. */
char *admin_sql_create_key(const struct options *options, const char *name, const guint8 *hash,
                           const char *scopes);
char *admin_sql_revoke_key(const struct options *options, const char *name);
