/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sign-ins for the audit (H53): who came in from where, once a day, and who did not, and how often.
 * They are gathered in memory and written some seconds later, many at a time: signing in waits for
 * none of it. How many rows there can be is bounded, whoever tries whatever. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/session.h"
#include "bridge/account/sign_in.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/core/audit.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"

#define INTERVAL 3000                        /* milliseconds */
#define SOON ((gint64)600 * G_USEC_PER_SEC)  /* who has just come in is not asked about again */
#define HOUR ((gint64)3600 * G_USEC_PER_SEC) /* what fails again is counted for so long */
#define CAME_IN_MAX 65536                    /* remembered; then all are forgotten */
#define FAILURES_MAX 1000                    /* different ones an hour; others are one row */
#define ROWS_MAX 4000                        /* that wait for the database */
#define ROWS_AT_ONCE 500

struct failure {
    json_t *row;
    gint64 since;
    json_int_t count; /* that were not written yet */
};

static struct {
    struct core *core;
    GHashTable *came_in;  /* text → when (gint64 *) */
    GHashTable *failures; /* text → struct failure */
    json_t *rows;         /* that wait */
    guint timer;
    bool writing;
} gathered;

static void failure_free(gpointer data)
{
    struct failure *failure = data;
    json_decref(failure->row);
    g_free(failure);
}

/* ---- What waits ------------------------------------------------------------------------------ */

/* ROW is taken. */
static void row_add(json_t *row, json_int_t count)
{
    json_object_set_new(row, "count", json_integer(count));
    if (json_array_size(gathered.rows) < ROWS_MAX)
        json_array_append(gathered.rows, row);
    json_decref(row);
}

static json_t *row_of(const struct sign_in_try *attempt)
{
    return json_pack("{s:s?, s:s, s:s?, s:o}", "user",
                     attempt->account ? attempt->account->id_text : NULL, "kind", attempt->kind,
                     "problem", attempt->problem, "address",
                     audit_address(gathered.core->options, attempt->address));
}

static void arrival_note(const struct sign_in_try *attempt, gint64 now)
{
    g_autofree char *key =
        g_strdup_printf("%s %" G_GUINT64_FORMAT, attempt->account->id_text, attempt->address);
    const gint64 *last = g_hash_table_lookup(gathered.came_in, key);
    if (last && now - *last < SOON)
        return;
    if (g_hash_table_size(gathered.came_in) >= CAME_IN_MAX)
        g_hash_table_remove_all(gathered.came_in);
    g_hash_table_replace(gathered.came_in, g_steal_pointer(&key), g_memdup2(&now, sizeof now));
    row_add(row_of(attempt), 1);
}

static void failure_note(const struct sign_in_try *attempt, gint64 now)
{
    static const struct sign_in_try others = {.kind = "any", .problem = "many others"};
    bool full = g_hash_table_size(gathered.failures) >= FAILURES_MAX;
    g_autofree char *key = g_strdup_printf("%s %" G_GUINT64_FORMAT " %s %s",
                                           attempt->account ? attempt->account->id_text : "",
                                           attempt->address, attempt->kind, attempt->problem);
    struct failure *failure = g_hash_table_lookup(gathered.failures, key);
    if (!failure && full) {
        attempt = &others;
        g_free(key);
        key = g_strdup("");
        failure = g_hash_table_lookup(gathered.failures, key);
    }
    if (failure) {
        failure->count++;
        return;
    }
    failure = g_new0(struct failure, 1);
    failure->row = row_of(attempt);
    failure->since = now;
    row_add(json_copy(failure->row), 1);
    g_hash_table_insert(gathered.failures, g_steal_pointer(&key), failure);
}

static void on_tried(const struct sign_in_try *attempt, void *data)
{
    (void)data;
    gint64 now = clock_monotonic();
    if (!gathered.rows)
        return;
    if (attempt->problem)
        failure_note(attempt, now);
    else
        arrival_note(attempt, now);
}

/* An hour has passed since the first of them: how many more there were is a row. */
static gboolean failure_is_over(gpointer key, gpointer value, gpointer data)
{
    struct failure *failure = value;
    (void)key;
    if (*(const gint64 *)data - failure->since < HOUR)
        return FALSE;
    if (failure->count > 0)
        row_add(json_copy(failure->row), failure->count);
    return TRUE;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void rows_written(const struct rows *rows, enum error_code error, void *data)
{
    json_t *written = data;
    (void)rows;
    gathered.writing = false;
    size_t i;
    json_t *row;
    if (error == ERROR_UNAVAILABLE && gathered.rows) /* the database is away: again */
        json_array_foreach(written, i, row) if (json_array_size(gathered.rows) < ROWS_MAX)
            json_array_append(gathered.rows, row);
    if (error != ERROR_NONE && error != ERROR_UNAVAILABLE)
        log_error(AREA_AUTH, "sign-ins-unwritten", "rows=%zu code=%s", json_array_size(written),
                  error_info(error)->code);
    json_decref(written);
}

static void rows_write(void)
{
    const struct core *core = gathered.core;
    if (gathered.writing || json_array_size(gathered.rows) == 0 || !core->archive ||
        !archive_is_up(core->archive))
        return;
    json_t *some = json_array();
    while (json_array_size(gathered.rows) > 0 && json_array_size(some) < ROWS_AT_ONCE) {
        json_array_append(some, json_array_get(gathered.rows, 0));
        json_array_remove(gathered.rows, 0);
    }
    char *text = json_dumps(some, JSON_COMPACT);
    bool all = strcmp(core->options->session_audit, "all") == 0;
    gathered.writing = true;
    archive_query(core->archive, QUERY_AUDIT_SIGN_INS,
                  (const char *[]){text, all ? "true" : "false"}, rows_written, some);
    free(text);
}

static gboolean on_timer(gpointer data)
{
    gint64 now = clock_monotonic();
    (void)data;
    g_hash_table_foreach_remove(gathered.failures, failure_is_over, &now);
    rows_write();
    return G_SOURCE_CONTINUE;
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void sign_in_drain(struct core *core)
{
    (void)core;
    if (gathered.rows)
        rows_write();
}

static const struct part part = {.name = "sign_in", .drain = sign_in_drain};

static void sign_in_start(struct core *core)
{
    gathered.core = core;
    gathered.came_in = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    gathered.failures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, failure_free);
    gathered.rows = json_array();
    gathered.timer = g_timeout_add(INTERVAL, on_timer, NULL);
    core->sessions->tried = on_tried;
}

/* Sessions are gone by now: nobody tries any more. */
static void sign_in_stop(struct core *core)
{
    (void)core;
    g_clear_handle_id(&gathered.timer, g_source_remove);
    g_clear_pointer(&gathered.came_in, g_hash_table_unref);
    g_clear_pointer(&gathered.failures, g_hash_table_unref);
    g_clear_pointer(&gathered.rows, json_decref);
}

const struct feature feature_sign_in = {
    .name = "sign_in", .part = &part, .start = sign_in_start, .stop = sign_in_stop};
