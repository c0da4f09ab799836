/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections, reading queries, and the way in to the writer. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive_part.h"
#include "bridge/archive/gather.h"
#include "bridge/archive/health.h"
#include "bridge/archive/migrate.h"
#include "bridge/archive/read.h"
#include "bridge/archive/replica.h"
#include "bridge/archive/writer.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/base/service.h"
#include "bridge/loop/loop.h"

#define ATTEMPTS 3
#define ASK_INTERVAL (2 * G_USEC_PER_SEC)
#define WATCH_INTERVAL (5 * G_USEC_PER_SEC) /* without a sign of life */

static const struct pq_statement statements[QUERY_MAX] = {
    [QUERY_NONE] = {.name = "none", .text = ""},
#define TRESTLE_QUERY(symbol, query_name, count, query_text, names)                                \
    [QUERY_##symbol] = {.name = query_name, .text = query_text, .parameters = count},
#include "bridge/archive/queries.def"
#undef TRESTLE_QUERY
};

static const char *const parameter_names[QUERY_MAX] = {
    [QUERY_NONE] = "",
#define TRESTLE_QUERY(symbol, query_name, count, query_text, names) [QUERY_##symbol] = (names),
#include "bridge/archive/queries.def"
#undef TRESTLE_QUERY
};

const char *query_parameters(enum query query)
{
    return parameter_names[query];
}

/* One reading connection. It counts once it has shown that it leads to the log that is written. */
struct reader {
    struct archive *archive;
    struct pq_connection *connection;
    bool admitted;
    gint64 asked; /* clock_monotonic */
};

struct archive {
    struct pq_connection *write_connection;
    struct reader *readers;
    unsigned read_count;
    struct replica *replica; /* NULL: none */
    struct writer *writer;
    struct gatherer *gatherer;
    GQueue reads;   /* struct read *, waiting for a connection */
    GQueue refused; /* struct read *, to be told so at the turn's end: the queue was full */
    unsigned reads_max;
    struct archive_callbacks callbacks;
    void *data;
    bool up;
    char *epoch;   /* of the log that is known; NULL: has never been up */
    gint64 asked;  /* when the log's state was last asked for */
    bool watching; /* the watchdog's write is out */
    struct health health;
    guint timer;
    gint64 silence_max; /* microseconds without an answer after which a connection is given up */
};

const struct pq_statement *archive_statements(void)
{
    return statements;
}

enum error_code archive_result_error(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return ERROR_NONE;
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (g_strcmp0(state, "23505") == 0)
        return ERROR_CONFLICT; /* unique violation */
    g_autofree char *text = g_strdup(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    log_warning(AREA_ARCHIVE, "statement-failed", "sqlstate=%s", state ? state : "none");
    log_debug(AREA_ARCHIVE, "statement-failed", "reason=\"%s\"", text ? text : "");
    if (!state)
        return ERROR_UNAVAILABLE;
    /* insufficient resources, operator intervention, system error, rollback, lock not available */
    static const char *const away[] = {"53", "57", "58", "40", "55", "25"};
    for (size_t i = 0; i < G_N_ELEMENTS(away); i++) {
        if (strncmp(state, away[i], 2) == 0)
            return ERROR_UNAVAILABLE;
    }
    /* not a value of its type; larger than an index can hold */
    bool unfit = strncmp(state, "22", 2) == 0 || strncmp(state, "54", 2) == 0;
    return unfit ? ERROR_UNPROCESSABLE : ERROR_INTERNAL;
}

bool archive_is_read_only(const PGresult *result)
{
    return g_strcmp0(PQresultErrorField(result, PG_DIAG_SQLSTATE), "25006") == 0;
}

bool archive_is_victim(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return g_strcmp0(state, "40001") == 0 || g_strcmp0(state, "40P01") == 0;
}

/* ---- Reads ----------------------------------------------------------------------------------- */

static void read_done(PGresult *result, void *data)
{
    struct read *read = data;
    bool patient = read->attempts < ATTEMPTS && clock_monotonic() - read->queued < ARCHIVE_PATIENCE;
    bool again = !result || archive_is_read_only(result);
    if (again && patient) {
        g_queue_push_head(&read->archive->reads, read);
        return;
    }
    if (archive_is_victim(result) && read->victim < VICTIM_RETRIES) {
        read->victim++;
        g_queue_push_tail(&read->archive->reads, read);
        loop_wake();
        return;
    }
    read_finish(read, result, result ? archive_result_error(result) : ERROR_UNAVAILABLE);
}

static struct pq_connection *idlest_connection(const struct archive *archive)
{
    struct pq_connection *best = NULL;
    unsigned least = READ_PIPELINE;
    for (unsigned i = 0; i < archive->read_count; i++) {
        struct pq_connection *connection = archive->readers[i].connection;
        if (archive->readers[i].admitted && pq_connection_running(connection) < least) {
            best = connection;
            least = pq_connection_running(connection);
        }
    }
    return best;
}

static void send_reads(struct archive *archive)
{
    struct read *read;
    while ((read = g_queue_peek_head(&archive->reads))) {
        struct pq_connection *connection = NULL;
        if (!replica_take(archive->replica, read)) {
            connection = idlest_connection(archive);
            if (!connection || !read_send(read, connection, read_done))
                break;
            read->attempts++;
        }
        g_queue_pop_head(&archive->reads);
    }
    replica_flush(archive->replica);
}

static struct pq_connection *replica_primary(void *data)
{
    return idlest_connection(data);
}

static void replica_gave_back(struct read *read, void *data)
{
    struct archive *archive = data;
    g_queue_push_tail(&archive->reads, read);
    loop_wake();
}

static void fail_reads(GQueue *reads)
{
    struct read *read;
    while ((read = g_queue_pop_head(reads)))
        read_finish(read, NULL, ERROR_UNAVAILABLE);
}

static void read_queue(struct read *read, archive_done done, void *data)
{
    struct archive *archive = read->archive;
    read->done = done;
    read->data = data;
    bool full = archive->reads.length >= archive->reads_max;
    g_queue_push_tail(full ? &archive->refused : &archive->reads, read);
    loop_wake();
}

void archive_query(struct archive *archive, enum query query, const char *const *values,
                   archive_done done, void *data)
{
    read_queue(read_new(archive, query, values), done, data);
}

void archive_query_binary(struct archive *archive, enum query query, const char *const *values,
                          archive_done done, void *data)
{
    struct read *read = read_new(archive, query, values);
    read->binary = true;
    read_queue(read, done, data);
}

void archive_gather(struct archive *archive, enum gather kind, const char *const *values,
                    archive_done done, void *data)
{
    gatherer_add(archive->gatherer, kind, values, done, data);
}

void archive_write(struct archive *archive, struct write *write)
{
    writer_add(archive->writer, write);
}

void archive_grew(struct archive *archive, const struct uuid *conversation)
{
    writer_forget(archive->writer, conversation);
}

void archive_get_progress(struct archive *archive, struct archive_progress *ret_progress)
{
    writer_progress(archive->writer, ret_progress);
}

/* ---- The state of the log -------------------------------------------------------------------- */

ARCHIVE_SAME_COLUMN(LOG_OPEN_PAST, LOG_STATE_PAST);
ARCHIVE_SAME_COLUMN(LOG_WATCH_PAST, LOG_STATE_PAST);

/* What log_state() answers besides. */
static const struct refusal {
    const char *name;
    const char *reason; /* NULL: the session may be good in a moment */
} refusals[] = {
    {"standby", "the server is a standby"},
    {"read-only", "the session may not write: default_transaction_read_only"},
    {"not-opened", NULL},
};

/* NULL: none. */
static const struct refusal *state_refusal(const PGresult *result)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        if (strcmp(PQgetvalue(result, 0, LOG_STATE_REFUSAL), refusals[i].name) == 0)
            return &refusals[i];
    }
    return NULL;
}

