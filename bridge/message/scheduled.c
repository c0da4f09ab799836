/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages that are to be sent later, at a moment or when the clocks of a time zone show a time.
 * What is to be sent, and when, is a row; one job sends those that are due, one after the other.
 * See sql/function/scheduled.sql. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/content.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/message.h"
#include "bridge/core/request.h"
#include "bridge/job/due.h"
#include "bridge/job/job.h"
#include "bridge/message/judge.h"

/* ---- Planning -------------------------------------------------------------------------------- */

#define FIELDS_OF_TIME                                                                             \
    {.name = "scheduled_for",                                                                      \
     .type = FIELD_TEXT,                                                                           \
     .flags = FIELD_TIME,                                                                          \
     .minimum = 1,                                                                                 \
     .maximum = 40},                                                                               \
        {.name = "local_time",                                                                     \
         .type = FIELD_TEXT,                                                                       \
         .flags = FIELD_CLOCK,                                                                     \
         .minimum = 1,                                                                             \
         .maximum = 19},                                                                           \
    {                                                                                              \
        .name = "time_zone", .type = FIELD_TEXT, .minimum = 1, .maximum = 64                       \
    }

static const struct field add_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
#include "bridge/core/send_fields.def"
    FIELDS_OF_TIME,
    {0},
};

static const struct field update_fields[] = {
    FIELD_ID_IN_PATH("scheduled_id"),
    {.name = "content", .type = FIELD_TEXT, .minimum = 1},
    FIELDS_OF_TIME,
    {0},
};

static void set_text(json_t *arguments, const struct request *request, const char *name)
{
    if (request_text(request, name))
        json_object_set_new(arguments, name, json_string(request_text(request, name)));
}

/* What was asked for, as arguments of a change. */
static json_t *arguments_of(const struct request *request)
{
    json_t *arguments = json_object();
    set_text(arguments, request, "content");
    set_text(arguments, request, "scheduled_for");
    set_text(arguments, request, "local_time");
    set_text(arguments, request, "time_zone");
    return arguments;
}

static void set_new_id(json_t *arguments, const char *name)
{
    char text[UUID_TEXT_SIZE];
    uuid_generate_text(text);
    json_object_set_new(arguments, name, json_string(text));
}

struct planning {
    struct request *request;
    bool reserved; /* one of LIMIT_STRANGERS, until it is known whether this counts */
};

static void scheduled_added(const struct change_result *result, void *data)
{
    g_autofree struct planning *planning = data;
    bool counts = change_succeeded(result) && result->outcome == OUTCOME_DONE &&
                  json_is_true(json_object_get(result->json, "stranger"));
    struct request *request = planning->request;
    if (planning->reserved && !counts)
        limit_release(request->core->limiter, request->account, LIMIT_STRANGERS);
    change_reply_member(request, 201, result, "scheduled");
}

static void scheduled_submit(struct request *request)
{
    struct message_draft draft = {0};
    if (!content_take(request, &draft))
        return;
    struct planning *planning = g_new0(struct planning, 1);
    planning->request = request;
    json_t *arguments = arguments_of(request);
    if (draft.details)
        json_object_set_new(arguments, "details", draft.details);
    set_new_id(arguments, "id");
    set_new_id(arguments, "message_id");
    set_text(arguments, request, "conversation_id");
    set_text(arguments, request, "client_id");
    if (!request->by_key) {
        planning->reserved =
            limit_reserve(request->core->limiter, request->account, LIMIT_STRANGERS);
        json_object_set_new(arguments, "strangers_max", json_integer(planning->reserved));
    }
    change_submit(request->core, "scheduled_add", &request->account->id, arguments, scheduled_added,
                  planning);
}

static void scheduled_add(struct request *request)
{
    struct message_draft draft = {0};
    if (!content_take(request, &draft))
        return;
    judge_text(request, draft.content, draft.details, request_uuid(request, "conversation_id"),
               scheduled_submit);
    json_decref(draft.details);
}

static void scheduled_updated(const struct change_result *result, void *data)
{
    change_reply(data, 200, result);
}

