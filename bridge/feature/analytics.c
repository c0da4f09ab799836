/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figures of conversations: who has written how much on which day, and how soon others answered.
 * They are counted when a day is over, see sql/function/analytics.sql. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/toggle.h"
#include "bridge/job/job.h"

#define POSITIONS "5000"         /* of the log, in one run */
#define POSITIONS_BACK "5000000" /* that are looked at when it is switched on */
#define DAY 86400

static void activity_count(struct job *job)
{
    char days[24];
    struct core *core = job_core(job);
    if (!toggle_is_on(core, TOGGLE_ANALYTICS, NULL)) {
        job_end(job, JOB_DONE, NULL, NULL);
        return;
    }
    g_snprintf(days, sizeof days, "%d", (int)core->options->retention_analytics);
    job_reap(job, QUERY_ACTIVITY_COUNT, (const char *[]){POSITIONS, POSITIONS_BACK, days});
}

static void activity_forget(struct job *job)
{
    job_reap(job, QUERY_ACTIVITY_FORGET, (const char *[]){job_key(job), "1000"});
}

static void reap_activity(struct job *job)
{
    char days[24];
    g_snprintf(days, sizeof days, "%d", (int)job_core(job)->options->retention_analytics);
    job_reap(job, QUERY_REAP_ACTIVITY, (const char *[]){days, "2000"});
}

static const struct field fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    {.name = "from", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY | FIELD_TIME, .maximum = 64},
    {.name = "to", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY | FIELD_TIME, .maximum = 64},
    {0},
};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/conversations/:conversation_id/analytics",
     .fields = fields,
     .read = QUERY_CONVERSATION_ANALYTICS,
     .toggle = TOGGLE_ANALYTICS,
     .reply = "Analytics",
     .summary = "How much is said in a group, by whom and how soon others answer, for its owners "
                "and admins"},
    {.method = "GET",
     .path = "/api/admin/conversations/:conversation_id/analytics",
     .fields = fields,
     .read = QUERY_ADMIN_ANALYTICS,
     .toggle = TOGGLE_ANALYTICS,
     .flags = OPERATION_SERVER_KEY,
     .scope = "analytics",
     .role = "admin",
     .audit = "analytics.show",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:admin:analytics",
                                    .name = "Service: figures of a conversation"},
     .reply = "Analytics",
     .summary = "The same of any conversation"},
    {0},
};

static const struct job_kind jobs[] = {
    {.name = "analytics.count", .interval = 3600, .run = activity_count},
    {.name = "analytics.forget", .run = activity_forget},
    {.name = "reap.activity", .interval = DAY, .run = reap_activity},
    {0},
};

const struct feature feature_analytics = {
    .name = "analytics", .operations = operations, .jobs = jobs};
