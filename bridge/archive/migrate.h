/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The schema of the database: what this program needs, and bringing it there. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* The newest schema version this program knows. */
int schema_version(void);

/* The digest of the set of SQL functions this program needs. */
const char *schema_functions_digest(void);

/* Brings the database of URI up to date, blocking; prints what it does. False with *error set. */
bool schema_migrate(const char *uri, GError **error);
/* Why the tables cannot live in a database of this server version and encoding, or NULL; caller
 * frees. */
char *schema_server_problem(int version, const char *encoding);
