/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocking database access for the command line. */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "bridge/archive/tool.h"
#include "bridge/tool/admin_sql.h"

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

/* libpq ends messages with a newline and puts hints on lines of their own. */
static char *one_line(const char *message)
{
    char *line = g_strchomp(g_strdup(message));
    return g_strdelimit(line, "\r\n\t", ' ');
}

bool admin_sql_uri_is_good(const char *uri)
{
    PQconninfoOption *parsed = PQconninfoParse(uri, NULL);
    bool good = parsed != NULL;
    /* A slash in a password makes its beginning the port, which libpq quotes, too, but only later.
     */
    for (const PQconninfoOption *p = parsed; p && p->keyword; p++) {
        if (p->val && strcmp(p->keyword, "port") == 0)
            good = strspn(p->val, "0123456789,") == strlen(p->val);
    }
    PQconninfoFree(parsed);
    return good;
}

/* Over a socket the server takes the name of the user who runs the program: root, as a rule. */
char *admin_sql_explain(const char *message)
{
    g_autofree char *line = one_line(message);
    bool is_role = strstr(line, "Peer authentication failed") ||
                   (strstr(line, "role \"") && strstr(line, "does not exist"));
    return g_strconcat(line,
                       is_role ? "; run this as the user of the service, for instance with "
                                 "'runuser -u trestle -- trestle …'"
                               : "",
                       NULL);
}

PGconn *admin_sql_connect_to(const char *uri, char **ret_problem)
{
    const char *keywords[] = {"dbname", "connect_timeout", "fallback_application_name", NULL};
    const char *values[] = {uri, "5", "trestle", NULL};
    PGconn *connection = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(connection) == CONNECTION_OK) {
        PQsetNoticeProcessor(connection, ignore_notice, NULL);
        PQclear(PQexec(connection, "SET statement_timeout = '10s'"));
        return connection;
    }
    *ret_problem = admin_sql_explain(PQerrorMessage(connection));
    PQfinish(connection);
    return NULL;
}

PGconn *admin_sql_connect(const struct options *options, char **ret_problem)
{
    return admin_sql_connect_to(options->database_uri, ret_problem);
}

char *admin_sql_value(PGconn *connection, const char *statement)
{
    g_autoptr(PGresult) result = PQexec(connection, statement);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 ||
        PQgetisnull(result, 0, 0))
        return NULL;
    return g_strdup(PQgetvalue(result, 0, 0));
}

static char *describe_failure(PGconn *connection, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (g_strcmp0(state, "42883") == 0)
        return g_strdup("the database does not have the tables yet; run 'trestle migrate'");
    if (g_strcmp0(state, "23505") == 0)
        return g_strdup("there is a key of that name already; revoke it first");
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    return one_line(message ? message : PQerrorMessage(connection));
}

char *admin_sql_try_write(PGconn *connection)
{
    PQclear(PQexec(connection, "BEGIN"));
    g_autoptr(PGresult) result = PQexec(connection, tool_query_text(TOOL_WRITE_TRY));
    bool good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    g_autofree char *refusal = good ? g_strdup(PQgetvalue(result, 0, 0)) : NULL;
    char *problem = good ? NULL : describe_failure(connection, result);
    PQclear(PQexec(connection, "ROLLBACK"));
    if (g_strcmp0(refusal, "standby") == 0)
        problem = g_strdup(
            "it is a standby, which takes no writes; [database] uri must lead to the primary "
            "(target_session_attrs=read-write with several hosts)");
    else if (g_strcmp0(refusal, "read-only") == 0)
        problem = g_strdup("it is read only (default_transaction_read_only of the role, the "
                           "database or the server)");
    return problem;
}

char *admin_sql_create_key(const struct options *options, const char *name, const guint8 *hash,
                           const char *scopes)
{
    char *problem = NULL;
    g_autoptr(PGconn) connection = admin_sql_connect(options, &problem);
    if (!connection)
        return problem;
    g_autofree char *array = g_strdup_printf("{%s}", scopes);
    const char *values[] = {name, (const char *)hash, array};
    int lengths[] = {0, 32, 0};
    int formats[] = {0, 1, 0};
    g_autoptr(PGresult) result = PQexecParams(connection, tool_query_text(TOOL_SERVER_KEY_CREATE),
                                              3, NULL, values, lengths, formats, 0);
    bool done = PQresultStatus(result) == PGRES_TUPLES_OK;
    return done ? NULL : describe_failure(connection, result);
}

char *admin_sql_revoke_key(const struct options *options, const char *name)
{
    char *problem = NULL;
    g_autoptr(PGconn) connection = admin_sql_connect(options, &problem);
    if (!connection)
        return problem;
    const char *values[] = {name};
    g_autoptr(PGresult) result = PQexecParams(connection, tool_query_text(TOOL_SERVER_KEY_REVOKE),
                                              1, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return describe_failure(connection, result);
    bool none = PQntuples(result) == 0 || strcmp(PQgetvalue(result, 0, 0), "f") == 0 ||
                strcmp(PQgetvalue(result, 0, 0), "0") == 0;
    return none ? g_strdup("there is no key of that name") : NULL;
}
