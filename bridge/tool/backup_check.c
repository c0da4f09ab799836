/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The doctor of a backup: what the database says of itself; backup_files.c looks into the store. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/archive/migrate.h"
#include "bridge/archive/tool.h"
#include "bridge/tool/backup_check.h"
#include "bridge/tool/backup_files.h"
#include "bridge/tool/doctor_part.h"

static gint64 number_in(const PGresult *result, int column)
{
    return g_ascii_strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

/* Its one row; NULL: that was said. */
static PGresult *row_of(struct doctor *doctor, PGconn *connection, enum tool_query query,
                        const char *part)
{
    PGresult *result = PQexec(connection, tool_query_text(query));
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
        return result;
    g_autofree char *problem = admin_sql_explain(PQerrorMessage(connection));
    doctor_say(doctor, VERDICT_FAIL, part, "%s", problem);
    PQclear(result);
    return NULL;
}

/* Whether the rest can be looked at: the statements are those of this version's schema. */
static bool check_schema(struct doctor *doctor, PGconn *connection)
{
    g_autofree char *version = admin_sql_value(connection, tool_query_text(TOOL_SCHEMA_NEWEST));
    gint64 number = version ? g_ascii_strtoll(version, NULL, 10) : 0;
    if (!version)
        doctor_say(doctor, VERDICT_FAIL, "schema", "the tables of trestle are not there");
    else if (number > schema_version())
        doctor_say(doctor, VERDICT_FAIL, "schema",
                   "version %s, this program knows %d; install the newer trestle that migrated it",
                   version, schema_version());
    else if (number < schema_version())
        doctor_say(doctor, VERDICT_FAIL, "schema",
                   "version %s, this program needs %d; run 'trestle migrate' on the copy, then "
                   "this again",
                   version, schema_version());
    else
        doctor_say(doctor, VERDICT_OK, "schema", "version %s", version);
    return number == schema_version();
}

static void check_log(struct doctor *doctor, PGconn *connection)
{
    g_autoptr(PGresult) row = row_of(doctor, connection, TOOL_BACKUP_LOG, "log");
    if (!row)
        return;
    const char *epoch = PQgetvalue(row, 0, 0), *refusal = PQgetvalue(row, 0, 3);
    gint64 position = number_in(row, 1), highest = number_in(row, 2);
    if (highest > position)
        doctor_say(doctor, VERDICT_FAIL, "log",
                   "it stands at %" G_GINT64_FORMAT ", but something stored has the position "
                   "%" G_GINT64_FORMAT ": log_head is older than the rest",
                   position, highest);
    else if (strcmp(refusal, "not-opened") == 0)
        doctor_say(doctor, VERDICT_OK, "log",
                   "epoch %s at %" G_GINT64_FORMAT "; another server than the one that wrote it: a "
                   "new epoch begins when trestle starts here, and clients from behind this point "
                   "read their state anew",
                   epoch, position);
    else if (*refusal)
        doctor_say(doctor, VERDICT_WARN, "log", "epoch %s at %" G_GINT64_FORMAT "; %s", epoch,
                   position, refusal);
    else
        doctor_say(doctor, VERDICT_OK, "log",
                   "epoch %s at %" G_GINT64_FORMAT ", on the server that wrote it: if these files "
                   "were put back in place, give it a new epoch (see the manual)",
                   epoch, position);
}

static void check_messages(struct doctor *doctor, PGconn *connection)
{
    g_autoptr(PGresult) row = row_of(doctor, connection, TOOL_BACKUP_MESSAGES, "messages");
    if (!row)
        return;
    bool good = number_in(row, 2) == 0 && number_in(row, 4) == 0 && number_in(row, 5) == 0;
    if (number_in(row, 2) > 0)
        doctor_say(doctor, VERDICT_FAIL, "messages",
                   "numbers are missing in %s conversations, in %s for one", PQgetvalue(row, 0, 2),
                   PQgetvalue(row, 0, 3));
    if (number_in(row, 4) > 0)
        doctor_say(doctor, VERDICT_FAIL, "messages", "%s are of no conversation",
                   PQgetvalue(row, 0, 4));
    if (number_in(row, 5) > 0)
        doctor_say(doctor, VERDICT_FAIL, "messages", "%s stand before an older one",
                   PQgetvalue(row, 0, 5));
    if (good)
        doctor_say(doctor, VERDICT_OK, "messages", "%s in %s conversations, none missing",
                   PQgetvalue(row, 0, 0), PQgetvalue(row, 0, 1));
}

static void check_members(struct doctor *doctor, PGconn *connection)
{
    g_autoptr(PGresult) row = row_of(doctor, connection, TOOL_BACKUP_MEMBERS, "members");
    if (!row)
        return;
    if (number_in(row, 1) > 0)
        doctor_say(doctor, VERDICT_FAIL, "members",
                   "%s have read, or got, more than there is: messages are missing at the end",
                   PQgetvalue(row, 0, 1));
    if (number_in(row, 2) > 0)
        doctor_say(doctor, VERDICT_FAIL, "members", "%s are of no conversation, or nobody",
                   PQgetvalue(row, 0, 2));
    if (number_in(row, 1) == 0 && number_in(row, 2) == 0)
        doctor_say(doctor, VERDICT_OK, "members", "%s", PQgetvalue(row, 0, 0));
}

/* Every table is read, at one moment; nothing is written. (A session that is read only could not
 * say whether it may write.) */
static bool moment_begin(struct doctor *doctor, PGconn *connection)
{
    static const char *const commands[] = {"SET statement_timeout = 0",
                                           "BEGIN ISOLATION LEVEL REPEATABLE READ"};
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autoptr(PGresult) result = PQexec(connection, commands[i]);
        if (PQresultStatus(result) == PGRES_COMMAND_OK)
            continue;
        g_autofree char *problem = admin_sql_explain(PQerrorMessage(connection));
        doctor_say(doctor, VERDICT_FAIL, "database", "%s", problem);
        return false;
    }
    return true;
}

const char *backup_check_problem(const char *files)
{
    static const char *const words[] = {"all", "sizes", "none", NULL};
    return !files || g_strv_contains(words, files) ? NULL : "--files must be all, sizes or none";
}

int backup_check_run(const struct options *options, const char *files)
{
    struct doctor doctor = {.options = options};
    char *problem = NULL;
    g_autoptr(PGconn) connection = admin_sql_connect(options, &problem);
    if (!connection) {
        doctor_say(&doctor, VERDICT_FAIL, "database", "%s; see [database] uri", problem);
        g_free(problem);
        return EXIT_FAILURE;
    }
    if (!moment_begin(&doctor, connection))
        return EXIT_FAILURE;
    doctor_say(&doctor, VERDICT_OK, "database", "%s", PQdb(connection));
    if (!check_schema(&doctor, connection))
        return EXIT_FAILURE;
    check_log(&doctor, connection);
    check_messages(&doctor, connection);
    check_members(&doctor, connection);
    if (!files || strcmp(files, "none") != 0)
        backup_files_check(&doctor, connection, !files || strcmp(files, "all") == 0);
    return doctor.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
