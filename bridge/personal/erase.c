/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Erasing all that a user has said and left, for staff: first what would go, then it goes, by a
 * job. sql/function/erase.sql does it. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/job/job.h"

static const struct field show_fields[] = {FIELD_NAMED_USER, {0}};
static const struct field erase_fields[] = {
    FIELD_NAMED_USER,
    FIELD_REASON_FOR_AUDIT,
    {.name = "dry_run", .type = FIELD_BOOLEAN, .label = "Only say what would go"},
    {0},
};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/admin/users/:user/erasure",
     .fields = show_fields,
     .read = QUERY_ERASE_SHOW,
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .audit = "user.erasure",
     .adhoc =
         &(const struct adhoc){.node = "urn:trestle:admin:erasure",
                               .name = "Users: what erasing one takes away, and how far it is"},
     .reply = "Erasure",
     .summary = "What erasing a user would take away, and whether that has been done"},
    {.method = "POST",
     .path = "/api/admin/users/:user/erasure",
     .fields = erase_fields,
     .change = "user_erase",
     .flags = OPERATION_SERVER_KEY | OPERATION_REVOKES,
     .scope = "admin",
     .role = "admin",
     .audit = "user.erase",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:admin:erase",
                                    .name = "Users: erase all that one has said and left",
                                    .confirm = "It is gone for good, for everybody."},
     .reply = "Erasure",
     .errors = OPERATION_ERROR(NOT_FOUND) | OPERATION_ERROR(CONFLICT),
     .summary =
         "Erases all that a user has said and left; with `dry_run` it only says what that is"},
    {0},
};

static void erase_step(struct job *job)
{
    change_submit(job_core(job), "user_erase_step", NULL,
                  json_pack("{s:s}", "user_id", job_key(job)), job_changed, job);
}

static const struct job_kind jobs[] = {
    {.name = "user.erase", .run = erase_step},
    {0},
};

const struct feature feature_erase = {.name = "erase", .operations = operations, .jobs = jobs};
