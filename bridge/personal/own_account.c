/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A user's own account: what there is to say of it, and its end. See sql/function/account.sql. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/job/job.h"

static const struct field leave_fields[] = {
    {.name = "confirm",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = FIELD_USERS_JID_MAX},
    {0},
};

static const struct field session_fields[] = {FIELD_ID_IN_PATH("session_id"), {0}};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/account/sessions",
     .read = QUERY_SESSION_LIST,
     .flags = OPERATION_LISTS,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:sessions",
                                    .name = "Mine: where I am signed in by cookie"},
     .reply = "NamedSessions",
     .summary = "The user's sessions by cookie, the oldest first"},
    {.method = "DELETE",
     .path = "/api/account/sessions/:session_id",
     .fields = session_fields,
     .change = "session_end",
     .flags = OPERATION_REVOKES,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:end-session",
                                    .name = "Mine: end one of those"},
     .reply = "NamedSessions",
     .summary = "Ends one of the user's sessions by cookie; the answer is those that are left"},
    {.method = "GET",
     .path = "/api/account",
     .read = QUERY_ACCOUNT_GET,
     .reply = "Account",
     .summary = "The user's own account, and when it is deleted"},
    {.method = "DELETE",
     .path = "/api/account",
     .fields = leave_fields,
     .change = "account_leave",
     .flags = OPERATION_HOSTED | OPERATION_REVOKES,
     .reply = "Account",
     .summary = "Has the user's own account deleted when its time of grace is over; `confirm` is "
                "its address"},
    {.method = "POST",
     .path = "/api/account/restore",
     .change = "account_restore",
     .flags = OPERATION_HOSTED,
     .reply = "Account",
     .summary = "Keeps the user's own account after all"},
    {0},
};

/* ---- The end --------------------------------------------------------------------------------- */

static void account_delete(struct job *job)
{
    change_submit(job_core(job), "account_end", NULL, json_pack("{s:s}", "user_id", job_key(job)),
                  job_changed, job);
}

static const struct job_kind jobs[] = {
    {.name = "account.delete", .run = account_delete},
    {0},
};

const struct feature feature_own_account = {
    .name = "own_account", .operations = operations, .jobs = jobs};