bool log_state_fits(const PGresult *result)
{
    int schema = (int)g_ascii_strtoll(PQgetvalue(result, 0, LOG_STATE_SCHEMA), NULL, 10);
    return schema == schema_version() &&
           strcmp(PQgetvalue(result, 0, LOG_STATE_FUNCTIONS), schema_functions_digest()) == 0;
}

static void log_other_schema(const PGresult *result)
{
    int schema = (int)g_ascii_strtoll(PQgetvalue(result, 0, LOG_STATE_SCHEMA), NULL, 10);
    if (schema != schema_version())
        log_error(AREA_ARCHIVE, "schema-mismatch", "database=%d program=%d hint=\"%s\"", schema,
                  schema_version(),
                  schema < schema_version() ? "run trestle migrate"
                                            : "install the newer trestle that migrated it");
    else
        log_error(AREA_ARCHIVE, "schema-mismatch",
                  "functions=other hint=\"run trestle migrate of the same version\"");
}

/* The last position of EPOCH according to PAST; -1: it is not there. */
static gint64 past_end(const char *past, const char *epoch)
{
    g_auto(GStrv) ended = g_strsplit(past, " ", -1);
    size_t length = strlen(epoch);
    for (char **entry = ended; *entry; entry++) {
        if (strncmp(*entry, epoch, length) == 0 && (*entry)[length] == ':')
            return g_ascii_strtoll(*entry + length + 1, NULL, 10);
    }
    return -1;
}

