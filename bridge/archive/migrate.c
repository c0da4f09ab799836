/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Append-only migrations, each in one transaction, under an advisory lock. Blocking: this is for
 * the command line. */
#include "config.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/archive/archive.h"

#define MIGRATION_LOCK "7236185219" /* any fixed number; two migrations never run at once */

static const struct migration {
    int version;
    const char *name;
    const char *text;
} migrations[] = {
#define TRESTLE_MIGRATION(version, name, text) {version, name, text},
#include "bridge/archive/migrations.def"
#undef TRESTLE_MIGRATION
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGconn, PQfinish)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGresult, PQclear)

int schema_version(void)
{
    return migrations[G_N_ELEMENTS(migrations) - 1].version;
}

static bool run(PGconn *conn, const char *text, GError **error)
{
    g_autoptr(PGresult) result = PQexec(conn, text);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return true;
    g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNAVAILABLE, "%s", PQerrorMessage(conn));
    return false;
}

static bool current_version(PGconn *conn, int *ret_version, GError **error)
{
    if (!run(conn, "SELECT pg_advisory_lock(" MIGRATION_LOCK ")", error))
        return false;
    g_autoptr(PGresult) exists = PQexec(conn, "SELECT to_regclass('schema_migrations')");
    if (PQresultStatus(exists) != PGRES_TUPLES_OK || PQgetisnull(exists, 0, 0)) {
        *ret_version = 0;
        return true;
    }
    g_autoptr(PGresult) newest = PQexec(conn, "SELECT max(version) FROM schema_migrations");
    if (PQresultStatus(newest) != PGRES_TUPLES_OK) {
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNAVAILABLE, "%s", PQerrorMessage(conn));
        return false;
    }
    *ret_version = (int)g_ascii_strtoll(PQgetvalue(newest, 0, 0), NULL, 10);
    return true;
}

static bool apply(PGconn *conn, const struct migration *migration, GError **error)
{
    g_autofree char *text = g_strdup_printf(
        "BEGIN;\n%s\nINSERT INTO schema_migrations (version, name) VALUES (%d, '%s');\nCOMMIT;",
        migration->text, migration->version, migration->name);
    if (run(conn, text, error))
        return true;
    g_prefix_error(error, "migration %04d_%s: ", migration->version, migration->name);
    return false;
}

bool schema_migrate(const char *uri, GError **error)
{
    g_autoptr(PGconn) conn = PQconnectdb(uri);
    if (PQstatus(conn) != CONNECTION_OK) {
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNAVAILABLE, "%s", PQerrorMessage(conn));
        return false;
    }
    int version = 0;
    if (!run(conn, "SET client_min_messages = warning", error) ||
        !current_version(conn, &version, error))
        return false;
    if (version > schema_version()) {
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_CONFLICT,
                    "the database has schema %d, this program knows %d: run a newer program",
                    version, schema_version());
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(migrations); i++) {
        if (migrations[i].version <= version)
            continue;
        printf("applying %04d_%s\n", migrations[i].version, migrations[i].name);
        if (!apply(conn, &migrations[i], error))
            return false;
    }
    printf("schema %d is in place\n", schema_version());
    return true;
}
