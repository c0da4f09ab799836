/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who has done what as staff, by server key, by command or at the shell. Rows come from
 * sql/function/audit.sql, for every operation that has a name in the audit. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/job/job.h"

static const struct field list_fields[] = {
    {.name = "since", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY | FIELD_TIME},
    {.name = "until", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY | FIELD_TIME},
    {.name = "actor",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = 3071,
     .label = "Who did it (an address, \"key NAME\")"},
    {.name = "action",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = 64,
     .label = "What was done (\"user.\": all that begin so)"},
    {.name = "object",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = 64,
     .label = "To whom or what (an id)"},
    FIELD_PAGE_LIMIT(100),
    FIELD_PAGE_AFTER(64),
    {0},
};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/audit",
     .fields = list_fields,
     .read = QUERY_AUDIT_LIST,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "audit",
     .role = "auditor",
     .audit = "audit.read",
     .adhoc =
         &(const struct adhoc){.node = "urn:trestle:admin:audit", .name = "Audit: who did what"},
     .reply = "AuditPage",
     .summary = "Who has done what, newest first"},
    {0},
};

static void reap_audit(struct job *job)
{
    job_reap_older(job, QUERY_REAP_AUDIT, job_core(job)->options->retention_audit, "2000");
}

static const struct job_kind jobs[] = {
    {.name = "reap.audit", .interval = 86400, .run = reap_audit},
    {0},
};

const struct feature feature_audit = {.name = "audit", .operations = operations, .jobs = jobs};
