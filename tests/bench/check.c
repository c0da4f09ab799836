/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks a run against the database; see check.h. */
#include "tests/bench/check.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#define CHUNK 20000u /* acknowledged messages per statement */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGconn, PQfinish)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGresult, PQclear)

/* Runs a statement over array literals; every column of its one row is a count. */
static bool counts(PGconn *connection, const char *sql, const char *const *arguments, int given,
                   uint64_t *const *ret)
{
    g_autoptr(PGresult) result =
        PQexecParams(connection, sql, given, NULL, arguments, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        fprintf(stderr, "check: %s", PQerrorMessage(connection));
        return false;
    }
    for (int i = 0; i < PQnfields(result); i++)
        *ret[i] += g_ascii_strtoull(PQgetvalue(result, 0, i), NULL, 10);
    return true;
}

static void append_uuid(GString *text, const uint8_t id[16])
{
    for (int i = 0; i < 16; i++)
        g_string_append_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               id[i]);
}

static bool acknowledged(const struct send_record *record)
{
    static const uint8_t none[16] = {0};
    return memcmp(record->id, none, sizeof none) != 0;
}

/* Counts how many of the acknowledged messages FROM.. are stored as acknowledged; returns where the
 * next chunk starts. */
static bool check_chunk(const struct send_run *run, PGconn *connection, uint64_t *from,
                        uint64_t *found)
{
    static const char sql[] =
        "SELECT count(*) FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[])"
        " AS a (id, client_id, seq, conversation_id)"
        " JOIN messages m USING (id, client_id, seq, conversation_id)";
    GString *lists[4] = {g_string_new("{"), g_string_new("{"), g_string_new("{"),
                         g_string_new("{")};
    unsigned taken = 0;
    for (; *from < run->sent && taken < CHUNK; ++*from) {
        const struct send_record *record = &run->records[*from];
        char client_id[WORLD_TAG_LENGTH];
        if (!acknowledged(record))
            continue;
        for (int i = 0; taken > 0 && i < 4; i++)
            g_string_append_c(lists[i], ',');
        append_uuid(lists[0], record->id);
        send_client_id(run, *from, client_id);
        g_string_append_len(lists[1], client_id, sizeof client_id);
        g_string_append_printf(lists[2], "%" PRIu64, record->seq);
        g_string_append(lists[3], run->world->conversations[record->conversation].id);
        taken++;
    }
    for (int i = 0; i < 4; i++)
        g_string_append_c(lists[i], '}');
    const char *arguments[] = {lists[0]->str, lists[1]->str, lists[2]->str, lists[3]->str};
    bool asked = counts(connection, sql, arguments, 4, (uint64_t *[]){found});
    for (int i = 0; i < 4; i++)
        g_string_free(lists[i], TRUE);
    return asked;
}

bool check_run(const struct send_run *run, struct check_result *ret_result)
{
    struct check_result result = {0};
    uint64_t found = 0;
    uint64_t distinct = 0;
    uint64_t from = 0;
    g_autoptr(PGconn) connection = PQconnectdb(run->world->stack->database);
    if (PQstatus(connection) != CONNECTION_OK) {
        fprintf(stderr, "check: %s", PQerrorMessage(connection));
        return false;
    }
    while (from < run->sent)
        if (!check_chunk(run, connection, &from, &found))
            return false;
    g_autoptr(GString) ids = g_string_new("{");
    for (unsigned i = 0; i < run->plan.conversations; i++)
        g_string_append_printf(ids, "%s%s", i > 0 ? "," : "", run->world->conversations[i].id);
    g_string_append_c(ids, '}');
    g_autofree char *pattern = g_strdup_printf("%.*s%%", (int)sizeof run->tag, run->tag);
    const char *arguments[] = {ids->str, pattern};
    if (!counts(connection,
                "SELECT count(*), count(DISTINCT client_id) FROM messages"
                " WHERE conversation_id = ANY ($1::uuid[]) AND client_id LIKE $2",
                arguments, 2, (uint64_t *[]){&result.stored, &distinct}) ||
        !counts(connection,
                "SELECT count(*) FROM (SELECT FROM messages"
                " WHERE conversation_id = ANY ($1::uuid[]) GROUP BY conversation_id"
                " HAVING min(seq) <> 1 OR max(seq) <> count(*)"
                " OR count(DISTINCT seq) <> count(*)) broken",
                arguments, 1, (uint64_t *[]){&result.gaps}))
        return false;
    result.missing = run->acked - found;
    result.repeated = result.stored - distinct;
    /* A send that broke may have been stored all the same; one that was answered may not. */
    uint64_t possible = run->sent - run->refused;
    result.unexpected = result.stored > possible ? result.stored - possible : 0;
    *ret_result = result;
    return true;
}

bool check_passed(const struct check_result *result)
{
    return result->missing == 0 && result->repeated == 0 && result->gaps == 0 &&
           result->unexpected == 0;
}
