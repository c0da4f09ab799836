/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads at a standby, with connections that answer when the test says so: who waits too long is
 * given back, whatever it waits for. */
#include "config.h"

#include <string.h>

#include "bridge/archive/replica.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "tests/unit/unit.h"

#define ASKED_MAX 8

/* ---- Connections ----------------------------------------------------------------------------- */

struct pq_connection {
    struct pq_callbacks callbacks;
    void *data;
    unsigned running; /* as the connection says; the queue below is the test's */
    struct {
        int statement;
        pq_done done;
        void *data;
    } asked[ASKED_MAX];
    unsigned count;
};

static struct pq_connection primary, standby;

struct pq_connection *pq_connection_new(const char *uri, const char *settings,
                                        const struct pq_statement *statements, int count,
                                        const struct pq_callbacks *callbacks, void *data)
{
    (void)uri, (void)settings, (void)statements, (void)count;
    standby.callbacks = *callbacks;
    standby.data = data;
    return &standby;
}

void pq_connection_free(struct pq_connection *connection)
{
    for (unsigned i = 0; i < connection->count; i++)
        connection->asked[i].done(NULL, connection->asked[i].data);
    connection->count = 0;
}

bool pq_connection_is_ready(const struct pq_connection *connection)
{
    (void)connection;
    return true;
}

unsigned pq_connection_running(const struct pq_connection *connection)
{
    return connection->running;
}

bool pq_connection_send(struct pq_connection *connection, int statement,
                        const struct pq_values *values, pq_done done, void *data)
{
    (void)values;
    ck_assert_uint_lt(connection->count, ASKED_MAX);
    connection->asked[connection->count].statement = statement;
    connection->asked[connection->count].done = done;
    connection->asked[connection->count++].data = data;
    return true;
}

gint64 pq_connection_silence(const struct pq_connection *connection)
{
    (void)connection;
    return 0;
}

void pq_connection_break(struct pq_connection *connection)
{
    (void)connection;
}

void pq_connection_leave(struct pq_connection *connection, const char *reason)
{
    (void)connection, (void)reason;
}

/* Answers the oldest question of CONNECTION, which must be STATEMENT, with a row of two texts. */
static void answer(struct pq_connection *connection, int statement, const char *const texts[2])
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    char name[] = "column";
    PGresAttDesc columns[LOG_STATE_REFUSAL + LOG_STATE_EPOCH + 1] = {{0}};
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++)
        columns[i].name = name;
    ck_assert(PQsetResultAttrs(result, G_N_ELEMENTS(columns), columns));
    for (int i = 0; i < (int)G_N_ELEMENTS(columns); i++) {
        const char *text = statement != QUERY_LOG_STATE ? texts[0]
                           : i == LOG_STATE_REFUSAL     ? texts[0]
                                                        : texts[1];
        ck_assert(PQsetvalue(result, 0, i, (char *)(guintptr)text, (int)strlen(text)));
    }
    ck_assert_uint_gt(connection->count, 0);
    ck_assert_int_eq(connection->asked[0].statement, statement);
    pq_done done = connection->asked[0].done;
    void *data = connection->asked[0].data;
    connection->count--;
    memmove(connection->asked, connection->asked + 1,
            connection->count * sizeof connection->asked[0]);
    done(result, data);
    PQclear(result);
}

/* ---- The archive ----------------------------------------------------------------------------- */

const struct pq_statement *archive_statements(void)
{
    static const struct pq_statement statements[QUERY_MAX];
    return statements;
}

enum error_code archive_result_error(const PGresult *result)
{
    (void)result;
    return ERROR_NONE;
}

bool log_state_fits(const PGresult *result)
{
    (void)result;
    return true;
}

static unsigned given_back, answered;

static struct pq_connection *primary_of(void *data)
{
    (void)data;
    return &primary;
}

static void on_answer(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows, (void)data;
    answered += error == ERROR_NONE;
}

