/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The doctor's look at the standby that is read from. */
#include "config.h"

#include "bridge/archive/tool.h"
#include "bridge/tool/doctor_part.h"

#define PART "replica"
#define BEHIND_WARN (16 * 1024 * 1024) /* bytes of write-ahead log */

/* One row of an epoch and a position, or NULL. */
static PGresult *replica_state(PGconn *connection, enum tool_query query)
{
    PGresult *result = PQexec(connection, tool_query_text(query));
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
        return result;
    PQclear(result);
    return NULL;
}

static void states_compare(struct doctor *doctor, const PGresult *primary, const PGresult *replica)
{
    gint64 behind = g_ascii_strtoll(PQgetvalue(primary, 0, 1), NULL, 10) -
                    g_ascii_strtoll(PQgetvalue(replica, 0, 1), NULL, 10);
    if (PQgetisnull(replica, 0, 1))
        doctor_say(doctor, VERDICT_FAIL, PART, "the server is no standby; see [database] read_uri");
    else if (g_strcmp0(PQgetvalue(primary, 0, 0), PQgetvalue(replica, 0, 0)) != 0)
        doctor_say(doctor, VERDICT_FAIL, PART,
                   "the server has another log than the one of [database] uri: it follows another "
                   "server, or none any more");
    else if (behind > BEHIND_WARN)
        doctor_say(doctor, VERDICT_WARN, PART,
                   "%" G_GINT64_FORMAT " MB of write-ahead log behind: reads go to the primary",
                   behind / 1024 / 1024);
    else
        doctor_say(doctor, VERDICT_OK, PART, "a standby, %" G_GINT64_FORMAT " bytes behind",
                   MAX(behind, 0));
}

void doctor_check_replica(struct doctor *doctor, PGconn *connection)
{
    char *problem = NULL;
    if (!*doctor->options->database_read_uri)
        return;
    g_autoptr(PGconn) other = admin_sql_connect_to(doctor->options->database_read_uri, &problem);
    if (!other) {
        doctor_say(doctor, VERDICT_FAIL, PART, "%s; see [database] read_uri", problem);
        g_free(problem);
        return;
    }
    g_autoptr(PGresult) primary = replica_state(connection, TOOL_PRIMARY_STATE);
    g_autoptr(PGresult) replica = replica_state(other, TOOL_REPLICA_STATE);
    if (primary && replica)
        states_compare(doctor, primary, replica);
    else
        doctor_say(doctor, VERDICT_FAIL, PART, "%s does not tell where it stands: %s",
                   primary ? "the standby" : "the primary",
                   PQerrorMessage(primary ? other : connection));
}
