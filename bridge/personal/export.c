/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What users take away: copies of their account, and of conversations if all in them agree; and
 * what staff has made of a user. sql/function/export.sql decides; export_job.c makes it, and
 * export_file.c hands it out. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/personal/export_job.h"
#include "bridge/job/job.h"

static void export_added(const struct change_result *result, void *data)
{
    change_reply(data, 202, result);
}

/* ARGUMENTS is taken; the id makes a change that is carried out twice one export. */
static void export_add(struct request *request, const char *change, json_t *arguments)
{
    char text[UUID_TEXT_SIZE];
    uuid_generate_text(text);
    json_object_set_new(arguments, "id", json_string(text));
    change_submit(request->core, change, request->account ? &request->account->id : NULL, arguments,
                  export_added, request);
}

static void account_export(struct request *request)
{
    export_add(request, "export_account", json_object());
}

static void conversation_export(struct request *request)
{
    export_add(request, "export_conversation",
               json_pack("{s:s}", "conversation_id", request_text(request, "conversation_id")));
}

static const struct field page_fields[] = {FIELD_PAGE_LIMIT(100), FIELD_PAGE_AFTER(64), {0}};
static const struct field export_fields[] = {FIELD_ID_IN_PATH("export_id"), {0}};
static const struct field conversation_fields[] = {FIELD_ID_IN_PATH("conversation_id"), {0}};
static const struct field consent_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    {.name = "export_id", .type = FIELD_UUID, .flags = FIELD_REQUIRED, .label = "Which export"},
    {.name = "consent",
     .type = FIELD_BOOLEAN,
     .flags = FIELD_REQUIRED,
     .label = "May there be a copy of the conversation"},
    {0},
};
static const struct field user_fields[] = {
    FIELD_NAMED_USER,
    FIELD_REASON_FOR_AUDIT,
    {0},
};

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/account/exports",
     .handle = account_export,
     .flags = OPERATION_LATER,
     .limit = LIMIT_EXPORTS,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:export",
                                    .name = "Mine: have a copy of all made"},
     .reply = "Export",
     .errors = OPERATION_ERROR(CONFLICT),
     .summary = "Has a copy of the user's account made; export.ready or export.failed tells how "
                "that went"},
    {.method = "GET",
     .path = "/api/account/exports",
     .fields = page_fields,
     .read = QUERY_EXPORT_LIST,
     .flags = OPERATION_LISTS,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:exports",
                                    .name = "Mine: copies, and where they are"},
     .reply = "ExportPage",
     .summary = "What the user has asked copies of, newest first"},
    {.method = "GET",
     .path = "/api/account/export-consents",
     .fields = page_fields,
     .read = QUERY_EXPORT_LIST_OF_ASKED,
     .flags = OPERATION_LISTS,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:export-consents",
                                    .name = "Mine: copies of conversations that I am asked about"},
     .reply = "ExportPage",
     .summary = "Copies of conversations that the user is or was asked about and may still refuse, "
                "newest first"},
    {.method = "GET",
     .path = "/api/account/exports/:export_id",
     .fields = export_fields,
     .read = QUERY_EXPORT_GET,
     .reply = "Export",
     .summary = "How far an export is, and where it is"},
    {.method = "DELETE",
     .path = "/api/account/exports/:export_id",
     .fields = export_fields,
     .change = "export_cancel",
     .reply = "Export",
     .summary = "Ends an export; what was made is removed"},
    {.method = "POST",
     .path = "/api/conversations/:conversation_id/export",
     .fields = conversation_fields,
     .handle = conversation_export,
     .flags = OPERATION_LATER,
     .limit = LIMIT_EXPORTS,
     .reply = "Export",
     .errors = OPERATION_ERROR(CONFLICT),
     .summary = "Has a copy of a conversation made, when all the others have agreed"},
    {.method = "GET",
     .path = "/api/conversations/:conversation_id/export",
     .fields = conversation_fields,
     .read = QUERY_EXPORT_OF_CONVERSATION,
     .reply = "Export",
     .summary = "The export of a conversation that waits for its members"},
    {.method = "POST",
     .path = "/api/conversations/:conversation_id/export/consent",
     .fields = consent_fields,
     .change = "export_consent",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:export-consent",
                                    .name = "Mine: let a conversation be copied, or not"},
     .reply = "Export",
     .errors = OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(NOT_FOUND),
     .summary = "Agrees to the export of a conversation, or does not, or does no longer"},
    {.method = "POST",
     .path = "/api/admin/users/:user/export",
     .fields = user_fields,
     .change = "export_user",
     .flags = OPERATION_SERVER_KEY | OPERATION_MAKES,
     .scope = "admin",
     .role = "admin",
     .audit = "user.export",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:admin:export",
                                    .name = "Users: have a copy of all of one made",
                                    .confirm = "What the user said and was told is in it."},
     .reply = "Export",
     .errors = OPERATION_ERROR(NOT_FOUND) | OPERATION_ERROR(CONFLICT),
     .summary = "Has a copy of a user's account made, for staff"},
    {.method = "GET",
     .path = "/api/admin/exports",
     .fields = page_fields,
     .read = QUERY_EXPORT_LIST_OF_STAFF,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "admin",
     .role = "admin",
     .audit = "export.list",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:admin:exports",
                                    .name = "Users: copies that staff had made"},
     .reply = "ExportPage",
     .summary = "Copies that staff had made, newest first, with the links to them"},
    {.method = "DELETE",
     .path = "/api/admin/exports/:export_id",
     .fields = export_fields,
     .change = "export_remove",
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .audit = "export.remove",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:admin:export-remove",
                                    .name = "Users: remove a copy that staff had made"},
     .reply = "Export",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary = "Ends a copy that staff had made; what was made is removed"},
    {0},
};

/* ---- Jobs ------------------------------------------------------------------------------------ */

static void exports_expire(struct job *job)
{
    change_submit(job_core(job), "export_expire", NULL, NULL, job_changed, job);
}

static void export_purge(struct job *job)
{
    job_reap(job, QUERY_EXPORT_PURGE, (const char *[]){job_key(job), "50"});
}

static const struct job_kind jobs[] = {
    {.name = "export.purge", .run = export_purge},
    {.name = "export.run", .lock = 120, .run = export_run},
    {.name = "export.expire", .interval = 600, .run = exports_expire},
    {0},
};

const struct feature feature_export = {.name = "export", .operations = operations, .jobs = jobs};