static void on_given_back(struct read *read, void *data)
{
    (void)data;
    given_back++;
    ck_assert(read->primary);
    read_finish(read, NULL, ERROR_UNAVAILABLE);
}

static struct replica *replica_made(void)
{
    char uri[] = "there";
    const struct options options = {.database_read_uri = uri, .database_read_connections = 1};
    static const struct replica_callbacks callbacks = {primary_of, on_given_back};
    struct replica *replica = replica_new(&options, "", &callbacks, NULL);
    replica_follow(replica, "e");
    standby.callbacks.ready(&standby, standby.data);
    answer(&standby, QUERY_LOG_STATE, (const char *[]){"standby", "e"});
    ck_assert(replica_is_up(replica));
    clock_advance(G_USEC_PER_SEC / 10); /* it may be asked again */
    return replica;
}

static bool ask(struct replica *replica)
{
    struct read *read = read_new(NULL, QUERY_MESSAGE_PAGE, NULL);
    read->done = on_answer;
    bool taken = replica_take(replica, read);
    if (taken)
        replica_flush(replica);
    else
        read_finish(read, NULL, ERROR_UNAVAILABLE);
    return taken;
}

/* The question how far stands behind something slow: nobody waits for that, whenever he came. */
START_TEST(nobody_waits_for_a_slow_question)
{
    struct replica *replica = replica_made();
    ck_assert(ask(replica));
    clock_advance(REPLICA_PATIENCE + 1);
    replica_tick(replica, G_MAXINT64);
    ck_assert_uint_eq(given_back, 1);
    ck_assert(ask(replica));
    replica_tick(replica, G_MAXINT64);
    ck_assert_uint_eq(given_back, 1);
    clock_advance(REPLICA_PATIENCE + 1);
    replica_tick(replica, G_MAXINT64);
    ck_assert_uint_eq(given_back, 2);
    ck_assert(ask(replica));
    answer(&primary, QUERY_WAL_FLUSHED, (const char *[]){"7", NULL}); /* for nobody */
    answer(&primary, QUERY_WAL_FLUSHED, (const char *[]){"7", NULL}); /* for the third */
    answer(&standby, QUERY_WAL_REPLAYED, (const char *[]){"7", NULL});
    answer(&standby, QUERY_MESSAGE_PAGE, (const char *[]){"", NULL});
    ck_assert_uint_eq(answered, 1);
    replica_free(replica);
    ck_assert_uint_eq(given_back, 2);
}
END_TEST

/* Who waits for a standby with its hands full goes elsewhere, and the next one may try again. */
START_TEST(one_that_is_busy_is_not_behind)
{
    struct replica *replica = replica_made();
    ck_assert(ask(replica));
    answer(&primary, QUERY_WAL_FLUSHED, (const char *[]){"7", NULL});
    standby.running = READ_PIPELINE;
    answer(&standby, QUERY_WAL_REPLAYED, (const char *[]){"7", NULL});
    ck_assert(ask(replica));
    clock_advance(REPLICA_PATIENCE + 1);
    answer(&primary, QUERY_WAL_FLUSHED, (const char *[]){"7", NULL});
    ck_assert_uint_eq(given_back, 2);
    standby.running = 0;
    ck_assert(ask(replica));
    replica_free(replica);
    ck_assert_uint_eq(given_back, 3);
    primary.count = 0;
}
END_TEST

/* One that has not replayed so much is left alone. */
START_TEST(one_that_is_behind_is_left_alone)
{
    struct replica *replica = replica_made();
    ck_assert(ask(replica));
    answer(&primary, QUERY_WAL_FLUSHED, (const char *[]){"7", NULL});
    clock_advance(REPLICA_PATIENCE + 1);
    answer(&standby, QUERY_WAL_REPLAYED, (const char *[]){"6", NULL});
    ck_assert_uint_eq(given_back, 1);
    ck_assert(!ask(replica));
    replica_free(replica);
}
END_TEST

UNIT_MAIN("archive_replica", nobody_waits_for_a_slow_question, one_that_is_busy_is_not_behind,
          one_that_is_behind_is_left_alone)
