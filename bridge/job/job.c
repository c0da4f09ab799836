/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The runner asks once a second for what is due. What it begins is locked in the database for a
 * while; how it ended is written with the lock's own time, so that a run that was given up ends
 * nothing. What a process was at that is gone is let go, so that nobody waits for its locks. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/id.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/lease.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/job/job.h"
#include "bridge/loop/loop.h"

#define ENSURE_INTERVAL (600 * G_USEC_PER_SEC) /* the jobs that there must be are looked after */
#define STATE_INTERVAL (10 * G_USEC_PER_SEC)   /* the metrics are */
#define RELEASE_INTERVAL (10 * G_USEC_PER_SEC) /* locks of others who are gone are */
#define TAKER_BYTES 8
#define LOCK_DEFAULT 60
#define RETRY_DEFAULT 10
#define RETRY_MAX_DEFAULT 3600
#define DAY 86400

/* Kinds that take each other's places, and those of no other pool. */
struct pool {
    struct jobs *jobs;
    char *names; /* as an array of PostgreSQL; NULL: there are none */
    char *locks; /* in the order of names */
    unsigned running, most;
    bool asking;
};

/* How many of each pool run at a time. trestle-fetch has one place more than JOB_FAR and JOB_SLOW,
 * for users who wait themselves. */
static const unsigned running_max[JOB_POOLS] = {
    [JOB_NEAR] = 4, [JOB_FAR] = 3, [JOB_SLOW] = 3, [JOB_MEDIA] = 4};

struct jobs {
    struct core *core;
    GHashTable *kinds; /* name → const struct job_kind *, borrowed */
    char *steady;      /* names of those with an interval */
    char *taker;       /* this process, by a name that no other has had */
    struct pool pools[JOB_POOLS];
    struct lease *lease; /* NULL: this is the only instance */
    guint timer;
    bool left;
    bool freed; /* but jobs are running: the last one takes it with it */
    gint64 ensure_at, release_at, state_at; /* clock_monotonic: when it is time again */
};

struct job {
    struct jobs *jobs;
    const struct job_kind *kind;
    char *key;
    char *payload;
    int attempts;
    char *lock;
};

struct core *job_core(const struct job *job)
{
    return job->jobs->core;
}

const char *job_key(const struct job *job)
{
    return job->key;
}

const char *job_payload(const struct job *job)
{
    return job->payload;
}

static struct pool *pool_of(struct jobs *jobs, const struct job_kind *kind)
{
    return &jobs->pools[kind->pool];
}

static unsigned running_count(const struct jobs *jobs)
{
    unsigned count = 0;
    for (size_t i = 0; i < JOB_POOLS; i++)
        count += jobs->pools[i].running;
    return count;
}

/* ---- The end of a run ------------------------------------------------------------------------ */

static void job_free(struct job *job)
{
    struct jobs *jobs = job->jobs;
    pool_of(jobs, job->kind)->running--;
    metric_set(METRIC_JOBS_RUNNING, running_count(jobs));
    g_free(job->key);
    g_free(job->payload);
    g_free(job->lock);
    g_free(job);
    if (jobs->freed && running_count(jobs) == 0)
        g_free(jobs);
}

static void end_written(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    (void)error; /* then the lock runs out, and it is run again */
    job_free(data);
}

static unsigned retry_after(const struct job *job)
{
    unsigned seconds = job->kind->retry ? job->kind->retry : RETRY_DEFAULT;
    unsigned most = job->kind->retry_max ? job->kind->retry_max : RETRY_MAX_DEFAULT;
    for (int i = 1; i < job->attempts && seconds < most; i++)
        seconds *= 2;
    return MIN(seconds, most);
}

void job_end(struct job *job, enum job_result result, const char *payload, const char *code)
{
    struct core *core = job->jobs->core;
    char seconds[12];
    unsigned next = result == JOB_MORE ? 0 : job->kind->interval;
    metric_add(METRIC_JOBS_RUN, 1);
    if (result == JOB_FAILED) {
        next = retry_after(job);
        metric_add(METRIC_JOBS_FAILED, 1);
        log_warning(AREA_CORE, "job-failed", "kind=%s attempts=%d code=%s", job->kind->name,
                    job->attempts, code);
    }
    if (!core->archive || !archive_is_up(core->archive)) {
        job_free(job); /* the lock runs out */
        return;
    }
    g_snprintf(seconds, sizeof seconds, "%u", next);
    bool over = result == JOB_DONE && job->kind->interval == 0;
    const char *values[] = {job->kind->name,
                            job->key,
                            job->lock,
                            over ? NULL : seconds,
                            result == JOB_FAILED ? code : NULL,
                            payload};
    archive_query(core->archive, QUERY_JOB_END, values, end_written, job);
    loop_wake();
}

void job_conclude(struct job *job, enum error_code error, bool more)
{
    if (error != ERROR_NONE)
        job_end(job, JOB_FAILED, NULL, error_info(error)->code);
    else
        job_end(job, more ? JOB_MORE : JOB_DONE, NULL, NULL);
}

