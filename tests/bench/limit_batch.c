/* SPDX-License-Identifier: GPL-3.0-or-later */
/* L2: how many rows per second PostgreSQL takes in batches, and what one costs it: binary-array
 * unnest inserts of 1 .. 1024 rows on 1 .. 3 connections into a table with the columns, indexes and
 * payload of the product's messages. The next batch of a connection is sent when its last one has
 * committed. The table is made for the purpose and dropped again. */
#include <glib.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/cpu.h"
#include "tests/bench/histogram.h"
#include "tests/bench/limit_rows.h"
#include "tests/bench/schedule.h"

#define TABLE "bench_l2"
#define CONNECTIONS_MAX 3
#define ROWS_MAX 8192
#define WARMUP_NS 300000000u

struct probe {
    const char *uri;
    struct row_maker *maker;
    struct cpu *cpu;
    PGconn *connections[CONNECTIONS_MAX];
    uint64_t sent_at[CONNECTIONS_MAX];
    struct histogram *latency;
    uint64_t committed; /* rows */
    bool failed;
};

static bool execute(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fprintf(stderr, "%s: %s", sql, PQerrorMessage(connection));
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* Like the product's table if it is there; else like its first version. */
static bool make_table(PGconn *connection, const char *like)
{
    static const char scratch[] =
        "CREATE TABLE " TABLE " (id uuid PRIMARY KEY, conversation_id uuid NOT NULL,"
        " seq bigint NOT NULL, pos bigint NOT NULL, sender_id uuid NOT NULL, kind text NOT NULL,"
        " body text, client_id text, dedupe uuid, created_at timestamptz NOT NULL,"
        " UNIQUE (conversation_id, seq), UNIQUE (sender_id, dedupe))";
    g_autofree char *copy = NULL;
    if (like != NULL)
        copy = g_strdup_printf("CREATE TABLE " TABLE " (LIKE %s INCLUDING ALL)", like);
    return execute(connection, "SET client_min_messages = warning") &&
           execute(connection, "DROP TABLE IF EXISTS " TABLE) &&
           execute(connection, copy != NULL ? copy : scratch);
}

static bool send_batch(struct probe *probe, unsigned slot, unsigned rows)
{
    struct row_batch batch = row_maker_batch(probe->maker, slot, rows);
    PGconn *connection = probe->connections[slot];
    probe->sent_at[slot] = now_ns();
    return PQsendQueryPrepared(connection, "l2", batch.columns, batch.values, batch.lengths,
                               batch.formats, 0) == 1 &&
           PQflush(connection) == 0;
}

/* Takes what has come; true when the batch is committed. */
static bool take_result(struct probe *probe, unsigned slot, unsigned rows)
{
    PGconn *connection = probe->connections[slot];
    PGresult *result = NULL;
    if (PQconsumeInput(connection) == 0)
        probe->failed = true;
    if (probe->failed || PQisBusy(connection))
        return false;
    while ((result = PQgetResult(connection)) != NULL) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK) {
            fprintf(stderr, "insert: %s", PQresultErrorMessage(result));
            probe->failed = true;
        }
        PQclear(result);
    }
    probe->committed += rows;
    histogram_record(probe->latency, now_ns() - probe->sent_at[slot]);
    return true;
}

/* Keeps COUNT connections busy until END; then waits for the last batches. */
static void pump(struct probe *probe, unsigned count, unsigned rows, uint64_t end)
{
    struct pollfd fds[CONNECTIONS_MAX];
    unsigned busy = count;
    for (unsigned i = 0; i < count; i++) {
        fds[i] = (struct pollfd){.fd = PQsocket(probe->connections[i]), .events = POLLIN};
        probe->failed |= !send_batch(probe, i, rows);
    }
    while (busy > 0 && !probe->failed) {
        poll(fds, count, -1);
        for (unsigned i = 0; i < count; i++) {
            if (fds[i].revents == 0 || !take_result(probe, i, rows))
                continue;
            if (now_ns() < end)
                probe->failed |= !send_batch(probe, i, rows);
            else
                busy--;
        }
    }
}

/* One combination. NULL when a statement failed. */
static json_t *measure(struct probe *probe, unsigned count, unsigned rows, double seconds)
{
    if (!execute(probe->connections[0], "TRUNCATE " TABLE))
        return NULL;
    pump(probe, count, rows, now_ns() + WARMUP_NS);
    histogram_reset(probe->latency);
    probe->committed = 0;
    struct cpu_sample before = cpu_take(probe->cpu);
    pump(probe, count, rows, now_ns() + (uint64_t)(seconds * 1e9));
    struct cpu_sample after = cpu_take(probe->cpu);
    if (probe->failed)
        return NULL;
    double span = (double)(after.at - before.at) / 1e9;
    double rate = (double)probe->committed / span;
    double cost[CPU_ROLE_MAX];
    for (int role = 0; role < CPU_ROLE_MAX; role++)
        cost[role] = (double)(after.ns[role] - before.ns[role]) / 1e3 / (double)probe->committed;
    double p50 = (double)histogram_percentile(probe->latency, 50) / 1e6;
    double p99 = (double)histogram_percentile(probe->latency, 99) / 1e6;
    printf("L2: %u connections x %4u rows: %8.0f rows/s, PostgreSQL %6.2f us/row, probe %5.2f"
           " us/row, commit p50 %7.3f p99 %7.3f ms\n",
           count, rows, rate, cost[CPU_POSTGRES], cost[CPU_GENERATOR], p50, p99);
    fflush(stdout);
    return json_pack("{s:i,s:i,s:f,s:f,s:f,s:f,s:f}", "connections", (int)count, "rows", (int)rows,
                     "rate", rate, "postgres_us", cost[CPU_POSTGRES], "probe_us",
                     cost[CPU_GENERATOR], "p50_ms", p50, "p99_ms", p99);
}