static enum log_change compare_logs(const struct archive *archive, const struct log_state *log)
{
    if (!archive->epoch)
        return LOG_OTHER;
    if (strcmp(archive->epoch, log->epoch) == 0)
        return LOG_SAME;
    return past_end(log->past, archive->epoch) >= writer_newest(archive->writer) ? LOG_CONTINUED
                                                                                 : LOG_OTHER;
}

/* ---- Reading connections --------------------------------------------------------------------- */

static void reader_judge(struct reader *reader, const PGresult *result)
{
    const struct archive *archive = reader->archive;
    const struct refusal *refusal = state_refusal(result);
    bool ours =
        archive->epoch && strcmp(PQgetvalue(result, 0, LOG_STATE_EPOCH), archive->epoch) == 0;
    reader->admitted = !refusal && ours && log_state_fits(result);
    if (refusal && refusal->reason)
        pq_connection_leave(reader->connection, refusal->reason);
    else if (!refusal && !ours && archive->up)
        pq_connection_leave(reader->connection,
                            "the server has another log than the one written to");
}

static void reader_state_read(PGresult *result, void *data)
{
    if (result && archive_result_error(result) == ERROR_NONE && PQntuples(result) == 1)
        reader_judge(data, result);
}

static void reader_ask(struct reader *reader)
{
    struct pq_values none = {0};
    reader->asked = clock_monotonic();
    pq_connection_send(reader->connection, QUERY_LOG_STATE, &none, reader_state_read, reader);
}

static void reader_ready(struct pq_connection *connection, void *data)
{
    (void)connection;
    reader_ask(data);
}

static void reader_lost(struct pq_connection *connection, void *data)
{
    struct reader *reader = data;
    (void)connection;
    reader->admitted = false;
}

static void reader_tick(struct reader *reader, gint64 now)
{
    bool ready = pq_connection_is_ready(reader->connection);
    gint64 quiet = pq_connection_quiet(reader->connection);
    if (ready && (reader->admitted ? quiet >= WATCH_INTERVAL
                                   : quiet > 0 && now - reader->asked >= WATCH_INTERVAL / 10))
        reader_ask(reader);
}

/* ---- The writing connection ------------------------------------------------------------------ */

static void go_down(struct archive *archive)
{
    if (archive->up && archive->callbacks.down)
        archive->callbacks.down(archive->data);
    archive->up = archive->watching = false;
    if (archive->writer) /* else it is being made */
        writer_parted(archive->writer);
    archive->health.proven = 0;
    metric_set(METRIC_ARCHIVE_CONNECTED, 0);
}

