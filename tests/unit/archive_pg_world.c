/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An archive on a database, and what is written to it. */
#include "config.h"

#include <string.h>

#include "bridge/base/metrics.h"
#include "bridge/loop/loop.h"
#include "tests/unit/archive_pg_world.h"

struct archive *archive;
struct options *options;
PGconn *admin;
unsigned ups;
enum log_change change;
static struct uuid alice, conversation;

struct tally tally;

void came_up(const struct log_state *log, void *data)
{
    (void)data;
    change = log->change;
    ups++;
}

void turn(void)
{
    g_main_context_iteration(NULL, TRUE);
}

char *sql(const char *text)
{
    PGresult *result = PQexec(admin, text);
    ExecStatusType status = PQresultStatus(result);
    ck_assert_msg(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "%s",
                  PQerrorMessage(admin));
    char *value = g_strdup(PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return value;
}

void expect_sql(const char *text, const char *wanted)
{
    g_autofree char *value = sql(text);
    ck_assert_str_eq(value, wanted);
}

/* What an archive has begun goes on for a moment after it is gone; TRUNCATE would meet its locks.
 */
static void wait_until_alone(void)
{
    for (;;) {
        g_autofree char *others = sql("SELECT count(*) FROM pg_stat_activity"
                                      " WHERE datname = current_database()"
                                      " AND backend_type = 'client backend'"
                                      " AND pid <> pg_backend_pid()");
        if (strcmp(others, "0") == 0)
            return;
        g_usleep(1000);
    }
}

void start(void)
{
    const char *uri = g_getenv("TRESTLE_TEST_DATABASE");
    admin = PQconnectdb(uri);
    wait_until_alone();
    g_free(sql("TRUNCATE users, conversations, members, messages, marks, outbox, blocks CASCADE"));
    g_free(sql("INSERT INTO users (id, kind, external_id, jid) VALUES"
               " ('00000000-0000-7000-8000-000000000001', 'hosted', 'a', 'a@app.example.org'),"
               " ('00000000-0000-7000-8000-000000000002', 'hosted', 'b', 'b@app.example.org')"));
    g_autofree char *id =
        sql("SELECT result->>'id' FROM change_conversation_open("
            "'00000000-0000-7000-8000-000000000001', '{\"participant\": \"b\"}')");
    ck_assert(uuid_parse(id, &conversation));
    ck_assert(uuid_parse("00000000-0000-7000-8000-000000000001", &alice));
    options = options_new();
    g_free(options->database_uri);
    options->database_uri = g_strdup(uri);
    g_free(options->xmpp_domain);
    options->xmpp_domain = g_strdup("app.example.org");
    memset(&tally, 0, sizeof tally);
    ups = 0;
    loop_start();
}

void open_archive(void)
{
    struct archive_callbacks callbacks = {.up = came_up};
    archive = archive_new(options, &callbacks, NULL);
    while (!archive_is_up(archive))
        turn();
}

void stop(void)
{
    archive_free(archive);
    for (int i = 0; i < 3; i++) /* nothing of it is left in the loop */
        g_main_context_iteration(NULL, FALSE);
    loop_stop();
    options_free(options);
    PQfinish(admin);
}

struct spans spans;

void batch_begin(gint64 before, gint64 after, void *data)
{
    (void)data;
    spans.disorder = spans.disorder || after < before || (spans.count > 0 && before != spans.end);
    spans.before = before;
    spans.after = spans.end = after;
    spans.count++;
}

void batch_end(void *data)
{
    (void)data;
    spans.before = spans.after = 0;
}

void write_done(struct write *write, enum error_code error)
{
    struct message_write *m = (struct message_write *)(void *)write;
    tally.statements[MIN(tally.done, G_N_ELEMENTS(tally.statements) - 1)] =
        metric_get(METRIC_ARCHIVE_STATEMENTS);
    tally.done++;
    if (error == ERROR_NONE && spans.after > 0)
        spans.disorder =
            spans.disorder || write->position <= spans.before || write->position > spans.after;
    if (error == ERROR_NONE && write->outcome == OUTCOME_DONE) {
        tally.disorder = tally.disorder || m->seq <= tally.last_seq;
        tally.last_seq = m->seq;
        tally.stored++;
    } else {
        tally.failed++;
        tally.error = error;
    }
    message_write_free(m);
}

void write_late(struct write *write)
{
    (void)write;
    tally.late++;
}

void add(const char *body)
{
    struct message_write *m = g_new0(struct message_write, 1);
    m->write = (struct write){.kind = WRITE_MESSAGE, .done = write_done, .late = write_late};
    uuid_generate(&m->id);
    m->conversation = conversation;
    m->sender = alice;
    m->dedupe = m->id;
    m->body = g_strdup(body);
    archive_write(archive, &m->write);
}

void add_numbered(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        char body[16];
        g_snprintf(body, sizeof body, "%08u", i);
        add(body);
    }
}

void finish_all(unsigned count)
{
    while (tally.done < count)
        turn();
}

void ask_done(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    *(enum error_code *)data = error;
}