void job_changed(const struct change_result *result, void *job)
{
    job_conclude(job, change_error(result), json_is_true(json_object_get(result->json, "more")));
}

static void run_reaped(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    if (error != ERROR_NONE || rows_count(rows) != 1) {
        job_conclude(job, error != ERROR_NONE ? error : ERROR_INTERNAL, false);
        return;
    }
    metric_add(METRIC_REAPED_ROWS, rows_integer(rows, 0, REAP_EVENTS_REMOVED));
    job_end(job, rows_boolean(rows, 0, REAP_EVENTS_MORE) ? JOB_MORE : JOB_DONE,
            rows_text(rows, 0, REAP_EVENTS_PAYLOAD), NULL);
}

void job_reap(struct job *job, enum query query, const char *const *values)
{
    archive_query(job->jobs->core->archive, query, values, run_reaped, job);
    loop_wake();
}

void job_reap_older(struct job *job, enum query query, gint64 days, const char *most)
{
    char age[24];
    g_snprintf(age, sizeof age, "%" G_GINT64_FORMAT, days * DAY);
    job_reap(job, query, (const char *[]){age, most});
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static void job_begin(struct jobs *jobs, const struct rows *rows, int row)
{
    const struct job_kind *kind =
        g_hash_table_lookup(jobs->kinds, rows_text(rows, row, JOB_TAKE_KIND));
    if (!kind)
        return;
    struct job *job = g_new0(struct job, 1);
    *job = (struct job){.jobs = jobs,
                        .kind = kind,
                        .key = g_strdup(rows_text(rows, row, JOB_TAKE_KEY)),
                        .payload = g_strdup(rows_text(rows, row, JOB_TAKE_PAYLOAD)),
                        .attempts = (int)rows_integer(rows, row, JOB_TAKE_ATTEMPTS),
                        .lock = g_strdup(rows_text(rows, row, JOB_TAKE_LOCK))};
    pool_of(jobs, kind)->running++;
    metric_set(METRIC_JOBS_RUNNING, running_count(jobs));
    kind->run(job);
}

static void job_taken(const struct rows *rows, enum error_code error, void *data)
{
    struct pool *pool = data;
    pool->asking = false;
    for (int row = 0; error == ERROR_NONE && row < rows_count(rows); row++)
        job_begin(pool->jobs, rows, row);
}

static void jobs_take(struct pool *pool)
{
    char limit[12];
    if (!pool->names || pool->asking || pool->running >= pool->most)
        return;
    g_snprintf(limit, sizeof limit, "%u", pool->most - pool->running);
    const char *values[] = {pool->names, pool->locks, limit, pool->jobs->taker};
    pool->asking = true;
    archive_query(pool->jobs->core->archive, QUERY_JOB_TAKE, values, job_taken, pool);
}

/* LIST is an array of PostgreSQL that is not closed yet, TEXT a name without anything to quote. */
static void list_add(GString *list, const char *text)
{
    g_string_append_printf(list, "%s%s", list->len > 1 ? "," : "", text);
}

static void jobs_ensured(const struct rows *rows, enum error_code error, void *data)
{
    struct jobs *jobs = data;
    (void)rows;
    if (error != ERROR_NONE)
        jobs->ensure_at = 0;
}

static void jobs_released(const struct rows *rows, enum error_code error, void *data)
{
    (void)data;
    if (error != ERROR_NONE || rows_count(rows) != 1) /* soon again */
        return;
    gint64 released = rows_integer(rows, 0, JOB_RELEASE_RELEASED);
    if (released > 0)
        log_info(AREA_CORE, "jobs-released", "count=%" G_GINT64_FORMAT, released);
}

/* Of those that are at work, this instance and the others that are here may be. */
static void jobs_release(struct jobs *jobs)
{
    g_auto(GStrv) others = bus_instance_names(jobs->core);
    g_autoptr(GString) present = g_string_new("{");
    list_add(present, jobs->taker);
    for (char **other = others; *other; other++)
        list_add(present, *other);
    g_string_append_c(present, '}');
    const char *values[] = {present->str};
    archive_query(jobs->core->archive, QUERY_JOB_RELEASE, values, jobs_released, NULL);
}

static void state_read(const struct rows *rows, enum error_code error, void *data)
{
    (void)data;
    if (error != ERROR_NONE || rows_count(rows) != 1)
        return;
    metric_set(METRIC_JOBS_DUE, rows_integer(rows, 0, JOB_STATE_DUE));
    metric_set(METRIC_JOBS_LATE, rows_integer(rows, 0, JOB_STATE_LATE));
    metric_set(METRIC_JOBS_FAILING, rows_integer(rows, 0, JOB_STATE_FAILING));
}

static bool is_ours(const struct jobs *jobs)
{
    return !jobs->left && (!jobs->lease || lease_is_held(jobs->lease));
}

void jobs_tick(struct jobs *jobs)
{
    struct archive *archive = jobs->core->archive;
    gint64 now = clock_monotonic();
    if (!is_ours(jobs) || !archive || !archive_is_up(archive))
        return;
    if (now >= jobs->ensure_at) {
        jobs->ensure_at = now + ENSURE_INTERVAL;
        const char *values[] = {jobs->steady};
        archive_query(archive, QUERY_JOB_ENSURE, values, jobs_ensured, jobs);
    }
    if (now >= jobs->release_at && bus_settling(jobs->core) == 0) {
        jobs->release_at = now + RELEASE_INTERVAL;
        jobs_release(jobs);
    }
    if (now >= jobs->state_at) {
        jobs->state_at = now + STATE_INTERVAL;
        archive_query(archive, QUERY_JOB_STATE, NULL, state_read, NULL);
    }
    for (size_t i = 0; i < JOB_POOLS; i++)
        jobs_take(&jobs->pools[i]);
    loop_wake();
}

static gboolean on_timer(gpointer data)
{
    jobs_tick(data);
    return G_SOURCE_CONTINUE;
}

/* ---- Adding ---------------------------------------------------------------------------------- */

void job_add(struct core *core, const char *kind, const char *key, gint64 wall, const char *payload,
             archive_done done, void *data)
{
    char due[24];
    g_snprintf(due, sizeof due, "%" G_GINT64_FORMAT, wall);
    const char *values[] = {kind, key, due, payload};
    archive_query(core->archive, QUERY_JOB_ADD, values, done, data);
}

/* ---- Start and stop -------------------------------------------------------------------------- */

static void lease_changed(void *data)
{
    struct jobs *jobs = data;
    jobs->ensure_at = jobs->release_at = jobs->state_at = 0;
    metric_set(METRIC_JOBS_DUE, 0); /* who runs them knows */
    metric_set(METRIC_JOBS_LATE, 0);
    metric_set(METRIC_JOBS_FAILING, 0);
}

static void kind_add(struct jobs *jobs, const struct job_kind *kind, GString *names[],
                     GString *locks[])
{
    char lock[12];
    g_snprintf(lock, sizeof lock, "%u", kind->lock ? kind->lock : LOCK_DEFAULT);
    g_hash_table_insert(jobs->kinds, (gpointer)(guintptr)kind->name, (gpointer)(guintptr)kind);
    list_add(names[kind->pool], kind->name);
    list_add(locks[kind->pool], lock);
}

static void kinds_read(struct jobs *jobs, const struct job_kind *const *tables)
{
    GString *names[JOB_POOLS], *locks[JOB_POOLS];
    g_autoptr(GString) steady = g_string_new("{");
    jobs->kinds = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < JOB_POOLS; i++) {
        names[i] = g_string_new("{");
        locks[i] = g_string_new("{");
    }
    for (; *tables; tables++) {
        for (const struct job_kind *kind = *tables; kind->name; kind++) {
            kind_add(jobs, kind, names, locks);
            if (kind->interval > 0)
                list_add(steady, kind->name);
        }
    }
    for (size_t i = 0; i < JOB_POOLS; i++) {
        bool some = names[i]->len > 1;
        jobs->pools[i] = (struct pool){.jobs = jobs, .most = running_max[i]};
        jobs->pools[i].names = some ? g_strconcat(names[i]->str, "}", NULL) : NULL;
        jobs->pools[i].locks = some ? g_strconcat(locks[i]->str, "}", NULL) : NULL;
        g_string_free(names[i], TRUE);
        g_string_free(locks[i], TRUE);
    }
    jobs->steady = g_strconcat(steady->str, "}", NULL);
}