static void go_up(struct archive *archive, const struct log_state *log)
{
    gint64 newest = log->change == LOG_OTHER ? 0 : writer_newest(archive->writer);
    bool renamed = log->change != LOG_SAME;
    if (log->change == LOG_OTHER)
        writer_other_log(archive->writer);
    if (renamed && archive->epoch)
        log_warning(AREA_ARCHIVE, "log-epoch",
                    "epoch=%s position=%" G_GINT64_FORMAT " newest=%" G_GINT64_FORMAT " lost=%s",
                    log->epoch, log->position, writer_newest(archive->writer),
                    log->change == LOG_OTHER ? "yes" : "no");
    writer_set_newest(archive->writer, MAX(newest, log->position));
    if (renamed) {
        g_free(archive->epoch);
        archive->epoch = g_strdup(log->epoch);
    }
    if (renamed)
        replica_follow(archive->replica, archive->epoch);
    archive->up = true;
    metric_set(METRIC_ARCHIVE_CONNECTED, 1);
    for (unsigned i = 0; i < archive->read_count; i++) {
        struct reader *reader = &archive->readers[i];
        reader->admitted = reader->admitted && !renamed;
        if (!reader->admitted && pq_connection_running(reader->connection) == 0)
            reader_ask(reader);
    }
    archive->callbacks.up(log, archive->data);
}

static void state_judge(struct archive *archive, const PGresult *result)
{
    const struct refusal *refusal = state_refusal(result);
    struct log_state log = {
        .epoch = PQgetvalue(result, 0, LOG_STATE_EPOCH),
        .position = g_ascii_strtoll(PQgetvalue(result, 0, LOG_STATE_POSITION), NULL, 10),
        .past = PQgetvalue(result, 0, LOG_STATE_PAST)};
    if (refusal && refusal->reason) {
        pq_connection_leave(archive->write_connection, refusal->reason);
    } else if (!log_state_fits(result)) {
        log_other_schema(result);
        go_down(archive);
    } else if (!refusal) {
        log.change = compare_logs(archive, &log);
        if (!archive->up)
            log_info(AREA_ARCHIVE, "database-up", "schema=%d", schema_version());
        if (!archive->up || log.change != LOG_SAME)
            go_up(archive, &log);
    }
}

static void state_read(PGresult *result, void *data)
{
    struct archive *archive = data;
    bool watched = archive->watching;
    archive->watching = false;
    if (!result)
        return; /* lost again: the next connection tells */
    if (archive_result_error(result) != ERROR_NONE || PQntuples(result) != 1) {
        if (watched)
            health_refused(&archive->health, PQresultErrorField(result, PG_DIAG_SQLSTATE));
        return; /* it is asked again */
    }
    if (watched)
        health_proven(&archive->health);
    bool was_up = archive->up;
    state_judge(archive, result);
    if (archive->up && !was_up)
        writer_connected(archive->writer);
}

static void ask_state(struct archive *archive, enum query query)
{
    char newest[24];
    g_snprintf(newest, sizeof newest, "%" G_GINT64_FORMAT, writer_newest(archive->writer));
    const char *texts[] = {archive->epoch, newest};
    struct pq_values values = {.count = 2, .values = texts};
    archive->asked = clock_monotonic();
    archive->watching =
        pq_connection_send(archive->write_connection, (int)query, &values, state_read, archive) &&
        query == QUERY_LOG_WATCH;
}

static void write_connection_ready(struct pq_connection *connection, void *data)
{
    (void)connection;
    ask_state(data, QUERY_LOG_OPEN);
}

/* The first answer may have been an error, or a schema that a migration is about to replace. */
static void ask_state_again(struct archive *archive, gint64 now)
{
    if (!archive->up && pq_connection_is_ready(archive->write_connection) &&
        pq_connection_running(archive->write_connection) == 0 &&
        now - archive->asked >= ASK_INTERVAL)
        ask_state(archive, QUERY_LOG_OPEN);
}

