/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What keeps tables from growing without an end: see sql/function/reap.sql, and docs/operations.md
 * for what is kept how long. And what jobs there are, for administrators. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/job/job.h"

#define DAY 86400
#define REMOVED_MAX "500" /* rows in one run, while writers wait */
#define SAID_MAX "200"    /* messages, with all that was done to them, likewise */

static void text_of(gint64 days, char ret_seconds[24])
{
    g_snprintf(ret_seconds, 24, "%" G_GINT64_FORMAT, days * DAY);
}

static void reap_events(struct job *job)
{
    job_reap_older(job, QUERY_REAP_EVENTS, job_core(job)->options->retention_events, REMOVED_MAX);
}

static void reap_users(struct job *job)
{
    const struct options *options = job_core(job)->options;
    char age[24];
    /* Events may name a user who is referred to no more. */
    text_of(MAX(options->retention_remote_users, options->retention_events), age);
    job_reap(job, QUERY_REAP_USERS, (const char *[]){job_payload(job), age, "500"});
}

static void reap_entries(struct job *job)
{
    job_reap(job, QUERY_REAP_ENTRIES, (const char *[]){job_payload(job), REMOVED_MAX});
}

static void reap_groups(struct job *job)
{
    job_reap_older(job, QUERY_REAP_GROUPS, job_core(job)->options->retention_groups, SAID_MAX);
}

static void reap_calls(struct job *job)
{
    job_reap_older(job, QUERY_REAP_CALLS, job_core(job)->options->retention_calls, "2000");
}

/* What servers keep of messages is not kept for longer than messages. */
static void reap_archives(struct job *job)
{
    char age[24];
    const struct options *options = job_core(job)->options;
    gint64 days = options->retention_server_archives;
    if (options->retention_messages > 0 && (days == 0 || days > options->retention_messages))
        days = options->retention_messages;
    text_of(days, age);
    job_reap(job, QUERY_REAP_ARCHIVES, (const char *[]){job_payload(job), age, "2000"});
}

static void reap_pictures(struct job *job)
{
    job_reap(job, QUERY_REAP_PICTURES, (const char *[]){"50"});
}

static void reap_sessions(struct job *job)
{
    job_reap(job, QUERY_REAP_SESSIONS, (const char *[]){"10000"});
}

/* ---- How large the tables are ---------------------------------------------------------------- */

static const struct {
    const char *table;
    enum metric metric;
} sizes[] = {
    {"users", METRIC_ROWS_USERS},
    {"conversations", METRIC_ROWS_CONVERSATIONS},
    {"messages", METRIC_ROWS_MESSAGES},
    {"marks", METRIC_ROWS_MARKS},
    {"events", METRIC_ROWS_EVENTS},
    {"entries", METRIC_ROWS_ENTRIES},
    {"outbox", METRIC_ROWS_OUTBOX},
    {"contacts", METRIC_ROWS_CONTACTS},
    {"blocks", METRIC_ROWS_BLOCKS},
    {"sessions", METRIC_ROWS_SESSIONS},
    {"tickets", METRIC_ROWS_TICKETS},
    {"revocations", METRIC_ROWS_REVOCATIONS},
    {"pictures", METRIC_ROWS_PICTURES},
    {"jobs", METRIC_ROWS_JOBS},
    {"outbox_oldest", METRIC_OUTBOX_OLDEST},
};

static void sizes_read(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    for (int row = 0; error == ERROR_NONE && row < rows_count(rows); row++) {
        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
            if (strcmp(rows_text(rows, row, TABLE_SIZES_NAME), sizes[i].table) == 0)
                metric_set(sizes[i].metric, rows_integer(rows, row, TABLE_SIZES_SIZE));
        }
    }
    job_conclude(job, error, false);
}

static void tables_measure(struct job *job)
{
    archive_query(job_core(job)->archive, QUERY_TABLE_SIZES, NULL, sizes_read, job);
}

/* ---- For administrators ---------------------------------------------------------------------- */

static const struct field list_fields[] = {
    {.name = "kind", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY, .minimum = 1, .maximum = 64},
    FIELD_PAGE_LIMIT(100),
    FIELD_PAGE_AFTER(512),
    {0},
};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/admin/jobs",
     .fields = list_fields,
     .read = QUERY_JOB_LIST,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "admin",
     .role = "admin",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:admin:jobs", .name = "Service: jobs"},
     .reply = "JobPage",
     .summary = "What is to be done later, or now and then, by kind and key"},
    {0},
};

static const struct job_kind jobs[] = {
    {.name = "reap.sessions", .interval = 600, .run = reap_sessions},
    {.name = "reap.events", .interval = 3600, .run = reap_events},
    {.name = "reap.users", .interval = 21600, .run = reap_users},
    {.name = "reap.entries", .interval = DAY, .run = reap_entries},
    {.name = "reap.groups", .interval = 3600, .run = reap_groups},
    {.name = "reap.calls", .interval = 3600, .run = reap_calls},
    {.name = "reap.archives", .interval = 3600, .run = reap_archives},
    {.name = "reap.pictures", .interval = 3600, .run = reap_pictures},
    {.name = "table.sizes", .interval = 60, .run = tables_measure},
    {0},
};

const struct feature feature_retention = {
    .name = "retention", .operations = operations, .jobs = jobs};