struct jobs *jobs_new(struct core *core, const struct job_kind *const *kinds)
{
    struct jobs *jobs = g_new0(struct jobs, 1);
    struct lease_callbacks callbacks = {lease_changed, lease_changed};
    jobs->core = core;
    kinds_read(jobs, kinds);
    jobs->taker = bus_instance(core) ? g_strdup(bus_instance(core)) : random_hex(TAKER_BYTES);
    if (bus_instance(core))
        jobs->lease = lease_new(core, "jobs", &callbacks, jobs);
    jobs->timer = g_timeout_add_seconds(1, on_timer, jobs);
    return jobs;
}

void jobs_leave(struct jobs *jobs)
{
    if (jobs->left)
        return;
    jobs->left = true;
    if (jobs->lease)
        lease_yield(jobs->lease, 3600);
}

void jobs_free(struct jobs *jobs)
{
    if (!jobs)
        return;
    g_source_remove(jobs->timer);
    lease_free(jobs->lease);
    g_hash_table_unref(jobs->kinds);
    g_free(jobs->steady);
    g_free(jobs->taker);
    for (size_t i = 0; i < JOB_POOLS; i++) {
        g_clear_pointer(&jobs->pools[i].names, g_free);
        g_clear_pointer(&jobs->pools[i].locks, g_free);
    }
    jobs->freed = true;
    if (running_count(jobs) == 0)
        g_free(jobs);
}