/* Writes prove that writing works; where there are none, or they are refused, one is tried. */
static void health_watch(struct archive *archive, gint64 now)
{
    gint64 interval = archive->health.refused       ? ASK_INTERVAL
                      : archive->health.proven == 0 ? 0
                                                    : WATCH_INTERVAL;
    if (archive->watching && now - archive->asked >= ARCHIVE_PATIENCE)
        health_refused(&archive->health, "silent");
    if (archive->up && !archive->watching && !writer_is_waiting(archive->writer) &&
        now - archive->asked >= interval && now - archive->health.proven >= interval)
        ask_state(archive, QUERY_LOG_WATCH);
}

static void write_connection_lost(struct pq_connection *connection, void *data)
{
    (void)connection;
    go_down(data);
}

/* A server that is stopped rather than gone keeps its sockets open and says nothing. */
static void break_if_silent(const struct archive *archive, struct pq_connection *connection)
{
    if (pq_connection_silence(connection) > archive->silence_max)
        pq_connection_break(connection);
}

static gboolean on_tick(gpointer data)
{
    struct archive *archive = data;
    gint64 now = clock_monotonic();
    break_if_silent(archive, archive->write_connection);
    for (unsigned i = 0; i < archive->read_count; i++) {
        break_if_silent(archive, archive->readers[i].connection);
        reader_tick(&archive->readers[i], now);
    }
    replica_tick(archive->replica, archive->silence_max);
    ask_state_again(archive, now);
    writer_tick(archive->writer);
    health_watch(archive, now);
    gatherer_tick(archive->gatherer, now);
    while (archive->reads.head) {
        struct read *read = archive->reads.head->data;
        if (now - read->queued < ARCHIVE_PATIENCE)
            break;
        g_queue_pop_head(&archive->reads);
        read_finish(read, NULL, ERROR_UNAVAILABLE);
    }
    return G_SOURCE_CONTINUE;
}

static void turn_end(void *data)
{
    struct archive *archive = data;
    GQueue refused = archive->refused;
    g_queue_init(&archive->refused);
    fail_reads(&refused);
    writer_refuse(archive->writer);
    gatherer_flush(archive->gatherer);
    send_reads(archive);
    writer_flush(archive->writer);
}

/* Whether there is somebody who is asked what conversations are about. */
static const char *topics_setting(const struct options *options)
{
    return options->assist_url && *options->assist_url ? options->assist_topics : "off";
}