static bool prepare(struct probe *probe, const char *like)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        probe->connections[i] = PQconnectdb(probe->uri);
        if (PQstatus(probe->connections[i]) != CONNECTION_OK) {
            fprintf(stderr, "%s", PQerrorMessage(probe->connections[i]));
            return false;
        }
    }
    if (!make_table(probe->connections[0], like))
        return false;
    probe->maker = row_maker_new(probe->connections[0], TABLE, like);
    if (probe->maker == NULL)
        return false;
    g_autofree char *sql = row_maker_statement(probe->maker);
    g_autofree char *names = row_maker_columns(probe->maker);
    printf("L2: columns %s\n", names);
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        PGresult *result = PQprepare(probe->connections[i], "l2", sql, 0, NULL);
        bool fine = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
        if (!fine) {
            fprintf(stderr, "%s: %s", sql, PQerrorMessage(probe->connections[i]));
            return false;
        }
    }
    return true;
}

/* Every batch size on every number of connections; "1,16" narrows either. */
static json_t *measure_all(struct probe *probe, const char *sizes, const char *counts,
                           double seconds)
{
    json_t *results = json_array();
    g_auto(GStrv) size_list = g_strsplit(sizes, ",", -1);
    g_auto(GStrv) count_list = g_strsplit(counts, ",", -1);
    for (char **count = count_list; *count != NULL; count++) {
        for (char **size = size_list; *size != NULL && !probe->failed; size++) {
            unsigned rows = (unsigned)CLAMP(g_ascii_strtoull(*size, NULL, 10), 1, ROWS_MAX);
            unsigned connections =
                (unsigned)CLAMP(g_ascii_strtoull(*count, NULL, 10), 1, CONNECTIONS_MAX);
            json_t *result = measure(probe, connections, rows, seconds);
            if (result != NULL)
                json_array_append_new(results, result);
        }
    }
    return results;
}

static int run(const struct stack *stack, const char *like, json_t **ret_results,
               const char *const lists[2], double seconds)
{
    struct probe probe = {.uri = stack->database, .latency = histogram_new()};
    bool ready = prepare(&probe, like);
    if (ready) {
        probe.cpu = cpu_new(stack); /* now that the backends are there */
        *ret_results = measure_all(&probe, lists[0], lists[1], seconds);
        execute(probe.connections[0], "DROP TABLE " TABLE);
    }
    cpu_free(probe.cpu);
    if (probe.maker != NULL)
        row_maker_free(probe.maker);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        PQfinish(probe.connections[i]);
    g_free(probe.latency);
    return ready && !probe.failed ? 0 : 1;
}

int main(int argc, char **argv)
{
    g_autofree char *path = NULL;
    g_autofree char *json = NULL;
    g_autofree char *like = NULL;
    g_autofree char *sizes = NULL;
    g_autofree char *counts = NULL;
    double seconds = 3;
    const GOptionEntry entries[] = {
        {"stack", 's', 0, G_OPTION_ARG_FILENAME, &path, "JSON that scripts/stack prints", "FILE"},
        {"like", 0, 0, G_OPTION_ARG_STRING, &like,
         "table to copy, e.g. messages; default: a scratch shape", "TABLE"},
        {"rows", 0, 0, G_OPTION_ARG_STRING, &sizes, "batch sizes (1,16,64,256,1024)", "LIST"},
        {"connections", 'c', 0, G_OPTION_ARG_STRING, &counts, "connections (1,2,3)", "LIST"},
        {"seconds", 't', 0, G_OPTION_ARG_DOUBLE, &seconds, "time per combination (3)", "N"},
        {"json", 'j', 0, G_OPTION_ARG_FILENAME, &json, "write the result there", "FILE"},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GOptionContext) context = g_option_context_new("- batched insert limit (L2)");
    g_autoptr(GError) error = NULL;
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || path == NULL) {
        fprintf(stderr, "%s\n", error != NULL ? error->message : "--stack is needed");
        return 2;
    }
    struct stack *stack = stack_read(path);
    if (stack == NULL || stack->database == NULL)
        return 2;
    json_t *results = NULL;
    const char *const lists[2] = {sizes != NULL ? sizes : "1,16,64,256,1024",
                                  counts != NULL ? counts : "1,2,3"};
    int status = run(stack, like, &results, lists, seconds);
    if (json != NULL && results != NULL && json_dump_file(results, json, JSON_INDENT(2)) != 0)
        status = 1;
    json_decref(results);
    stack_free(stack);
    return status;
}
