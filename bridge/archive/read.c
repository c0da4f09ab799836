/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One reading query. */
#include "config.h"

#include "bridge/archive/read.h"
#include "bridge/base/clock.h"

static void read_free(struct read *read)
{
    for (int i = 0; i < READ_VALUES_MAX; i++)
        g_free(read->values[i]);
    g_free(read);
}

void read_finish(struct read *read, const PGresult *result, enum error_code error)
{
    struct rows rows = {result, 0, result ? PQntuples(result) : 0};
    read->done(error == ERROR_NONE ? &rows : NULL, error, read->data);
    read_free(read);
}

struct read *read_new(struct archive *archive, enum query query, const char *const *values)
{
    struct read *read = g_new0(struct read, 1);
    read->archive = archive;
    read->query = query;
    read->queued = clock_monotonic();
    const struct pq_statement *statement = &archive_statements()[query];
    g_assert(statement->parameters <= READ_VALUES_MAX);
    for (int i = 0; i < statement->parameters; i++)
        read->values[i] = g_strdup(values[i]);
    return read;
}

bool read_send(struct read *read, struct pq_connection *connection, pq_done done)
{
    struct pq_values values = {.count = archive_statements()[read->query].parameters,
                               .values = (const char *const *)read->values,
                               .result_format = read->binary};
    return pq_connection_send(connection, (int)read->query, &values, done, read);
}