struct archive *archive_new(const struct options *options,
                            const struct archive_callbacks *callbacks, void *data)
{
    struct archive *archive = g_new0(struct archive, 1);
    pq_set_slow(options->database_slow_ms * 1000);
    archive->callbacks = *callbacks;
    archive->data = data;
    archive->reads_max = (unsigned)options->database_queue_max;
    archive->silence_max = (options->database_statement_timeout + 2000) * 1000;
    g_queue_init(&archive->reads);
    g_queue_init(&archive->refused);
    archive->gatherer = gatherer_new(archive);
    const char *rooms = service_domain(options, SERVICE_ROOMS);
    /* Every query is an index scan; a generic plan made while a table was empty must stay one. */
    g_autofree char *settings = g_strdup_printf(
        "-c statement_timeout=%d -c lock_timeout=%d -c synchronous_commit=on -c jit=off "
        "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off "
        "-c enable_mergejoin=off -c idle_in_transaction_session_timeout=60000 -c timezone=UTC "
        "-c trestle.privacy_messages=%s -c trestle.privacy_presence=%s "
        "-c trestle.privacy_last_seen=%s -c trestle.privacy_profile=%s "
        "-c trestle.privacy_location=%s -c trestle.privacy_receipts=%s "
        "-c trestle.sharing_analytics=%s -c trestle.sharing_assist=%s "
        "-c trestle.sharing_personalisation=%s -c trestle.account_grace=%d "
        "-c trestle.exports=%d/%d -c trestle.assist_topics=%s "
        "-c trestle.rooms_domain=%s -c trestle.strikes=%d/%d/%d -c trestle.pictures=%s "
        "-c trestle.files=%s -c trestle.spam=%s/%d/%d/%d/%d/%d/%s/%s/%d "
        "-c trestle.retention_messages=%d -c trestle.report_peers=%s",
        (int)options->database_statement_timeout, (int)options->database_statement_timeout,
        options->privacy_messages, options->privacy_presence, options->privacy_last_seen,
        options->privacy_profile, options->privacy_location, options->privacy_receipts,
        options->data_sharing_analytics, options->data_sharing_assist,
        options->data_sharing_personalisation, (int)options->account_grace,
        (int)options->account_exports_kept, (int)options->account_consent_time,
        topics_setting(options), rooms ? rooms : "", (int)options->moderation_strikes,
        (int)options->moderation_strike_days, (int)options->moderation_strike_suspension,
        strcmp(options->fetch_pictures, "on") == 0 ? "fetch" : "",
        strcmp(options->fetch_files, "on") == 0 && options->media_store ? "fetch" : "",
        options->spam_checks, (int)options->spam_filter_at, (int)options->spam_block_at,
        (int)options->spam_links, (int)options->spam_repeats, (int)options->spam_verify_reports,
        options->spam_hook_url && *options->spam_hook_url     ? "ask"
        : options->spam_links_url && *options->spam_links_url ? "links"
                                                              : "no",
        options->spam_hook_failure, (int)options->spam_restrict_after,
        (int)options->retention_messages, options->moderation_report_peers);
    struct pq_callbacks writing = {write_connection_ready, write_connection_lost};
    archive->write_connection = pq_connection_new(options->database_uri, settings, statements,
                                                  QUERY_MAX, &writing, archive);
    archive->read_count = (unsigned)options->database_read_connections;
    archive->readers = g_new0(struct reader, archive->read_count);
    struct pq_callbacks reading = {reader_ready, reader_lost};
    for (unsigned i = 0; i < archive->read_count; i++) {
        struct reader *reader = &archive->readers[i];
        reader->archive = archive;
        reader->connection = pq_connection_new(options->database_uri, settings, statements,
                                               QUERY_MAX, &reading, reader);
    }
    struct replica_callbacks following = {replica_primary, replica_gave_back};
    archive->replica = replica_new(options, settings, &following, archive);
    archive->writer =
        writer_new(options, archive->write_connection, &archive->callbacks, &archive->health, data);
    archive->timer = g_timeout_add(500, on_tick, archive);
    loop_at_turn_end(turn_end, archive);
    return archive;
}

void archive_free(struct archive *archive)
{
    if (!archive)
        return;
    g_source_remove(archive->timer);
    loop_cancel(turn_end, archive);
    pq_connection_free(archive->write_connection);
    for (unsigned i = 0; i < archive->read_count; i++)
        pq_connection_free(archive->readers[i].connection);
    archive->read_count = 0;
    g_clear_pointer(&archive->replica, replica_free);
    /* Who is told may ask again; that is refused in the same way. */
    while (gatherer_stop(archive->gatherer) || archive->reads.head || archive->refused.head ||
           !writer_is_empty(archive->writer)) {
        fail_reads(&archive->reads);
        fail_reads(&archive->refused);
        writer_fail_all(archive->writer);
    }
    gatherer_free(archive->gatherer);
    writer_free(archive->writer);
    g_free(archive->readers);
    g_free(archive->epoch);
    g_free(archive);
}

bool archive_is_up(const struct archive *archive)
{
    if (!archive->up)
        return false;
    for (unsigned i = 0; i < archive->read_count; i++) {
        if (archive->readers[i].admitted && pq_connection_is_ready(archive->readers[i].connection))
            return true;
    }
    return false;
}

bool archive_is_writable(const struct archive *archive)
{
    return archive_is_up(archive) && !archive->health.refused;
}

bool archive_has_replica(const struct archive *archive)
{
    return replica_is_up(archive->replica);
}
