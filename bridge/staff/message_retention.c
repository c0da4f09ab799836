/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long messages and files are kept, for all and, if they want it, for single users: see
 * sql/function/retention.sql. A job asks what is due, a few messages or conversations at a time,
 * and each few go by one change. Where it has come stands in the payload of the job. */
#include "config.h"

#include <jansson.h>

#include "bridge/archive/archive.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/job/job.h"

#define DAY 86400
#define CONVERSATIONS_LOOKED "1000" /* in one run: one look by key at each */
#define CONVERSATIONS_MAX "25"      /* that change in one run, while writers wait */
#define REMOVED_MAX "200"           /* messages, likewise */
#define OWN_LOOKED "100"
#define OWN_MAX "50" /* messages, likewise */
#define FILES_MAX 20

/* A run of a job whose change is under way, and how it will end. */
struct run {
    struct job *job;
    bool more;
    char *payload; /* of the next run */
};

static void run_end(struct run *run, enum error_code error)
{
    if (error != ERROR_NONE)
        job_end(run->job, JOB_FAILED, NULL, error_info(error)->code);
    else
        job_end(run->job, run->more ? JOB_MORE : JOB_DONE, run->payload, NULL);
    g_free(run->payload);
    g_free(run);
}

static struct run *run_new(struct job *job, bool more, const char *payload)
{
    struct run *run = g_new0(struct run, 1);
    *run = (struct run){.job = job, .more = more, .payload = g_strdup(payload)};
    return run;
}

static gint64 result_count(const struct change_result *result, const char *member)
{
    return json_integer_value(json_object_get(result->json, member));
}

/* ---- Of everybody ---------------------------------------------------------------------------- */

static void expire_done(const struct change_result *result, void *data)
{
    enum error_code error = change_error(result);
    if (error == ERROR_NONE)
        metric_add(METRIC_EXPIRED_MESSAGES, result_count(result, "messages"));
    run_end(data, error);
}

static void due_read(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    struct core *core = job_core(job);
    if (error != ERROR_NONE) {
        job_conclude(job, error, false);
        return;
    }
    struct run *run = run_new(job, rows_boolean(rows, 0, RETENTION_DUE_MORE),
                              rows_text(rows, 0, RETENTION_DUE_PAYLOAD));
    const char *ids = rows_text(rows, 0, RETENTION_DUE_IDS);
    if (!ids) {
        run_end(run, ERROR_NONE);
        return;
    }
    change_submit(core, "retention_expire", NULL,
                  json_pack("{s:o, s:I}", "ids", json_loads(ids, 0, NULL), "seconds",
                            (json_int_t)core->options->retention_messages * DAY),
                  expire_done, run);
}

static void messages_expire(struct job *job)
{
    char age[24];
    gint64 days = job_core(job)->options->retention_messages;
    if (days == 0) {
        job_end(job, JOB_DONE, "{}", NULL);
        return;
    }
    g_snprintf(age, sizeof age, "%" G_GINT64_FORMAT, days * DAY);
    archive_query(job_core(job)->archive, QUERY_RETENTION_DUE,
                  (const char *[]){job_payload(job), age, CONVERSATIONS_LOOKED, CONVERSATIONS_MAX},
                  due_read, job);
}

static void reap_messages(struct job *job)
{
    job_reap(job, QUERY_REAP_MESSAGES, (const char *[]){job_payload(job), REMOVED_MAX});
}

/* ---- Files ----------------------------------------------------------------------------------- */

static void media_done(const struct change_result *result, void *data)
{
    struct job *job = data;
    enum error_code error = change_error(result);
    if (error == ERROR_NONE)
        metric_add(METRIC_EXPIRED_FILES, result_count(result, "files"));
    job_conclude(job, error, json_is_true(json_object_get(result->json, "more")));
}

static void media_expire(struct job *job)
{
    gint64 days = job_core(job)->options->retention_media;
    if (days == 0) {
        job_end(job, JOB_DONE, NULL, NULL);
        return;
    }
    change_submit(job_core(job), "retention_media", NULL,
                  json_pack("{s:I, s:i}", "seconds", (json_int_t)(days * DAY), "limit", FILES_MAX),
                  media_done, job);
}

/* ---- Of one user ----------------------------------------------------------------------------- */

static void own_done(const struct change_result *result, void *data)
{
    enum error_code error = change_error(result);
    if (error == ERROR_NONE)
        metric_add(METRIC_EXPIRED_OWN, result_count(result, "messages"));
    run_end(data, error);
}

static void own_read(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    if (error != ERROR_NONE) {
        job_conclude(job, error, false);
        return;
    }
    struct run *run = run_new(job, rows_boolean(rows, 0, RETENTION_OWN_DUE_MORE),
                              rows_text(rows, 0, RETENTION_OWN_DUE_PAYLOAD));
    const char *places = rows_text(rows, 0, RETENTION_OWN_DUE_PLACES);
    if (!places) {
        run_end(run, ERROR_NONE);
        return;
    }
    change_submit(job_core(job), "retention_own", NULL,
                  json_pack("{s:o, s:o}", "ids",
                            json_loads(rows_text(rows, 0, RETENTION_OWN_DUE_IDS), 0, NULL),
                            "places", json_loads(places, 0, NULL)),
                  own_done, run);
}

static void own_expire(struct job *job)
{
    archive_query(job_core(job)->archive, QUERY_RETENTION_OWN_DUE,
                  (const char *[]){job_payload(job), OWN_LOOKED, OWN_MAX}, own_read, job);
}

static const struct field change_fields[] = {
    {.name = "messages_days", .type = FIELD_INTEGER, .minimum = 0, .maximum = 36500},
    {0},
};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/settings/retention",
     .read = QUERY_RETENTION_GET,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:retention",
                                    .name = "Mine: how long my messages are kept"},
     .reply = "Retention",
     .summary = "How long messages of the caller's are kept"},
    {.method = "PATCH",
     .path = "/api/settings/retention",
     .fields = change_fields,
     .change = "retention",
     .reply = "Retention",
     .flags = OPERATION_HOSTED,
     .summary = "Changes how long messages of the caller's are kept, for everybody"},
    {0},
};

static const struct job_kind jobs[] = {
    {.name = "retention.messages", .interval = 21600, .run = messages_expire},
    {.name = "retention.media", .interval = 3600, .run = media_expire},
    {.name = "retention.own", .interval = 21600, .run = own_expire},
    {.name = "reap.messages", .interval = 600, .run = reap_messages},
    {0},
};

const struct feature feature_message_retention = {
    .name = "message_retention", .operations = operations, .jobs = jobs};
