/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Append-only migrations, each in one transaction, under an advisory lock; then the functions,
 * which are replaced as a whole when the program brings other ones. Blocking: this is for the
 * command line. */
#include "config.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/archive/migrate.h"

#define POSTGRES_MIN 150000
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

/* The set of functions and of the types they return, in one transaction. A call in one of a
 * function that stands in a later file is no error, hence the setting. What is dropped is what an
 * earlier set has noted, nothing else.
 */
static const char functions_text[] =
    "BEGIN;\n"
    "SET LOCAL check_function_bodies = off;\n"
    "DO $drop$ DECLARE old text; BEGIN\n"
    "  FOR old IN SELECT unnest(signatures) FROM schema_functions LOOP\n"
    "    EXECUTE 'DROP FUNCTION IF EXISTS ' || old;\n"
    "  END LOOP;\n"
    "  FOR old IN SELECT unnest(types) FROM schema_functions LOOP\n"
    "    EXECUTE 'DROP TYPE IF EXISTS ' || old;\n"
    "  END LOOP;\n"
    "END $drop$;\n"
    "DELETE FROM schema_functions;\n"
    "CREATE TEMPORARY TABLE functions_before ON COMMIT DROP AS SELECT oid FROM pg_proc;\n"
    "CREATE TEMPORARY TABLE types_before ON COMMIT DROP AS SELECT oid FROM pg_class;\n"
#define TRESTLE_FUNCTIONS(name, text) text
#include "bridge/archive/functions.def"
#undef TRESTLE_FUNCTIONS
    "\nINSERT INTO schema_functions (digest, signatures, types)\n"
    "  SELECT '" FUNCTIONS_DIGEST "', coalesce(array_agg(p.oid::regprocedure::text), '{}'),\n"
    "         (SELECT coalesce(array_agg(c.reltype::regtype::text ORDER BY c.oid DESC), '{}')\n"
    "            FROM pg_class c WHERE c.relkind = 'c'\n"
    "              AND c.relnamespace = current_schema()::regnamespace\n"
    "              AND c.oid NOT IN (SELECT oid FROM types_before))\n"
    "    FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace\n"
    "      AND p.oid NOT IN (SELECT oid FROM functions_before);\n"
    "COMMIT;";

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGconn, PQfinish)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGresult, PQclear)

int schema_version(void)
{
    return migrations[G_N_ELEMENTS(migrations) - 1].version;
}

const char *schema_functions_digest(void)
{
    return FUNCTIONS_DIGEST;
}

static bool text_run(PGconn *conn, const char *text, GError **error)
{
    g_autoptr(PGresult) result = PQexec(conn, text);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return true;
    g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNAVAILABLE, "%s", PQerrorMessage(conn));
    return false;
}

/* Which have run, in their order; the caller clears it. NULL: an error. */
static PGresult *versions_read(PGconn *conn, GError **error)
{
    if (!text_run(conn, "SELECT pg_advisory_lock(" MIGRATION_LOCK ")", error))
        return NULL;
    g_autoptr(PGresult) exists = PQexec(conn, "SELECT to_regclass('schema_migrations')");
    bool fresh = PQresultStatus(exists) != PGRES_TUPLES_OK || PQgetisnull(exists, 0, 0);
    g_autoptr(PGresult) versions =
        PQexec(conn, fresh ? "SELECT 0 WHERE false"
                           : "SELECT version FROM schema_migrations ORDER BY version");
    if (PQresultStatus(versions) == PGRES_TUPLES_OK)
        return g_steal_pointer(&versions);
    g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNAVAILABLE, "%s", PQerrorMessage(conn));
    return NULL;
}

static int version_at(const PGresult *versions, int row)
{
    return (int)g_ascii_strtoll(PQgetvalue(versions, row, 0), NULL, 10);
}

static bool version_has_run(const PGresult *versions, int version)
{
    for (int row = 0; row < PQntuples(versions); row++) {
        if (version_at(versions, row) == version)
            return true;
    }
    return false;
}

static bool migration_apply(PGconn *conn, const struct migration *migration, GError **error)
{
    g_autofree char *text = g_strdup_printf(
        "BEGIN;\n%s\nINSERT INTO schema_migrations (version, name) VALUES (%d, '%s');\nCOMMIT;",
        migration->text, migration->version, migration->name);
    if (text_run(conn, text, error))
        return true;
    g_prefix_error(error, "migration %04d_%s: ", migration->version, migration->name);
    return false;
}

static bool apply_functions(PGconn *conn, GError **error)
{
    g_autoptr(PGresult) known = PQexec(conn, "SELECT digest FROM schema_functions");
    if (PQresultStatus(known) == PGRES_TUPLES_OK && PQntuples(known) == 1 &&
        strcmp(PQgetvalue(known, 0, 0), FUNCTIONS_DIGEST) == 0)
        return true;
    printf("replacing the functions\n");
    if (text_run(conn, functions_text, error))
        return true;
    g_prefix_error(error, "functions: ");
    return false;
}

char *schema_server_problem(int version, const char *encoding)
{
    if (version < POSTGRES_MIN)
        return g_strdup_printf("PostgreSQL %d is too old; 15 or later is needed", version / 10000);
    if (g_strcmp0(encoding, "UTF8") != 0)
        return g_strdup_printf("its encoding is %s; make it anew with CREATE DATABASE … ENCODING "
                               "'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0",
                               encoding);
    return NULL;
}

bool schema_migrate(const char *uri, GError **error)
{
    const char *keywords[] = {"dbname", "connect_timeout", "fallback_application_name", NULL};
    const char *values[] = {uri, "5", "trestle", NULL};
    g_autoptr(PGconn) conn = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(conn) != CONNECTION_OK) {
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNAVAILABLE, "%s", PQerrorMessage(conn));
        return false;
    }
    g_autofree char *problem =
        schema_server_problem(PQserverVersion(conn), PQparameterStatus(conn, "server_encoding"));
    if (problem) {
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_CONFLICT, "the database: %s", problem);
        return false;
    }
    if (!text_run(conn, "SET client_min_messages = warning", error))
        return false;
    g_autoptr(PGresult) versions = versions_read(conn, error);
    if (!versions)
        return false;
    int count = PQntuples(versions);
    int version = count > 0 ? version_at(versions, count - 1) : 0;
    if (version > schema_version()) {
        g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_CONFLICT,
                    "the database has schema %d, this program knows %d: run a newer program",
                    version, schema_version());
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(migrations); i++) {
        /* One with a lower number may have come to be later than one that has run. */
        if (version_has_run(versions, migrations[i].version))
            continue;
        printf("applying %04d_%s\n", migrations[i].version, migrations[i].name);
        if (!migration_apply(conn, &migrations[i], error))
            return false;
    }
    if (!apply_functions(conn, error))
        return false;
    printf("schema %d is in place\n", schema_version());
    return true;
}