static void update_submit(struct request *request)
{
    json_t *arguments = arguments_of(request);
    set_text(arguments, request, "scheduled_id");
    change_submit(request->core, "scheduled_update", &request->account->id, arguments,
                  scheduled_updated, request);
}

static void scheduled_update(struct request *request)
{
    if (!request_value(request, "content")->present)
        update_submit(request);
    else if (content_check_text(request))
        judge_text(request, request_text(request, "content"), NULL,
                   request_uuid(request, "scheduled_id"), update_submit);
}

static const struct field cancel_fields[] = {FIELD_ID_IN_PATH("scheduled_id"), {0}};

static const char *const statuses[] = {"pending", "sent", "cancelled", "failed", "all", NULL};

static const struct field list_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    FIELD_PAGE_LIMIT(100),
    {.name = "status",
     .type = FIELD_CHOICE,
     .flags = FIELD_IN_QUERY,
     .choices = statuses,
     .fallback = "pending"},
    FIELD_PAGE_AFTER(64),
    {0},
};

/* ---- When it is time ------------------------------------------------------------------------- */

static void add_limit(struct core *core, json_t *arguments)
{
    json_object_set_new(arguments, "content_max",
                        json_integer(core->options->messages_content_max));
}

static void send_due(struct job *job)
{
    static const struct due due = {.query = QUERY_SCHEDULED_DUE,
                                   .change = "scheduled_send",
                                   .argument = "id",
                                   .add = add_limit,
                                   .rest = "scheduled_rest"};
    if (toggle_is_on(job_core(job), TOGGLE_MESSAGES, NULL))
        due_run(job, &due);
    else
        job_end(job, JOB_FAILED, NULL, "messages are switched off");
}

#define KEPT "2592000" /* seconds: 30 days after they are over */

static void reap_scheduled(struct job *job)
{
    job_reap(job, QUERY_REAP_SCHEDULED, (const char *[]){KEPT, "500"});
}

static const struct job_kind jobs[] = {
    {.name = "scheduled.send", .lock = 30, .retry = 2, .retry_max = 60, .run = send_due},
    {.name = "reap.scheduled", .interval = 3600, .run = reap_scheduled},
    {0},
};

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/conversations/:conversation_id/scheduled",
     .command = "message.schedule",
     .toggle = TOGGLE_MESSAGES,
     .fields = add_fields,
     .handle = scheduled_add,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:schedule",
                                    .name = "Mine: say something later",
                                    .asked = (const char *const[]){"conversation_id", "content",
                                                                   "scheduled_for", NULL}},
     .limit = LIMIT_MESSAGES,
     .flags = OPERATION_CREATES,
     .errors = OPERATION_ERROR(REFUSED) | OPERATION_ERROR(CONFLICT),
     .reply = "Scheduled",
     .summary = "Plans a message for later"},
    {.method = "GET",
     .path = "/api/conversations/:conversation_id/scheduled",
     .fields = list_fields,
     .read = QUERY_SCHEDULED_PAGE,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:scheduled",
                                    .name = "Mine: what I am going to say",
                                    .asked = (const char *const[]){"conversation_id", NULL}},
     .flags = OPERATION_LISTS,
     .reply = "ScheduledPage",
     .summary = "What the caller has planned in a conversation, by time"},
    {.method = "PATCH",
     .path = "/api/scheduled/:scheduled_id",
     .command = "scheduled.update",
     .toggle = TOGGLE_MESSAGES,
     .fields = update_fields,
     .handle = scheduled_update,
     .limit = LIMIT_MESSAGES,
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Scheduled",
     .summary = "Changes a message that has not been sent yet"},
    {.method = "DELETE",
     .path = "/api/scheduled/:scheduled_id",
     .command = "scheduled.cancel",
     .fields = cancel_fields,
     .change = "scheduled_cancel",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:unschedule",
                                    .name = "Mine: do not say it"},
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Scheduled",
     .summary = "Has it not be sent"},
    {0},
};

const struct feature feature_scheduled = {
    .name = "scheduled", .operations = operations, .jobs = jobs};
